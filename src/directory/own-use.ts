/** What a member asks about the own use: the standing in the current period (E4), and what it is made of, day by day. */
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
   * Days of the period with usage, the first one first; older ones than are kept (P5) are missing. Where a period began
   * within a day, as after a change of the zone, that day is here as a whole.
   */
  readonly days: readonly DayUse[]
}

export interface OwnUseDirectory {
  /** Null for who is no member. `days` are empty unless `byDay`. */
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
  // To the period's last day, since a clock that has stepped back leaves usage on days that are yet to come.
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
