/** What the readers of requests share, whichever API they read. */
import { refuse, type Refusal } from '../errors.ts'
import type { CallShape } from './family.ts'
import type { Media } from './media.ts'
import type { JsonObject } from './request-body.ts'

/** A field that cannot be priced (C7). */
export function unpriced(option: string, why: string): Refusal {
  return refuse('unsupported_option', `'${option}' cannot be priced: ${why}.`, { param: option })
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

/** A call's shape from its bytes: what is not media is text, at three bytes a token, or one at most. */
export function shapeOf(
  bytes: Buffer,
  read: { readonly model: string; readonly stream: boolean },
  media: Media,
  rest: Partial<CallShape> & Pick<CallShape, 'maxOutput' | 'generates'>,
): CallShape {
  const textBytes = Math.max(0, bytes.length - media.bytes)
  return {
    model: read.model,
    stream: read.stream,
    promptTokens: Math.ceil(textBytes / 3) + media.tokens,
    promptTokensBound: media.bound === null ? null : textBytes + media.bound,
    audioTokens: media.audioTokens,
    audioOutput: false,
    maxOutputField: 'max_tokens',
    choices: 1,
    cacheWrites: '5m',
    webSearches: 0,
    flatPrice: null,
    body: bytes,
    hidesUsageEvent: false,
    ...rest,
  }
}
