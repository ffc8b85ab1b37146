/** Usage of one billing period, from the users' own hashes of it. */
import type { RedisClient } from '../../store/connection.ts'
import type { KnownPeriod } from './periods.ts'
import { usageOfUser, type UserGroup } from './segments.ts'
import { addSum, newSum, sumOf, type Sum } from './sums.ts'
import { usersByUse } from './use-index.ts'

const READS_AT_ONCE = 200

/**
 * The number of the period with exactly these days, if it shares one of them with a neighbour because the time zone
 * changed within a day. Such a range means the period: its days would also include the neighbour's usage. Null
 * otherwise.
 */
export function periodWithin(
  periods: readonly KnownPeriod[],
  { from, to }: { readonly from: string; readonly to: string },
): number | null {
  const exact = periods.find(({ first, last }) => first === from && last === to)
  const shares = periods.some(({ no, first, last }) => no !== exact?.no && first <= to && last >= from)
  return exact !== undefined && shares ? exact.no : null
}

/** The total, and its parts by source or model (`user`: the total alone). Reads one hash per user. */
export async function usageOfPeriod(
  redis: RedisClient,
  org: string,
  no: number,
  by: UserGroup,
): Promise<{ readonly sums: Map<string, Sum>; readonly total: Sum }> {
  const total = newSum()
  const sums = new Map<string, Sum>()
  for await (const entries of usersByUse(redis, org, no, { lowest: 0, after: null, batch: READS_AT_ONCE })) {
    const used = await Promise.all(
      entries.map(({ user }) => usageOfUser(redis, org, user, [{ no, days: null }], by)),
    )
    for (const [key, sum] of used.flatMap((ofUser) => [...ofUser])) {
      addSum(total, sum)
      if (by !== 'user') addSum(sumOf(sums, key), sum)
    }
  }
  return { sums, total }
}
