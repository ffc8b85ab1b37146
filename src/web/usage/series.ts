/** The data of the chart: usage summed up by day, and a scale of round numbers. */
import type { UsageItem } from '../api/types.ts'

export interface Point {
  readonly day: string
  /** The credits of that day alone. */
  readonly credits: number
  /** The total up to the end of that day. */
  readonly total: number
}

/** One point a day of `days`, up to `last`; a day without usage adds nothing. */
export function cumulative(items: readonly UsageItem[], days: readonly string[], last: string): Point[] {
  const byDay = new Map(items.map(({ key, credits }) => [key, credits]))
  let total = 0
  return days
    .filter((day) => day <= last)
    .map((day) => {
      const credits = byDay.get(day) ?? 0
      total += credits
      return { day, credits, total }
    })
}

const STEPS = [1, 2, 2.5, 5, 10]

/** Round values from 0 to at least `most`, at about `wanted` steps. */
export function ticks(most: number, wanted: number): number[] {
  const rough = Math.max(most, 1e-6) / wanted
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = (STEPS.find((candidate) => candidate * power >= rough) ?? 10) * power
  const found: number[] = []
  for (let index = 0; ; index += 1) {
    found.push(Number((step * index).toPrecision(12)))
    if (step * index >= most) return found
  }
}
