/**
 * What the pipeline asks of an API family. Everything that differs between providers' APIs is answered in one file a
 * family; the pipeline knows none of their formats.
 */
import type { Refusal } from '../errors.ts'
import type { Usage } from '../core/tariff.ts'

/** A route that costs credits. `path` is what the provider calls it, and what it is forwarded to. */
export interface MeteredRoute {
  readonly method: 'POST'
  readonly path: string
  /** Reads a request's body; a refusal where it cannot be priced or is malformed. */
  readonly inspect: (body: Buffer) => CallShape | Refusal
}

/** A route that is passed through and costs nothing. `:name` in `path` stands for one segment. */
export interface FreeRoute {
  readonly method: 'GET' | 'POST'
  readonly path: string
}

/** What the request asks for, as far as its price depends on it. */
export interface CallShape {
  readonly model: string
  readonly stream: boolean
  /** Prompt tokens as estimated for `straddle` (text bytes / 3, media by table) … */
  readonly promptTokens: number
  /** … and as an upper bound for `strict` (1 a byte, media by table); null where nothing bounds it. */
  readonly promptTokensBound: number | null
  /** Most output tokens that the request allows for each of `choices`; null where it says nothing. */
  readonly maxOutput: number | null
  /** Whether the call generates anything (embeddings do not). */
  readonly generates: boolean
  readonly choices: number
  /** The body to send: the caller's own bytes, but for what the contract lets the family splice in. */
  readonly body: readonly Buffer[]
  /** Whether the answer's usage event exists only because the family asked for it, so that the client must not see it. */
  readonly hidesUsageEvent: boolean
}

/** What an answer told of its cost. `usage` is null where the provider reported none that can be believed. */
export interface Reading {
  readonly usage: Usage | null
  readonly model: string | null
  /** Bytes of generated text seen, for the estimate where usage never comes (C5). */
  readonly textBytes: number
}

/** Reads one answer as it goes by. Holds nothing back and never throws. */
export interface AnswerReader {
  push(chunk: Buffer): void
  end(): Reading
}

/** One event of a stream, or one JSON document: the captured fields, by path, as raw JSON text. */
export interface FieldReader {
  /** Called with what was captured of each event (or of the one document). */
  accept(fields: ReadonlyMap<string, string>): void
}

export interface Family {
  readonly name: 'openai' | 'anthropic' | 'gemini' | 'generic'
  /** Which provider of the built-in price table this family's models are looked up at. */
  readonly priceProvider: string | null
  readonly metered: readonly MeteredRoute[]
  readonly free: readonly FreeRoute[]
  /** The header that carries the provider's own key. */
  readonly credential: (apiKey: string) => readonly [name: string, value: string]
  /** Headers of the caller that must not reach the provider, in lower case. */
  readonly removedHeaders: readonly string[]
  /** A refusal as this API would word it, so that the official SDKs show the message (E2). */
  readonly refusal: (refusal: Refusal, requestId: string) => RefusalBody
  readonly usageFields: readonly string[]
  readonly textKeys: readonly string[]
  readonly readUsage: (path: string, value: unknown, earlier: Usage | null) => Usage | null
  readonly isUsageOnlyEvent: (event: unknown) => boolean
}

export interface RefusalBody {
  readonly contentType: string
  readonly body: string
}
