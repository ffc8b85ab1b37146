/** Reads figures of usage reports, which count only if they are plausible. */
import type { Unpriced } from '../core/reports.ts'
import { MAX_TOKENS } from '../core/tariff.ts'
import type { JsonObject } from './request-body.ts'

/** A count as an integer from 0 to 10^9; anything else counts as missing. */
export function count(value: unknown): number | null {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > MAX_TOKENS) return null
  // JSON has a -0, which must not come back as a sign.
  return value + 0
}

/** Whether a report leaves the figure out. */
export function isMissing(value: unknown): boolean {
  return value === undefined || value === null
}

/** The sum of some figures, of which those that are left out are 0; null where one of them is no count. */
export function sumOf(report: JsonObject, names: readonly string[]): number | null {
  let sum = 0
  for (const name of names) {
    if (isMissing(report[name])) continue
    const figure = count(report[name])
    if (figure === null) return null
    sum += figure
  }
  return sum
}

/** The largest of several figures that mean the same; 0 where none of them is a count. */
export function largestOf(report: JsonObject, names: readonly string[]): number {
  return names.reduce((most, name) => Math.max(most, count(report[name]) ?? 0), 0)
}

/**
 * If a report has any of these figures, which make up one side of it, the missing ones are taken from the earlier
 * report.
 */
export function completed(
  report: JsonObject,
  earlier: JsonObject | null,
  names: readonly string[],
): JsonObject {
  if (earlier === null || names.every((name) => isMissing(report[name]))) return report
  const left = names.filter((name) => isMissing(report[name]) && !isMissing(earlier[name]))
  return left.length === 0
    ? report
    : { ...report, ...Object.fromEntries(left.map((name) => [name, earlier[name]])) }
}

const TOKENS = /tokens?(?:_?count)?$/i
const TOOL_CALLS = /(?:searches|quer(?:y|ies)|requests|calls|sources|tools)(?:_?(?:used|count))?$/i
const INPUT = /input|prompt|cache/i

/** Counts that a report has under unknown names. */
export interface Unknown {
  readonly input: number
  readonly output: number
  readonly toolCalls: number
  readonly unpriced: readonly Unpriced[]
}

export const NONE_UNKNOWN: Unknown = { input: 0, output: 0, toolCalls: 0, unpriced: [] }

/**
 * Finds unknown counts by the endings of their names. Tokens count as input if their name says so, otherwise as output,
 * the more expensive of the two.
 */
export function unknownCounts(report: JsonObject, known: ReadonlySet<string>): Unknown {
  let found: { input: number; output: number; toolCalls: number; unpriced: Unpriced[] } | null = null
  for (const name of Object.keys(report)) {
    if (known.has(name)) continue
    const figure = count(report[name]) ?? 0
    if (figure === 0) continue
    const isTokens = TOKENS.test(name)
    if (!isTokens && !TOOL_CALLS.test(name)) continue
    found ??= { input: 0, output: 0, toolCalls: 0, unpriced: [] }
    found.unpriced.push({ kind: isTokens ? 'tokens' : 'server_tool', name })
    if (!isTokens) found.toolCalls += figure
    else if (INPUT.test(name)) found.input += figure
    else found.output += figure
  }
  return found ?? NONE_UNKNOWN
}
