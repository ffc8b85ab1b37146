/**
 * Usage by user. For one whole period it comes from the period's index by use, so that a page costs only its own size.
 * Other ranges have no index: all users with usage in their periods are read, a few hundred at a time, and only the top
 * entries for one page are kept.
 */
import type { RedisClient } from '../../store/connection.ts'
import { matchingUsers } from '../member-search.ts'
import * as keys from '../../store/keys.ts'
import type { UsageItem } from './query.ts'
import { usageOfUser, type Segment } from './segments.ts'
import { isNothing, newSum } from './sums.ts'
import { comesAfter, scoresOf, usersByUse, type UseEntry } from './use-index.ts'

/** Concurrent reads: with more, calls would wait on the same connection. */
const READS_AT_ONCE = 200
const INDEX_BATCH = 200
const SEARCH_BATCH = 1_000
/** The most entries of an index that one request for a page scans before it returns a cursor. */
const MOST_LOOKED_AT = 200_000

export interface UserPage {
  readonly items: readonly UsageItem[]
  readonly next: UseEntry | null
}

interface Request {
  readonly org: string
  readonly segments: readonly Segment[]
  readonly q: string | null
  readonly limit: number
  readonly after: UseEntry | null
}

/** One page, highest usage first. */
export function pageByUser(redis: RedisClient, request: Request): Promise<UserPage> {
  const [only, ...others] = request.segments
  if (only === undefined) return Promise.resolve({ items: [], next: null })
  return others.length === 0 && only.days === null
    ? pageOfIndex(redis, request, only)
    : pageOfRange(redis, request)
}

async function pageOfIndex(
  redis: RedisClient,
  { org, q, limit, after }: Request,
  segment: Segment,
): Promise<UserPage> {
  const batch = q === null ? Math.min(limit + 1, INDEX_BATCH) : SEARCH_BATCH
  const page: UseEntry[] = []
  let looked = 0
  let stoppedAt: UseEntry | null = null
  for await (const entries of usersByUse(redis, org, segment.no, { lowest: 0, after, batch })) {
    page.push(...(await withMatches(redis, org, entries, q)))
    if (page.length > limit) break
    looked += entries.length
    if (looked < MOST_LOOKED_AT) continue
    stoppedAt = entries.at(-1) ?? null
    break
  }
  const next = page.length > limit ? (page[limit - 1] ?? null) : stoppedAt
  const shown = page.slice(0, limit).map(({ user }) => user)
  return { items: await itemsOf(redis, org, shown, () => [segment]), next }
}

async function pageOfRange(redis: RedisClient, request: Request): Promise<UserPage> {
  const { limit, after } = request
  let best: { readonly entry: UseEntry; readonly item: UsageItem }[] = []
  const keepBest = (): void => {
    best = best.sort((a, b) => (comesAfter(a.entry, b.entry) ? 1 : -1)).slice(0, limit + 1)
  }
  for await (const item of allUsers(redis, request)) {
    const entry = { score: item.credits, user: item.key }
    if (after !== null && !comesAfter(entry, after)) continue
    best.push({ entry, item })
    if (best.length > 4 * limit + 1_000) keepBest()
  }
  keepBest()
  const page = best.slice(0, limit)
  return {
    items: page.map(({ item }) => item),
    next: best.length > limit ? (page.at(-1)?.entry ?? null) : null,
  }
}

/**
 * All users with usage in the range, each once: highest usage first if the range is one whole period, otherwise in no
 * particular order.
 */
export async function* allUsers(
  redis: RedisClient,
  { org, segments, q }: Pick<Request, 'org' | 'segments' | 'q'>,
): AsyncGenerator<UsageItem> {
  const batch = q === null ? INDEX_BATCH : SEARCH_BATCH
  for (const [index, { no }] of segments.entries()) {
    for await (const entries of usersByUse(redis, org, no, { lowest: 0, after: null, batch })) {
      const found = (await withMatches(redis, org, entries, q)).map(({ user }) => user)
      const present = await Promise.all(segments.map((segment) => scoresOf(redis, org, segment.no, found)))
      const newHere = found.filter((user) => !present.slice(0, index).some((scores) => scores.has(user)))
      const segmentsOfUser = (user: string): Segment[] =>
        segments.filter((_segment, at) => present[at]?.has(user) === true)
      for (const item of await itemsOf(redis, org, newHere, segmentsOfUser)) {
        if (!isNothing(item)) yield item
      }
    }
  }
}

async function withMatches(
  redis: RedisClient,
  org: string,
  entries: readonly UseEntry[],
  q: string | null,
): Promise<readonly UseEntry[]> {
  if (q === null) return entries
  const users = entries.map(({ user }) => user)
  const members = await redis.hmget(keys.members(org), ...users)
  const matching = matchingUsers(users, members, q)
  return entries.filter(({ user }) => matching.has(user))
}

/** The usage of each of these users, in the given order, with at most `READS_AT_ONCE` reads at a time. */
async function itemsOf(
  redis: RedisClient,
  org: string,
  users: readonly string[],
  segmentsOfUser: (user: string) => readonly Segment[],
): Promise<UsageItem[]> {
  const items: UsageItem[] = []
  const read = async (user: string, segments: readonly Segment[]): Promise<UsageItem> => {
    const sums = await usageOfUser(redis, org, user, segments, 'user')
    return { key: user, ...(sums.get(user) ?? newSum()) }
  }
  let reading: Promise<UsageItem>[] = []
  let reads = 0
  for (const user of users) {
    const segments = segmentsOfUser(user)
    reading.push(read(user, segments))
    reads += segments.reduce((count, { days }) => count + (days?.length ?? 1), 0)
    if (reads < READS_AT_ONCE) continue
    items.push(...(await Promise.all(reading)))
    reading = []
    reads = 0
  }
  items.push(...(await Promise.all(reading)))
  return items
}
