/** Figures of usage reports, which are believed only as far as they make sense. */
import { MAX_TOKENS } from '../core/tariff.ts'
import { isObject, type JsonObject } from './request-body.ts'

/** No report nests its figures deeper. */
const MAX_DEPTH = 4

/** A count as an integer from 0 to 10^9; anything else counts as missing. */
export function count(value: unknown): number | null {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > MAX_TOKENS) return null
  // JSON has a -0, which must not come back as a sign.
  return value + 0
}

/** A count that a report may leave out, which is 0 then; null where something stands there that is none. */
export function optionalCount(value: unknown): number | null {
  return value === undefined || value === null ? 0 : count(value)
}

type Choose = (earlier: unknown, later: number) => number

/**
 * Two reports of one call, the later on top: what it leaves out, or has nonsense for, stays as it was. Nonsense stands
 * only where there was no figure before, so that whoever reads the report can tell it from one that was left out.
 */
export function mergeCounts(earlier: JsonObject | null, later: unknown): JsonObject | null {
  return merge(earlier, later, (_, figure) => figure, 0)
}

/** As `mergeCounts`, but no figure falls. */
export function raiseCounts(earlier: JsonObject | null, later: unknown): JsonObject | null {
  return merge(earlier, later, (before, figure) => Math.max(count(before) ?? 0, figure), 0)
}

function merge(earlier: JsonObject | null, later: unknown, choose: Choose, depth: number): JsonObject | null {
  if (!isObject(later) || depth > MAX_DEPTH) return earlier
  const merged = new Map(Object.entries(earlier ?? {}))
  for (const [name, value] of Object.entries(later)) {
    const before = merged.get(name)
    const figure = count(value)
    if (figure !== null) merged.set(name, choose(before, figure))
    else if (count(before) !== null) continue
    else if (isObject(value))
      merged.set(name, merge(isObject(before) ? before : null, value, choose, depth + 1))
    else if (Array.isArray(value) || (before ?? null) === null) merged.set(name, value)
  }
  return Object.fromEntries(merged)
}
