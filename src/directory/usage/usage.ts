/**
 * Usage by user, source, model and day, and the billing periods that can be queried (C9, P5). Reads only; makes no
 * decisions.
 */
import { addDays } from '../../core/days.ts'
import { dayAt } from '../../core/period.ts'
import type { Day } from '../../core/units.ts'
import { storeCall, type RedisClient } from '../../store/connection.ts'
import { membersOf } from '../members.ts'
import { readOrg, type OrgRecord } from '../org-record.ts'
import { readStoreTime } from '../../store/clock.ts'
import type { Page } from '../page.ts'
import { usageOfDays } from './by-day.ts'
import { allUsers, pageByUser } from './by-user.ts'
import { periodWithin, usageOfPeriod } from './of-period.ts'
import { daysOfPeriod, knownPeriods, oldestKeptDay, type KnownPeriod } from './periods.ts'
import type {
  UsageAnswer,
  UsageCursor,
  UsageFrame,
  UsageItem,
  UsagePage,
  UsagePageItem,
  UsageQuery,
} from './query.ts'
import { oldestDayOf, segmentsOf, usageOfUser, type Segment } from './segments.ts'
import { addSum, newSum, type Sum } from './sums.ts'

export interface UsageDirectory {
  /** Null for an unknown organization. */
  usageFrame(org: string): Promise<UsageFrame | null>
  /** One page. Charges during paging may move an item across a page boundary. */
  readUsage(
    org: string,
    query: UsageQuery & { readonly limit: number; readonly after: UsageCursor | null },
  ): Promise<UsageAnswer<UsagePage>>
  /** All items, read as they are consumed, so that an export of a hundred thousand users never fills the memory. */
  exportUsage(
    org: string,
    query: UsageQuery,
  ): Promise<UsageAnswer<{ readonly items: AsyncIterable<UsageItem> }>>
  /** Newest first, starting below the number `after`; null for an unknown organization. */
  listPeriods(
    org: string,
    page: { readonly limit: number; readonly after: number | null },
  ): Promise<Page<KnownPeriod> | null>
}

export function createUsageDirectory(redis: RedisClient, retentionDays: number): UsageDirectory {
  return {
    usageFrame: (org) =>
      storeCall(async () => {
        const found = await frameOf(redis, org)
        return found === null ? null : found.frame
      }),
    readUsage: (org, { limit, after, ...query }) =>
      storeCall(async () => {
        const plan = await planOf(redis, org, query, retentionDays)
        if (plan.status !== 'ok') return plan
        const { segments } = plan
        if (query.by !== 'user' || query.user !== null) {
          const { items, total } = await grouped(redis, org, query, plan)
          const page = pageOfItems(query, items, limit, after)
          const shown = query.by === 'user' ? await named(redis, org, page.items) : page.items
          return { status: 'ok', items: shown, next: page.next, total }
        }
        const entry = after === null ? null : { score: after.credits, user: after.key }
        const request = { org, segments, q: query.q, limit, after: entry }
        const [{ items, next }, { total }] = await Promise.all([
          pageByUser(redis, request),
          usageOfAll(redis, org, query, plan),
        ])
        const shown = await named(redis, org, items)
        return { status: 'ok', items: shown, total, next: next && { credits: next.score, key: next.user } }
      }),
    exportUsage: (org, query) =>
      storeCall(async () => {
        const plan = await planOf(redis, org, query, retentionDays)
        if (plan.status !== 'ok') return plan
        if (query.by === 'user' && query.user === null) {
          return {
            status: 'ok',
            items: guarded(allUsers(redis, { org, segments: plan.segments, q: query.q })),
          }
        }
        const { items } = await grouped(redis, org, query, plan)
        return { status: 'ok', items: oneByOne(items) }
      }),
    listPeriods: (org, page) => storeCall(() => listPeriods(redis, org, page)),
  }
}

async function frameOf(
  redis: RedisClient,
  id: string,
): Promise<{ readonly org: OrgRecord; readonly frame: UsageFrame } | null> {
  const [org, now] = await Promise.all([readOrg(redis, id), readStoreTime(redis)])
  if (org === null) return null
  const { timezone } = org.billing
  const today = dayAt(timezone, now).day
  // If the time zone changed, the period may have been opened within a day. So its own time zone applies.
  const [newest] = await take(knownPeriods(redis, org), 1)
  const current = newest ?? daysOfPeriod(org.period, timezone)
  return { org, frame: { timezone, today, current, oldest: oldestKeptDay(today) } }
}

interface Sources {
  readonly segments: readonly Segment[]
  readonly today: Day
  /** The requested period, if its days alone do not identify it; otherwise null. */
  readonly period: number | null
}
type Plan = UsageAnswer<Sources>

