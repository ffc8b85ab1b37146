/** The open period of an organization, and the keys that a check compares in it. */
import { dayAt } from '../../core/period.ts'
import { daysBetween } from '../../core/days.ts'
import type { Day, UnixMs } from '../../core/units.ts'
import type { RedisClient } from '../../store/connection.ts'
import { readOrg } from '../org-record.ts'
import { readStoreTime } from '../../store/clock.ts'
import { PERIOD_LIFE_MS } from '../../store/lifetimes.ts'

const DAY_MS = 86_400_000
/**
 * The shortest retention of a user's days that a configuration allows. Days written under a shorter retention than
 * today's may be gone.
 */
const SURELY_KEPT_MS = 32 * DAY_MS
/** The limit for periods much longer than a month: reading more days of each user costs the store too much. */
const MOST_USER_DAYS = 62

export interface Frame {
  readonly org: string
  readonly periodNo: number
  /** When the last of the days ends. */
  readonly dayEnd: UnixMs
  /** When the data of the period may expire. */
  readonly lifeEnd: UnixMs
  /** The days of the period; empty if they do not match the period exactly. */
  readonly days: readonly Day[]
  /** The days to read for a user, whose days are kept for a shorter time. */
  readonly userDays: readonly Day[]
}

/** Null if there is no such organization. */
export async function readFrame(redis: RedisClient, org: string): Promise<Frame | null> {
  const [record, now] = await Promise.all([readOrg(redis, org), readStoreTime(redis)])
  if (record === null) return null
  const { period, billing } = record
  const first = dayAt(billing.timezone, period.start)
  // Up to the period's end: if the clock stepped back, usage may be recorded on days in the future.
  const last = dayAt(billing.timezone, (period.end - 1) as UnixMs)
  // After a change of schedule a period may begin within a day, and a part of that day belongs to the previous period.
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
