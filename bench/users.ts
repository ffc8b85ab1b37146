/**
 * What lists of users and of usage cost with 100,000 users and 10,000 custom limits: milliseconds and commands a page.
 *
 *     npx tsx bench/users.ts [users] [custom limits]
 *
 * Everybody has used something in two periods. The store is a Redis of its own, on this machine.
 */
import { addDays } from '../src/core/days.ts'
import { dayAt, periodAt } from '../src/core/period.ts'
import type { Day, UnixMs } from '../src/core/units.ts'
import { createUseDirectory, parseUseCursor } from '../src/directory/users-by-use.ts'
import * as keys from '../src/store/keys.ts'
import { createUsageDirectory } from '../src/directory/usage/usage.ts'
import { openClient } from '../test/support/ledger.ts'
import { startRedis } from '../test/support/redis.ts'

const USERS = Number(process.argv[2] ?? 100_000)
const CUSTOM = Number(process.argv[3] ?? 10_000)
const CREDIT = 1_000_000
const DEFAULT_LIMIT = 900
const ORG = 'bench'
const ROUNDS = 5

const server = await startRedis()
const redis = await openClient({ socketPath: server.socketPath })
const today = dayAt('UTC', Date.now() as UnixMs).day
const billing = { every: 'month', anchor: 1, timezone: 'UTC' } as const
const now = periodAt(billing, Date.now() as UnixMs)
const before = periodAt(billing, (now.start - 1) as UnixMs)
const lastDayBefore = addDays(dayAt('UTC', now.start).day, -1)

/** A user's usage, spread so that a tenth of the users are past the default limit. */
const usedBy = (index: number): number => Math.round(((index * 7_919) % USERS) * (1_000 / USERS) * CREDIT)
const userOf = (index: number): string => `user-${String(index).padStart(6, '0')}`

async function writeUser(index: number): Promise<void> {
  const user = userOf(index)
  const used = usedBy(index)
  const usage = `${used} 10 1000 500`
  const pipeline = redis.pipeline()
  pipeline.hset(
    keys.members(ORG),
    user,
    JSON.stringify({ email: `${user}@example.com`, name: `Name ${index}`, role: 'member' }),
  )
  for (const [no, day] of [
    [2, today],
    [1, lastDayBefore],
  ] as [number, Day][]) {
    pipeline.hset(keys.user(ORG, no, user), { 'used:chat': used, 'held:chat': 0, 'm:chat|model-a': usage })
    pipeline.hset(keys.userDay(ORG, day, user), 'chat|model-a', usage)
    pipeline.zadd(keys.top(ORG, no), used, user)
  }
  if (index < CUSTOM) {
    const limit = index % 3 === 0 ? 'unlimited' : String((index % 2 === 0 ? 100 : 2_000) * CREDIT)
    pipeline.hset(keys.customLimits(ORG), user, limit)
  }
  await pipeline.exec()
}

async function seed(): Promise<void> {
  for (const [no, { start, end }] of [
    [1, before],
    [2, now],
  ] as const) {
    await redis.hset(keys.total(ORG, no), { used: 0, held: 0, start, end, billing: JSON.stringify(billing) })
  }
  for (const day of [today, lastDayBefore]) await redis.hset(keys.day(ORG, day), 'chat|model-a', '1 1 1 1')
  await redis.hset(keys.org(ORG), {
    period_no: 2,
    period_start: now.start,
    period_end: now.end,
    billing: JSON.stringify(billing),
    limit_on: 1,
    limit_default: DEFAULT_LIMIT * CREDIT,
    created_at: 1,
    revision: 1,
  })
  for (let at = 0; at < USERS; at += 500) {
    await Promise.all(Array.from({ length: Math.min(500, USERS - at) }, (_, index) => writeUser(at + index)))
  }
}

async function commands(): Promise<number> {
  const stats = await redis.info('commandstats')
  return Array.from(stats.matchAll(/calls=(\d+)/g), ([, calls]) => Number(calls)).reduce((a, b) => a + b, 0)
}

async function measure(name: string, run: () => Promise<number>): Promise<void> {
  const times: number[] = []
  let items = 0
  const first = await commands()
  for (let round = 0; round < ROUNDS; round += 1) {
    const started = performance.now()
    items = await run()
    times.push(performance.now() - started)
  }
  const each = Math.round(((await commands()) - first) / ROUNDS)
  const median = times.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? NaN
  process.stdout.write(
    `${name.padEnd(58)} ${median.toFixed(1).padStart(8)} ms ${String(each).padStart(8)} commands ${String(items).padStart(7)} items\n`,
  )
}

const uses = createUseDirectory(redis)
const usage = createUsageDirectory(redis, 62)

async function list(
  exceeding: boolean,
  q: string | null,
  cursor: string | null,
): Promise<{ items: number; next: string | null }> {
  const after = cursor === null ? null : parseUseCursor(cursor)
  const page = await uses.listUsersByUse(ORG, { exceeding, q, limit: 50, after })
  if (page === null) throw new Error('no organization')
  return { items: page.items.length, next: page.next }
}

async function usageBy(
  by: 'user' | 'day',
  from: Day,
  to: Day,
  after: { credits: number; key: string } | null = null,
): Promise<number> {
  const answer = await usage.readUsage(ORG, { by, from, to, user: null, q: null, limit: 50, after })
  if (answer.status !== 'ok') throw new Error(answer.status)
  return answer.items.length
}

async function run(): Promise<void> {
  await seed()
  process.stdout.write(`${USERS} users, ${CUSTOM} custom limits, pages of 50, median of ${ROUNDS}\n`)
  const plain = async (exceeding: boolean, q: string | null, cursor: string | null = null): Promise<number> =>
    (await list(exceeding, q, cursor)).items
  await measure('users, first page', () => plain(false, null))
  await measure('users, a page in the middle', () => plain(false, null, `use ${500 * CREDIT} user-050000`))
  await measure('users, q that one user matches', () => plain(false, userOf(Math.floor(USERS / 2))))
  await measure('users, q that nobody matches', () => plain(false, 'nobody at all'))
  await measure('exceeding, first page', () => plain(true, null))
  await measure('exceeding, page among the custom limits', () =>
    plain(true, null, `custom ${800 * CREDIT} user-000000`),
  )
  await measure('exceeding, q that nobody matches', () => plain(true, 'nobody at all'))
  await redis.hset(keys.org(ORG), { limit_default: 0 })
  await measure('exceeding with a default limit of 0, first page', () => plain(true, null))
  const first = dayAt('UTC', now.start).day
  const last = dayAt('UTC', (now.end - 1) as UnixMs).day
  await measure('usage by user, the current period, first page', () => usageBy('user', first, last))
  await measure('usage by user, the current period, a later page', () =>
    usageBy('user', first, last, { credits: 500 * CREDIT, key: 'user-1' }),
  )
  await measure('usage by day, 13 months', () => usageBy('day', addDays(today, -394), today))
  await measure('usage by user, two days of two periods', () => usageBy('user', lastDayBefore, first))
}

try {
  await run()
} finally {
  redis.disconnect()
  await server.stop()
}
