/** What a check of an organization's counters needs to know of its open period: which keys there are to compare. */
import { dayAt } from '../../core/period.ts'
import { daysBetween } from '../../core/days.ts'
import type { Day, UnixMs } from '../../core/units.ts'
import type { RedisClient } from '../../store/connection.ts'
import { readOrg } from '../org-record.ts'
import { readStoreTime } from '../../store/clock.ts'
import { PERIOD_LIFE_MS } from '../../store/lifetimes.ts'

const DAY_MS = 86_400_000
/** The least that a configuration may keep a user's days for: what was written under another one may be gone already. */
const SURELY_KEPT_MS = 32 * DAY_MS
/** Of a period that is far longer than a month: more is asked of the store for each user than it is worth. */
const MOST_USER_DAYS = 62

export interface Frame {
  readonly org: string
  readonly periodNo: number
  /** When the last of the days ends. */
  readonly dayEnd: UnixMs
  /** When what is written of the period may go. */
  readonly lifeEnd: UnixMs
  /** The days of the period; empty where they do not tell what was used in it. */
  readonly days: readonly Day[]
  /** Those of a user, which are kept for a shorter time. */
  readonly userDays: readonly Day[]
}

/** Null for an organization that is not there. */
export async function readFrame(redis: RedisClient, org: string): Promise<Frame | null> {
  const [record, now] = await Promise.all([readOrg(redis, org), readStoreTime(redis)])
  if (record === null) return null
  const { period, billing } = record
  const first = dayAt(billing.timezone, period.start)
  // To the period's end: a clock that has stepped back leaves usage on days that are yet to come.
  const last = dayAt(billing.timezone, (period.end - 1) as UnixMs)
  // After a change of schedule a period may begin in the middle of a day, a part of which is the former's.
  const days = first.start === period.start ? daysBetween(first.day, last.day) : []
  return {
    org,
    periodNo: period.no,
    dayEnd: last.end,
    lifeEnd: (period.end + PERIOD_LIFE_MS) as UnixMs,
    days,
    userDays: now - period.start <= SURELY_KEPT_MS - DAY_MS ? days.slice(0, MOST_USER_DAYS) : [],
  }
}
