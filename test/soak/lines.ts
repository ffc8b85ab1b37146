/** Whether a line of usage is the sum of its calls, and of which of their possible fates. */
import { NOTHING, type Charge } from './prices.ts'
import type { Fate } from './fates.ts'

/** More sums than any line has that is right. */
const MOST_SUMS = 200_000

const textOf = ({ credits, calls, input, output }: Charge): string => `${credits} ${calls} ${input} ${output}`

export function plus(a: Charge, b: Charge): Charge {
  return {
    credits: a.credits + b.credits,
    calls: a.calls + b.calls,
    input: a.input + b.input,
    output: a.output + b.output,
  }
}

export function minus(a: Charge, b: Charge): Charge {
  return plus(a, { credits: -b.credits, calls: -b.calls, input: -b.input, output: -b.output })
}

interface Sum {
  readonly charge: Charge
  readonly from: Sum | null
  readonly fate: Fate | null
}

/** One fate for each of the calls, in their order, that together make `line`; null where none do. */
export function explain(line: Charge, calls: readonly (readonly Fate[])[]): readonly Fate[] | null {
  let sums = new Map<string, Sum>([[textOf(NOTHING), { charge: NOTHING, from: null, fate: null }]])
  for (const fates of calls) {
    const next = new Map<string, Sum>()
    for (const from of sums.values()) {
      for (const fate of fates) {
        const charge = plus(from.charge, fate.charge)
        if (charge.credits > line.credits || charge.calls > line.calls) continue
        const text = textOf(charge)
        // The first of a call's fates is the usual one, and is kept where several come to the same.
        if (!next.has(text)) next.set(text, { charge, from, fate })
      }
    }
    if (next.size > MOST_SUMS) throw new Error(`${calls.length} calls have too many fates`)
    sums = next
  }
  let sum = sums.get(textOf(line)) ?? null
  if (sum === null) return null
  const found: Fate[] = []
  for (; sum !== null && sum.fate !== null; sum = sum.from) found.unshift(sum.fate)
  return found
}
