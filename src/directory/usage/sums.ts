/** Sums of usage. The store keeps each as `credits calls input output`, four integers in plain digits. */
import { NOTHING, type Microcredits } from '../../core/units.ts'

export interface UsageSum {
  readonly credits: Microcredits
  readonly calls: number
  readonly inputTokens: number
  readonly outputTokens: number
}

/** Credits and tokens may be negative: an adjustment takes back what another day was charged (C8). */
const TEXT = /^(-?\d+) (-?\d+) (-?\d+) (-?\d+)$/

/** A sum under construction. */
export type Sum = { -readonly [K in keyof UsageSum]: UsageSum[K] }

export function newSum(): Sum {
  return { credits: NOTHING, calls: 0, inputTokens: 0, outputTokens: 0 }
}

/** Adds the text of a usage field; any other text adds nothing. */
export function addText(sum: Sum, text: string): void {
  const [, credits, calls, input, output] = TEXT.exec(text) ?? []
  if (credits === undefined) return
  addSum(sum, {
    credits: Number(credits) as Microcredits,
    calls: Number(calls),
    inputTokens: Number(input),
    outputTokens: Number(output),
  })
}

export function addSum(sum: Sum, other: UsageSum): void {
  sum.credits = (sum.credits + other.credits) as Microcredits
  sum.calls += other.calls
  sum.inputTokens += other.inputTokens
  sum.outputTokens += other.outputTokens
}

export function isNothing({ credits, calls, inputTokens, outputTokens }: UsageSum): boolean {
  return credits === 0 && calls === 0 && inputTokens === 0 && outputTokens === 0
}

/** The sum of this key; created if there is none. */
export function sumOf(sums: Map<string, Sum>, key: string): Sum {
  let sum = sums.get(key)
  if (sum === undefined) sums.set(key, (sum = newSum()))
  return sum
}

/** Splits `source|model` of a usage hash; a model's name may also contain bars. */
export function splitField(field: string): { readonly source: string; readonly model: string } {
  const bar = field.indexOf('|')
  return { source: field.slice(0, bar), model: field.slice(bar + 1) }
}

/** The prefix of usage fields in a user's hash of a period. */
export const PERIOD_USAGE = 'm:'
