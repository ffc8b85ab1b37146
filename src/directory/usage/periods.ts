/** The billing periods that the store still has, and the days that belong to each. */
import { addDays } from '../../core/days.ts'
import { dayAt } from '../../core/period.ts'
import type { BillingPeriod, BillingSchedule } from '../../core/policy.ts'
import type { Day, Microcredits, UnixMs } from '../../core/units.ts'
import type { RedisClient } from '../../store/connection.ts'
import type { OrgRecord } from '../org-record.ts'
import * as keys from '../../store/keys.ts'

export interface KnownPeriod extends BillingPeriod {
  /** The first and the last day, in the time zone in which the period was opened. */
  readonly first: Day
  readonly last: Day
  readonly used: Microcredits
}

const BATCH = 32
/** Days of the organization are kept for 396 days from their first charge; the oldest may be about to expire. */
const KEPT_DAYS = 395

/** The oldest day whose usage is certain to exist, as of today. */
export function oldestKeptDay(today: Day): Day {
  return addDays(today, 1 - KEPT_DAYS)
}

export function daysOfPeriod(
  { start, end }: { readonly start: UnixMs; readonly end: UnixMs },
  timezone: string,
): { readonly first: Day; readonly last: Day } {
  return { first: dayAt(timezone, start).day, last: dayAt(timezone, (end - 1) as UnixMs).day }
}

/**
 * Periods from the newest to the oldest that the store has, starting below the number `below`. Numbers have no gaps, so
 * the first missing one ends the list. A time without calls may belong to no period.
 */
export async function* knownPeriods(
  redis: RedisClient,
  org: OrgRecord,
  below = Infinity,
): AsyncGenerator<KnownPeriod> {
  const { period, billing } = org
  for (let top = Math.min(period.no, below - 1); top > 0; top -= BATCH) {
    const numbers = Array.from({ length: Math.min(BATCH, top) }, (_, index) => top - index)
    const totals = await Promise.all(
      numbers.map((no) => redis.hmget(keys.total(org.id, no), 'start', 'end', 'used', 'billing')),
    )
    for (const [index, no] of numbers.entries()) {
      const [start, end, used, schedule] = totals[index] ?? []
      const known = readPeriod(no, start, end)
      // The current period may have no data yet, if there was no call since it began (P2).
      if (known === null && no !== period.no) return
      const span = known ?? period
      const days = daysOfPeriod(span, zoneOf(schedule) ?? billing.timezone)
      yield { ...span, ...days, used: Number(used ?? 0) as Microcredits }
    }
  }
}

function readPeriod(
  no: number,
  start: string | null | undefined,
  end: string | null | undefined,
): BillingPeriod | null {
  if (start == null || end == null) return null
  return { no, start: Number(start) as UnixMs, end: Number(end) as UnixMs }
}

function zoneOf(schedule: string | null | undefined): string | null {
  if (schedule == null || schedule === '') return null
  return (JSON.parse(schedule) as BillingSchedule).timezone
}
