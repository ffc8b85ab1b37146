/** Figures of usage reports, which are believed only as far as they make sense. */
import { MAX_TOKENS } from '../core/tariff.ts'
import { isObject, type JsonObject } from './request-body.ts'

/** A count as an integer from 0 to 10^9; anything else counts as missing. */
export function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_TOKENS
    ? value
    : null
}

/** Two reports of one call, the later on top: what it leaves out, or has nonsense for, stays as it was. */
export function mergeCounts(earlier: JsonObject | null, later: unknown): JsonObject | null {
  if (!isObject(later)) return earlier
  const merged: Record<string, unknown> = { ...earlier }
  for (const [name, value] of Object.entries(later)) {
    if (count(value) !== null || Array.isArray(value)) merged[name] = value
    else if (isObject(value)) merged[name] = mergeCounts(isObject(merged[name]) ? merged[name] : null, value)
  }
  return merged
}
