/** Usage of a whole organization, read from one hash per day (P5). */
import { daysBetween, isoDay } from '../../core/days.ts'
import type { Day } from '../../core/units.ts'
import type { RedisClient } from '../../store/connection.ts'
import * as keys from '../../store/keys.ts'
import type { UsageGroup } from './query.ts'
import { addText, newSum, splitField, sumOf, type Sum } from './sums.ts'

const DAYS_AT_ONCE = 31

/** Calls `see` with every usage field of the days. With null for `user`, those of the organization. */
async function eachField(
  redis: RedisClient,
  org: string,
  user: string | null,
  days: readonly Day[],
  see: (day: Day, field: string, text: string) => void,
): Promise<void> {
  for (let at = 0; at < days.length; at += DAYS_AT_ONCE) {
    const chunk = days.slice(at, at + DAYS_AT_ONCE)
    const hashes = await Promise.all(
      chunk.map((day) => redis.hgetall(user === null ? keys.day(org, day) : keys.userDay(org, day, user))),
    )
    for (const [index, day] of chunk.entries()) {
      for (const [field, text] of Object.entries(hashes[index] ?? {})) see(day, field, text)
    }
  }
}

/** The total of the days, and its parts by source, model or day (`user`: the total alone). */
export async function usageOfDays(
  redis: RedisClient,
  org: string,
  user: string | null,
  range: { readonly from: Day; readonly to: Day; readonly today: Day },
  by: UsageGroup,
): Promise<{ readonly sums: Map<string, Sum>; readonly total: Sum }> {
  const total = newSum()
  const sums = new Map<string, Sum>()
  const days = daysBetween(range.from, range.to)
  // A chart needs every day until today, including days without calls.
  if (by === 'day') for (const day of days) if (day <= range.today) sumOf(sums, isoDay(day))
  await eachField(redis, org, user, days, (day, field, text) => {
    addText(total, text)
    if (by === 'user') return
    addText(sumOf(sums, by === 'day' ? isoDay(day) : splitField(field)[by]), text)
  })
  return { sums, total }
}
