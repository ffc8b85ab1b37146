/** The range of days of a usage query: read from the query, validated, with defaults from the current period. */
import { addDays, countDays, isoDay, parseDay } from '../core/days.ts'
import type { Day } from '../core/units.ts'
import type { UsageFrame } from '../directory/usage/query.ts'
import type { FieldError } from './problems.ts'

/** The longest range: no more days than are kept, even where it ends in the future. */
const MOST_DAYS = 400

export type Range = { readonly from: Day; readonly to: Day }

/**
 * A range without an end ends with the current period, or at the longest allowed length. That only cuts off future
 * days, because no day is kept that long.
 */
function earlier(one: Day, other: Day): Day {
  return one < other ? one : other
}

/** The range, or the errors by the names of the query parameters. */
export function readRange(
  query: { readonly from?: string; readonly to?: string },
  frame: UsageFrame,
): Range | readonly FieldError[] {
  const errors: FieldError[] = []
  const read = (field: 'from' | 'to', otherwise: Day): Day => {
    const text = query[field]
    const day = text === undefined ? otherwise : parseDay(text)
    if (day === null) errors.push({ field, message: 'must be a day of the calendar, such as 2026-12-01' })
    return day ?? otherwise
  }
  const from = read('from', frame.current.first)
  const to = read('to', earlier(frame.current.last, addDays(from, MOST_DAYS - 1)))
  if (errors.length > 0) return errors
  if (from < frame.oldest) return [{ field: 'from', message: notKept(frame.oldest) }]
  if (from > to) {
    return query.to === undefined
      ? [{ field: 'from', message: `must not be after ${isoDay(to)}, the last day of the current period` }]
      : [{ field: 'to', message: `must not be before from, ${isoDay(from)}` }]
  }
  if (countDays(from, to) > MOST_DAYS) {
    return [{ field: 'to', message: `must be at most ${MOST_DAYS} days after from` }]
  }
  return { from, to }
}

/** The error for usage by user of days that are no longer kept. */
export function notKeptByUser(oldest: Day): FieldError {
  const whole = 'or ask for whole billing periods, whose usage by user is kept for 13 months'
  return { field: 'from', message: `${notKept(oldest)} of single users; ${whole}` }
}

function notKept(oldest: Day): string {
  return `must not be before ${isoDay(oldest)}, the oldest day that is kept`
}