/** Where to read the query's usage from. The organization's usage is kept by day and needs no segments. */
async function planOf(
  redis: RedisClient,
  id: string,
  query: UsageQuery,
  retentionDays: number,
): Promise<Plan> {
  const found = await frameOf(redis, id)
  if (found === null) return { status: 'no_org' }
  const { today } = found.frame
  const oldest = addDays(today, 1 - retentionDays)
  if (query.by === 'day') {
    const isKept = query.user === null || query.from >= oldest
    return isKept ? { status: 'ok', segments: [], today, period: null } : { status: 'not_kept', oldest }
  }
  const periods: KnownPeriod[] = []
  for await (const period of knownPeriods(redis, found.org)) {
    if (period.last < query.from) break
    periods.push(period)
  }
  const period = periodWithin(periods, query)
  if (query.by !== 'user' && query.user === null) return { status: 'ok', segments: [], today, period }
  const segments = segmentsOf(periods, query.from, query.to)
  const oldestRead = oldestDayOf(segments)
  if (oldestRead !== null && oldestRead < oldest) return { status: 'not_kept', oldest }
  return { status: 'ok', segments, today, period }
}

/** Every grouping except by user: few items, which are read at once and sorted. */
async function grouped(
  redis: RedisClient,
  org: string,
  query: UsageQuery,
  plan: Sources,
): Promise<{ readonly items: UsageItem[]; readonly total: Sum }> {
  const { by, user } = query
  if (user === null || by === 'day') {
    const { sums, total } = await usageOfAll(redis, org, query, plan)
    return { items: sorted(query, sums), total }
  }
  const sums = await usageOfUser(redis, org, user, plan.segments, by)
  const total = newSum()
  for (const sum of sums.values()) addSum(total, sum)
  return { items: sorted(query, sums), total }
}

/**
 * The usage of all users, or the days of one user. The total is read from the same data as the items, so that they add
 * up (C9).
 */
function usageOfAll(
  redis: RedisClient,
  org: string,
  query: UsageQuery,
  { period, today }: Sources,
): Promise<{ readonly sums: Map<string, Sum>; readonly total: Sum }> {
  const { by, user } = query
  return period === null || by === 'day'
    ? usageOfDays(redis, org, user, { ...query, today }, by)
    : usageOfPeriod(redis, org, period, by)
}

function sorted({ by }: UsageQuery, sums: ReadonlyMap<string, Sum>): UsageItem[] {
  const items = Array.from(sums, ([key, sum]): UsageItem => ({ key, ...sum }))
  if (by === 'day') return items.sort((a, b) => (a.key < b.key ? -1 : 1))
  return items.sort((a, b) => (follows(a, { credits: b.credits, key: b.key }) ? 1 : -1))
}

/** The users of a page with their names, which one command reads. */
async function named(redis: RedisClient, org: string, items: readonly UsageItem[]): Promise<UsagePageItem[]> {
  const users = items.map(({ key }) => key)
  const members = await membersOf(redis, org, users)
  return items.map((item) => ({ ...item, name: members.get(item.key)?.name ?? null }))
}

function follows(item: UsageItem, { credits, key }: UsageCursor): boolean {
  return item.credits < credits || (item.credits === credits && item.key < key)
}

function pageOfItems(
  { by }: UsageQuery,
  items: readonly UsageItem[],
  limit: number,
  after: UsageCursor | null,
): { readonly items: readonly UsageItem[]; readonly next: UsageCursor | null } {
  const rest =
    after === null
      ? items
      : items.filter((item) => (by === 'day' ? item.key > after.key : follows(item, after)))
  const page = rest.slice(0, limit)
  const last = page.at(-1)
  const more = last !== undefined && rest.length > limit
  return { items: page, next: more ? { credits: last.credits, key: last.key } : null }
}

async function listPeriods(
  redis: RedisClient,
  id: string,
  { limit, after }: { readonly limit: number; readonly after: number | null },
): Promise<Page<KnownPeriod> | null> {
  const found = await frameOf(redis, id)
  if (found === null) return null
  const known = await take(knownPeriods(redis, found.org, after ?? Infinity), limit + 1)
  // Other periods have lost some of their days, so their usage would not add up.
  const items = known.filter(({ no, first }) => first >= found.frame.oldest || no === found.org.period.no)
  const page = items.slice(0, limit)
  const last = page.at(-1)
  return { items: page, next: last !== undefined && items.length > limit ? String(last.no) : null }
}

async function take<T>(all: AsyncIterable<T>, count: number): Promise<T[]> {
  const items: T[] = []
  for await (const item of all) {
    items.push(item)
    if (items.length >= count) break
  }
  return items
}

async function* oneByOne<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item)
}

/** Errors while the items are read also count as failures of the store. */
async function* guarded<T>(items: AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    for (;;) {
      const item = await storeCall(() => items.next())
      if (item.done === true) return
      yield item.value
    }
  } finally {
    await items.return(undefined)
  }
}
