/**
 * What the pipeline asks of an API family. Everything that differs between providers' APIs is answered in one file a
 * family; the pipeline knows none of their formats.
 */
import type { CacheWrites, Usage } from '../core/tariff.ts'
import type { Microcredits } from '../core/units.ts'
import type { Refusal } from '../errors.ts'
import type { JsonObject } from './request-body.ts'

/** A route that costs credits. */
export interface MeteredRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** The path at the provider, as a pattern of the router (find-my-way): `:name` is a parameter, `::` a colon. */
  readonly url: string
  /** Whether its bodies are JSON that is read, or anything, which is passed on unread. */
  readonly takes: 'json' | 'anything'
  /** Reads a request; a refusal where it is malformed or cannot be priced. `path` is that at the provider; `query` is '' or begins with a question mark. */
  readonly inspect: (request: RequestSeen) => CallShape | Refusal
  /** Keys under which an answer has generated text: of a stream's events, of a whole answer. */
  readonly textKeys: { readonly stream: readonly string[]; readonly whole: readonly string[] }
}

export interface RequestSeen {
  readonly body: Buffer
  /** By their names in lower case, as Node reads them. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly path: string
  readonly query: string
}

/** A route that is passed through and costs nothing: of the paths that match, as they stand on the wire. */
export interface FreeRoute {
  readonly method: 'GET' | 'POST'
  readonly path: RegExp
}

/** What the request asks for, as far as its price depends on it. */
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
  /** What of the prompt may be billed as written to the provider's cache, and for how long at most. */
  readonly cacheWrites: CacheWrites
  /** Searches that the provider may make for the call, as far as one can tell. */
  readonly webSearches: number
  /** Other models that may answer in place of `model`: the hold is for the dearest of them all. */
  readonly alternatives: readonly string[]
  /** The price of the call where it is flat; null where it follows from what was used. */
  readonly flatPrice: Microcredits | null
  /** The body to send: the caller's own bytes, but for what the contract lets the family splice in. */
  readonly body: Buffer
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
  /** Routes that clients also try by WebSocket: they are told at once to go on by HTTP. */
  readonly webSocketPaths: readonly string[]
  /** The header that carries the provider's own key. */
  readonly credential: (apiKey: string) => readonly [name: string, value: string]
  /** Headers of the caller that would pick another account's billing, in lower case. */
  readonly removedHeaders: readonly string[]
  /** A refusal as this API would word it, so that the official SDKs show the message (E2). */
  readonly refusalBody: (refusal: Refusal, requestId: string) => RefusalBody
  /** Where an answer, or an event of its stream, has usage and the model that served it (dotted paths). */
  readonly usagePaths: readonly string[]
  readonly modelPaths: readonly string[]
  /** Those of the usage paths whose report opens a stream, and does not know its output yet. */
  readonly openingPaths: readonly string[]
  /** Figures that count what was generated: a report without any of them knows nothing of the text that came before it. */
  readonly outputFigures: readonly string[]
  /** The report so far with another of the same answer on top, which stood at `path`; the very same where that cannot be believed. */
  readonly mergeReports: (earlier: JsonObject | null, later: unknown, path: string) => JsonObject | null
  /** Usage in counts that do not overlap; null where the report cannot be believed. */
  readonly readUsage: (report: unknown) => Usage | null
  /** Whether an event of a stream holds nothing but usage. */
  readonly isUsageEvent: (event: unknown) => boolean
}

/** What an answer told of its cost. */
export interface Reading {
  /** Null where the provider reported none that can be believed. */
  readonly usage: Usage | null
  /** How much of `usage.output` nobody reported: it is estimated of the text that came after the last report. */
  readonly guessedOutput: number
  /** The model that the answer names. */
  readonly model: string | null
  /** Bytes of generated text seen, for the estimate where usage never comes (C5). */
  readonly textBytes: number
}
