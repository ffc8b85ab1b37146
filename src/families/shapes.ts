/** Functions shared by the request readers of all APIs. */
import { refuse, type Refusal } from '../errors.ts'
import type { AskedOption, CallShape } from './family.ts'
import type { Media } from './media.ts'
import type { JsonObject, RequestBody } from './request-body.ts'

/** A field that cannot be priced (C7). */
export function unpriced(option: string, why: string): Refusal {
  return refuse('unsupported_option', `'${option}' cannot be priced: ${why}.`, { param: option })
}

/** Tools by their type, with how a client is told not to send them. */
export type ClientSwitches = readonly (readonly [type: RegExp, advice: string])[]

/** A tool that runs at the provider, at a price that is not known here (C7). */
export function hostedTool(type: string, switches: ClientSwitches): Refusal {
  const advice = switches.find(([known]) => known.test(type))?.[1]
  const leaveOut = advice === undefined ? 'Leave it out' : `Leave it out (${advice})`
  const refusal = unpriced('tools', `'${type.slice(0, 64)}' runs at the provider and has no price here`)
  return { ...refusal, message: `${refusal.message} ${leaveOut}.` }
}

export function malformed(field: string, must: string): Refusal {
  return refuse('invalid_request', `'${field}' must be ${must}.`, { param: field })
}

/** A count that the caller may leave out (null); a refusal where it is not a whole number of at least `least`. */
export function optionalCount(json: JsonObject, field: string, least: number): number | null | Refusal {
  const value = json[field]
  if (value === undefined || value === null) return null
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > 1_000_000_000) {
    return malformed(field, `a whole number from ${least} to 1,000,000,000`)
  }
  return value
}

/** The largest of several fields that mean the same; null where none is given. */
export function largestCount(
  json: JsonObject,
  fields: readonly string[],
  least: number,
): number | null | Refusal {
  let largest: number | null = null
  for (const field of fields) {
    const value = optionalCount(json, field, least)
    if (value === null) continue
    if (typeof value === 'object') return value
    largest = Math.max(largest ?? 0, value)
  }
  return largest
}

/** What LM Studio, llama.cpp, Ollama and their clients write for "no limit". */
export const NO_LIMIT = -1

/**
 * The largest of the fields that bound the output; null where none is given, or one of them lifts the bound: which of two
 * fields a provider goes by is not known here.
 */
export function outputLimit(json: JsonObject, fields: readonly string[]): number | null | Refusal {
  const given = fields.filter((field) => json[field] !== NO_LIMIT)
  const largest = largestCount(json, given, 0)
  return given.length < fields.length && typeof largest !== 'object' ? null : largest
}

/**
 * What the request asks for by an option that changes the price of every token: nothing where it is null or names the
 * standard, whose price is the listed one.
 */
export function askedFor(
  option: string,
  kind: AskedOption['kind'],
  value: unknown,
  standard: readonly string[],
): readonly AskedOption[] | Refusal {
  if (value === undefined || value === null) return []
  if (typeof value !== 'string') return unpriced(option, 'its value is not a name')
  return standard.includes(value) ? [] : [{ option, kind, name: value }]
}

/** A call's shape from its body: what is not media is text, at three bytes a token, or one at most. */
export function shapeOf(
  { chunks, isTooDeep }: Pick<RequestBody, 'chunks' | 'isTooDeep'>,
  read: Pick<CallShape, 'model' | 'stream'> & Partial<Pick<CallShape, 'alternatives' | 'asked'>>,
  media: Media,
  rest: Partial<CallShape> & Pick<CallShape, 'maxOutput' | 'generates'>,
): CallShape {
  const textBytes = Math.max(0, chunks.bytes - media.bytes)
  const isBounded = media.bound !== null && !isTooDeep
  return {
    model: read.model,
    stream: read.stream,
    promptTokens: Math.ceil(textBytes / 3) + media.tokens,
    promptTokensBound: isBounded ? textBytes + (media.bound ?? 0) : null,
    audioTokens: media.audioTokens,
    audioOutput: false,
    maxOutputField: 'max_tokens',
    choices: 1,
    cacheWrites: '5m',
    webSearches: 0,
    asked: read.asked ?? [],
    alternatives: read.alternatives ?? [],
    flatPrice: null,
    body: chunks,
    hidesUsageEvent: false,
    ...rest,
  }
}
