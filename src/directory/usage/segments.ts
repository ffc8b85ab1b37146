/**
 * Decides where a user's usage in a range of days is read from. Whole billing periods come from the user's hash of the
 * period, which takes one read and is kept for 13 months. If the range covers only a part of a period, its days are
 * read one by one.
 */
import { daysBetween } from '../../core/days.ts'
import type { Day } from '../../core/units.ts'
import type { RedisClient } from '../../store/connection.ts'
import * as keys from '../../store/keys.ts'
import type { KnownPeriod } from './periods.ts'
import { addText, PERIOD_USAGE, splitField, sumOf, type Sum } from './sums.ts'

export interface Segment {
  readonly no: number
  /** Null means the whole period. */
  readonly days: readonly Day[] | null
}

/** The periods of a range, newest first, each whole or in part. */
export function segmentsOf(periods: readonly KnownPeriod[], from: Day, to: Day): Segment[] {
  // A range that matches a period exactly means that period, even if it shares a day with its neighbour.
  const exact = periods.find(({ first, last }) => first === from && last === to)
  if (exact !== undefined) return [{ no: exact.no, days: null }]
  const inRange = periods.filter(({ first, last }) => first <= to && last >= from)
  const days = new Map<number, Day[]>()
  const takeInParts = ({ no, first, last }: KnownPeriod): void => {
    days.set(no, daysBetween(first > from ? first : from, last < to ? last : to))
  }
  for (const period of inRange) if (period.first < from || period.last > to) takeInParts(period)
  // If the time zone changed within a day, that day is in two periods. If it is read as a day, the other period must
  // not be read as a whole, because the day would be counted twice.
  for (let before = -1; before !== days.size;) {
    before = days.size
    const single = new Set([...days.values()].flat())
    for (const period of inRange) {
      const shared = single.has(period.first) || single.has(period.last)
      if (shared && !days.has(period.no)) takeInParts(period)
    }
  }
  return inRange.map(({ no }) => ({ no, days: days.get(no) ?? null }))
}

/** The oldest day that these segments read as a day; null if there is none. */
export function oldestDayOf(segments: readonly Segment[]): Day | null {
  const days = segments.flatMap((segment) => segment.days ?? [])
  return days.length === 0 ? null : days.reduce((oldest, day) => (day < oldest ? day : oldest))
}

export type UserGroup = 'user' | 'source' | 'model'

/** The usage of a user in these segments, by `group`. Fields of other kinds in the hashes are ignored. */
export async function usageOfUser(
  redis: RedisClient,
  org: string,
  user: string,
  segments: readonly Segment[],
  group: UserGroup,
): Promise<Map<string, Sum>> {
  const whole = segments.filter(({ days }) => days === null)
  const days = new Set(segments.flatMap((segment) => segment.days ?? []))
  const [periodHashes, dayHashes] = await Promise.all([
    Promise.all(whole.map(({ no }) => redis.hgetall(keys.user(org, no, user)))),
    Promise.all([...days].map((day) => redis.hgetall(keys.userDay(org, day, user)))),
  ])
  const sums = new Map<string, Sum>()
  const keyOf = (field: string): string => (group === 'user' ? user : splitField(field)[group])
  for (const hash of periodHashes) {
    for (const [name, text] of Object.entries(hash)) {
      if (!name.startsWith(PERIOD_USAGE)) continue
      addText(sumOf(sums, keyOf(name.slice(PERIOD_USAGE.length))), text)
    }
  }
  for (const hash of dayHashes) {
    for (const [field, text] of Object.entries(hash)) addText(sumOf(sums, keyOf(field)), text)
  }
  return sums
}
