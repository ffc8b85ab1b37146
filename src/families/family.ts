/**
 * The interface between the pipeline and an API family. Everything that differs between providers' APIs is in the
 * family's files; the pipeline knows none of their formats.
 */
import type { Chunks } from '../core/chunks.ts'
import type { BelievedUsage, Report, Served, Unpriced } from '../core/reports.ts'
import type { CacheWrites } from '../core/tariff.ts'
import type { Microcredits } from '../core/units.ts'
import type { Refusal } from '../errors.ts'
import type { JsonObject } from './request-body.ts'

/** A route that costs credits. */
export interface MeteredRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** The path at the provider, as a pattern of the router (find-my-way): `:name` is a parameter, `::` a colon. */
  readonly url: string
  /** Whether its bodies are JSON to be read, or anything, which is forwarded unread. */
  readonly takes: 'json' | 'anything'
  readonly reader: () => RequestReader
  /** Keys that hold generated text: in a stream's events, and in a whole answer. */
  readonly textKeys: { readonly stream: readonly string[]; readonly whole: readonly string[] }
}

/** Reads one request. */
export interface RequestReader {
  /** Takes the plain bytes of the body as they arrive. */
  readonly push: (chunk: Buffer) => void
  /** What was read of the whole body; a refusal if the request is malformed or cannot be priced. */
  readonly inspect: (request: RequestSeen) => CallShape | Refusal
}

export interface RequestSeen {
  /** The bytes that were pushed. */
  readonly body: Chunks
  /** By their names in lower case, as Node reads them. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The path below the upstream's prefix. */
  readonly path: string
  /** '' or begins with a question mark. */
  readonly query: string
}

/** A route that is passed through and costs nothing, for paths that match exactly as the client sent them. */
export interface FreeRoute {
  readonly method: 'GET' | 'POST'
  readonly path: RegExp
}

/** A tier, speed or region that the request asks for, and that only its own factor prices. */
export interface AskedOption {
  readonly option: string
  readonly kind: 'service_tier' | 'region'
  readonly name: string
}

/** The parts of a request that determine its price. */
export interface CallShape {
  readonly model: string
  readonly stream: boolean
  /** Prompt tokens as estimated for `straddle` (text bytes / 3, media by table) … */
  readonly promptTokens: number
  /** … and as an upper bound for `strict` (1 a byte, media by table); null where nothing bounds it. */
  readonly promptTokensBound: number | null
  readonly audioTokens: number
  readonly audioOutput: boolean
  /** Most output tokens that the request allows for each of `choices`; null where it says nothing. */
  readonly maxOutput: number | null
  /** The field that bounds the output, for messages that name it. */
  readonly maxOutputField: string
  readonly generates: boolean
  readonly choices: number
  /** Whether the prompt may be billed as written to the provider's cache, and for how long at most. */
  readonly cacheWrites: CacheWrites
  /** Searches that the provider may make for the call, as far as one can tell. */
  readonly webSearches: number
  /** Options that change the price of every token (C11). */
  readonly asked: readonly AskedOption[]
  /** Other models that may answer in place of `model`: the hold is for the dearest of them all. */
  readonly alternatives: readonly string[]
  /** The price of the call if it is flat; null if it depends on usage. */
  readonly flatPrice: Microcredits | null
  /** The body to send: the caller's own bytes, plus the request for usage if the family adds one. */
  readonly body: Chunks
  /** Whether the answer's usage event exists only because the family asked for it: the client must not see it. */
  readonly hidesUsageEvent: boolean
}

export interface RefusalBody {
  readonly contentType: string
  readonly body: string
}

export interface Family {
  readonly name: 'openai' | 'anthropic' | 'gemini' | 'generic'
  /** The provider of the built-in price table whose models an upstream of this family serves, unless it says otherwise. */
  readonly priceProvider: string | null
  readonly metered: readonly MeteredRoute[]
  readonly free: readonly FreeRoute[]
  /** Routes that clients also try by WebSocket; they are refused at once and told to use HTTP. */
  readonly webSocketPaths: readonly string[]
  /** The header that carries the provider's own key. */
  readonly credential: (apiKey: string) => readonly [name: string, value: string]
  /** Caller's headers that would select another account's billing, or hide the usage report; in lower case. */
  readonly removedHeaders: readonly string[]
  /** A refusal in this API's error format, so that the official SDKs show the message (E2). */
  readonly refusalBody: (refusal: Refusal, requestId: string) => RefusalBody
  /** The fields of an answer, or of a stream's event, that report usage and how the call was served. */
  readonly answerFields: AnswerFields
  /** Keys that show that an answer holds generated content other than text, such as an image or a tool call. */
  readonly mediaKeys: readonly string[]
  /** Completes a report from earlier ones, if the API's reports are partial. */
  readonly completeReport: (report: JsonObject, earlier: Earlier) => JsonObject
  /** The content of a report, in counts that do not overlap. core/reports.ts decides which of it is trusted. */
  readonly readReport: (report: JsonObject, media: ReadonlySet<string>) => Report
  /** How the call was served, by a report. */
  readonly readServed: (report: JsonObject) => Partial<Served>
  /** Counts tool calls outside of usage reports; null if the API has none. */
  readonly countTools: (() => ToolCounter) | null
  /** Whether a stream's event contains only usage. */
  readonly isUsageEvent: (event: unknown) => boolean
}

/** Dotted paths, `*` for the elements of an array. */
export interface AnswerFields {
  /** Reports of the call so far. */
  readonly usage: readonly string[]
  /** Reports that open a stream, and do not know its output yet. */
  readonly openingUsage: readonly string[]
  /** Reports of one choice each, and where the number of the choice is. */
  readonly choiceUsage: { readonly usage: string; readonly index: string } | null
  /** The model that served the call. */
  readonly model: readonly string[]
  /** The tier that served it, where it is not in the usage report. */
  readonly serviceTier: readonly string[]
  /** An error in place of an answer: any value but null and false. */
  readonly error: readonly string[]
  /** Names the kind of an event or an answer; `error` is one. */
  readonly type: readonly string[]
  /** For `countTools`. */
  readonly tools: readonly string[]
}

/** The completed reports whose sides are trusted so far. */
export interface Earlier {
  readonly prompt: JsonObject | null
  readonly output: JsonObject | null
}

/** Counts calls of tools that run at the provider. */
export interface ToolCounter {
  /** The fields of one document: path → raw JSON text; those of several elements are joined by commas. `type` is that of the document. */
  take(captured: ReadonlyMap<string, string>, type: string | null): void
  read(): { readonly webSearches: number; readonly unpriced: readonly Unpriced[] }
}

/** The facts of an answer that determine its cost. */
export interface Reading extends BelievedUsage {
  /** Searches that the provider made, even if no usage is trusted. */
  readonly webSearches: number
  /** The model that the answer names. */
  readonly model: string | null
  readonly served: Served
  /** Reported usage that has no price under its name. */
  readonly unpriced: readonly Unpriced[]
  /** Whether it holds an error. */
  readonly isError: boolean
  /** Bytes of generated text seen, for the estimate if no usage is reported (C5). */
  readonly textBytes: number
}
