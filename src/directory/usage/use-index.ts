/** The index of users by use: one sorted set per billing period, read in descending order in batches. */
import type { RedisClient } from '../../store/connection.ts'
import * as keys from '../../store/keys.ts'

export interface UseEntry {
  /** Microcredits used in the period. */
  readonly score: number
  readonly user: string
}

/** By use, then by user, both descending: the order of the index itself. */
export function comesAfter(entry: UseEntry, other: UseEntry): boolean {
  return entry.score < other.score || (entry.score === other.score && entry.user < other.user)
}

/** The users of a period who used at least `lowest`, in descending order, starting after `after`. */
export async function* usersByUse(
  redis: RedisClient,
  org: string,
  periodNo: number,
  options: { readonly lowest: number; readonly after: UseEntry | null; readonly batch: number },
): AsyncGenerator<UseEntry[]> {
  const { lowest, batch: size } = options
  const index = keys.top(org, periodNo)
  let { after } = options
  let skip = 0
  for (;;) {
    const highest = after === null ? '+inf' : after.score
    const flat = await redis.zrevrangebyscore(index, highest, lowest, 'WITHSCORES', 'LIMIT', skip, size)
    const batch: UseEntry[] = []
    for (let at = 0; at + 1 < flat.length; at += 2) {
      const entry: UseEntry = { score: Number(flat[at + 1]), user: flat[at] ?? '' }
      if (after === null || comesAfter(entry, after)) batch.push(entry)
    }
    if (batch.length > 0) yield batch
    if (flat.length < 2 * size) return
    // A batch without new entries has only users with the cursor's own score. Only then an offset has to skip them.
    skip = batch.length === 0 ? skip + size : 0
    after = batch.at(-1) ?? after
  }
}

/** The usage of these users in the period; users who are not in the index are left out. */
export async function scoresOf(
  redis: RedisClient,
  org: string,
  periodNo: number,
  users: readonly string[],
): Promise<Map<string, number>> {
  const scores = new Map<string, number>()
  if (users.length === 0) return scores
  const found = await redis.zmscore(keys.top(org, periodNo), ...users)
  for (const [index, user] of users.entries()) {
    const score = found[index]
    if (score !== null && score !== undefined) scores.set(user, Number(score))
  }
  return scores
}
