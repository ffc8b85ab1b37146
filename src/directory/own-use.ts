/** A member's own usage: the standing in the current period (E4), and the usage of each day. */
import { daysBetween } from '../core/days.ts'
import type { Day } from '../core/units.ts'
import { storeCall, type RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import type { UserStanding } from '../ledger/ledger.ts'
import { readStanding } from '../ledger/standing.ts'
import { daysOfPeriod } from './usage/periods.ts'
import { addText, newSum, type UsageSum } from './usage/sums.ts'
import { readOrg, type OrgRecord } from './org-record.ts'

export interface DayUse extends UsageSum {
  readonly day: Day
}

export interface OwnUse {
  readonly standing: UserStanding
  /**
   * Days of the period with usage, the earliest first; days older than the retention (P5) are missing. If a period
   * began within a day, for example after a change of the time zone, the usage of that whole day is included.
   */
  readonly days: readonly DayUse[]
}

export interface OwnUseDirectory {
  /** Null for a user who is not a member. `days` are empty unless `byDay`. */
  getOwnUse(org: string, user: string, byDay: boolean): Promise<OwnUse | null>
}

const BATCH = 64

export function createOwnUseDirectory(redis: RedisClient): OwnUseDirectory {
  return {
    getOwnUse: (org, user, byDay) =>
      storeCall(async () => {
        const record = await readOrg(redis, org)
        if (record === null) return null
        const standing = await readStanding(redis, { ...record, org }, user)
        if (standing === null) return null
        return { standing, days: byDay ? await readDays(redis, record, user) : [] }
      }),
  }
}

async function readDays(redis: RedisClient, org: OrgRecord, user: string): Promise<DayUse[]> {
  // Up to the period's last day: if the clock stepped back, usage may be recorded on days in the future.
  const { first, last } = daysOfPeriod(org.period, org.billing.timezone)
  const all = daysBetween(first, last)
  const found: DayUse[] = []
  for (let at = 0; at < all.length; at += BATCH) {
    const batch = all.slice(at, at + BATCH)
    const hashes = await Promise.all(batch.map((day) => redis.hvals(keys.userDay(org.id, day, user))))
    for (const [index, day] of batch.entries()) {
      const values = hashes[index] ?? []
      if (values.length > 0) found.push({ day, ...sumOf(values) })
    }
  }
  return found
}

function sumOf(values: readonly string[]): UsageSum {
  const sum = newSum()
  for (const value of values) addText(sum, value)
  return sum
}
