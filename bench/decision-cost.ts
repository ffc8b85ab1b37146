/**
 * What a decision costs Redis as an organization grows (design.md, invariant 6): reserve and settle with few and with many
 * users, custom limits, alerts, open holds and organizations, on one server, in turns.
 *
 *     npm run bench:decision [-- --rounds 15] [--scale 1] [--only ROW]
 *
 * Both sizes of a row live on the same server, each in a database of its own, so that what the server does in the
 * background weighs on both. A batch has the same number of calls and of users in both. The figure is the processor time
 * that the server spent on a call (INFO cpu), as the median of the rounds with the least and the most; the ratio is the
 * median of the rounds' own ratios. It exits with 1 when anything failed or nothing was measured.
 */
import { parseArgs } from 'node:util'
import type { Hold } from '../src/core/hold.ts'
import { wholeCredits, type Microcredits } from '../src/core/units.ts'
import type { RedisClient } from '../src/store/connection.ts'
import * as keys from '../src/store/keys.ts'
import type { RedisLedger } from '../src/ledger/redis-ledger.ts'
import { charge, createOrg, holdOf, openClient, openLedger, reservation } from '../test/support/ledger.ts'
import { startRedis } from '../test/support/redis.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    scale: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
  },
})
const ROUNDS = Number(values.rounds)
/** Scales the large sizes: below 1 for a quick run, above 1 for a longer one. */
const SCALE = Number(values.scale)

const AIM = 1.25
const BATCH = 8
const BATCHES_PER_ROUND = 100
const CALLS_PER_ROUND = BATCH * BATCHES_PER_ROUND
const LEASE_MS = 86_400_000
/** Concurrent writes while a store is filled. */
const PIPELINE = 2_000

interface Size {
  readonly users: number
  readonly customLimits: number
  readonly alerts: number
  readonly openHolds: number
  readonly orgs: number
}

const SMALL: Size = { users: 10, customLimits: 10, alerts: 1, openHolds: 10, orgs: 1 }
const large = (count: number): number => Math.max(10, Math.round(count * SCALE))
const ROWS: Readonly<Record<string, readonly [Partial<Size>, Partial<Size>]>> = {
  users: [{}, { users: large(100_000) }],
  'custom limits': [{ users: large(10_000) }, { users: large(10_000), customLimits: large(10_000) }],
  alerts: [{}, { alerts: large(1_000) }],
  'open holds': [{}, { openHolds: large(100_000) }],
  organizations: [{}, { orgs: large(10_000) }],
  everything: [
    {},
    { users: large(100_000), customLimits: large(10_000), alerts: large(1_000), openHolds: large(100_000) },
  ],
}

const userName = (index: number): string => `user-${index}`
const orgName = (index: number): string => `org-${index}`

/** One of the two stores of a row, filled, with a gateway in front of it. */
interface Store {
  readonly redis: RedisClient
  readonly ledger: RedisLedger
  readonly size: Size
  /** Counts batches, so that each batch takes the next users of the next organization. */
  turn: number
}

async function inChunks<T>(all: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < all.length; at += PIPELINE) await Promise.all(all.slice(at, at + PIPELINE).map(work))
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

async function settled(ledger: RedisLedger): Promise<void> {
  if (!(await ledger.drained(60_000))) throw new Error('settles are stuck')
}

async function fill(url: string, size: Size): Promise<Store> {
  const redis = await openClient({ url })
  const ledger = await openLedger(redis, { leaseMs: LEASE_MS })
  await inChunks(upTo(size.orgs), async (org) => {
    await createOrg(redis, orgName(org), { members: [], limit: 1_000_000 })
    await redis.hset(keys.members(orgName(org)), ...membersUpTo(Math.min(size.users, 1_000)))
  })
  const org = orgName(0)
  for (let at = 1_000; at < size.users; at += 1_000) {
    await redis.hset(keys.members(org), ...membersUpTo(Math.min(size.users, at + 1_000), at))
  }
  await inChunks(upTo(size.customLimits), (user) =>
    redis.hset(keys.customLimits(org), userName(user), String(wholeCredits(2_000_000 + user))),
  )
  await fillAlerts(redis, org, size.alerts)
  // Every user has usage in every organization, and so a hash of counters.
  const everybody = upTo(size.orgs).flatMap((index) => upTo(size.users).map((user) => [index, user] as const))
  await inChunks(everybody, async ([index, user]) => {
    const hold = await reserveOne(ledger, orgName(index), user)
    ledger.settle(hold, charge(0.001))
  })
  await settled(ledger)
  // The same users hold them who call, so that each has many.
  await inChunks(upTo(size.openHolds), (index) => reserveOne(ledger, org, index % 10))
  return { redis, ledger, size, turn: 0 }
}

function membersUpTo(end: number, from = 0): string[] {
  const member = '{"email":null,"name":null,"role":"member"}'
  return upTo(end - from).flatMap((index) => [userName(from + index), member])
}

/** Armed alerts far above the current usage, written as a save writes them. */
async function fillAlerts(redis: RedisClient, org: string, count: number): Promise<void> {
  const lowest = wholeCredits(1_000_000)
  await inChunks(upTo(count), (index) =>
    redis.zadd(keys.armed(org, 1), lowest + index, `alert-${index} 1 absolute ${1_000_000 + index}`),
  )
  await redis.hset(keys.total(org, 1), 'next_mark', String(lowest))
}

async function reserveOne(ledger: RedisLedger, org: string, user: number): Promise<Hold> {
  return holdOf(await ledger.reserve(reservation(org, 0.01, { user: userName(user) })))
}

interface Round {
  readonly reserve: number
  readonly settle: number
}

/** Microseconds of CPU time that the server has used so far. */
async function cpuMicros(redis: RedisClient): Promise<number> {
  const info = await redis.info('cpu')
  const seconds = (name: string): number => Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1])
  return (seconds('used_cpu_user') + seconds('used_cpu_sys')) * 1_000_000
}

async function scriptCalls(redis: RedisClient): Promise<number> {
  const info = await redis.info('commandstats')
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(info)?.[1] ?? 0)
}

async function measure(store: Store, batches: number): Promise<Round> {
  const { redis, ledger, size } = store
  const holds: Hold[][] = []
  const scriptsBefore = await scriptCalls(redis)
  const before = await cpuMicros(redis)
  for (let batch = 0; batch < batches; batch += 1) {
    const first = store.turn * BATCH
    const org = orgName(store.turn % size.orgs)
    store.turn += 1
    const users = upTo(BATCH).map((index) => (first + index) % size.users)
    holds.push(await Promise.all(users.map((user) => reserveOne(ledger, org, user))))
  }
  const between = await cpuMicros(redis)
  for (const batch of holds) {
    for (const hold of batch) ledger.settle(hold, { ...charge(0), cost: 7_000 as Microcredits })
    await settled(ledger)
  }
  const after = await cpuMicros(redis)
  const scripts = (await scriptCalls(redis)) - scriptsBefore
  if (scripts !== 2 * batches) throw new Error(`${scripts} script calls for ${batches} batches of each kind`)
  const calls = batches * BATCH
  return { reserve: (between - before) / calls, settle: (after - between) / calls }
}

function median(sorted: readonly number[]): number {
  const value = sorted[Math.floor(sorted.length / 2)]
  if (value === undefined || !(value > 0)) throw new Error('nothing was measured')
  return value
}

function spread(figures: readonly number[]): string {
  const sorted = [...figures].sort((a, b) => a - b)
  const [least = NaN, most = NaN] = [sorted[0], sorted.at(-1)]
  return `${median(sorted).toFixed(1)} (${least.toFixed(1)}–${most.toFixed(1)})`
}

/** Returns the ratios of reserve and of settle. */
async function row(name: string, sizes: readonly [Partial<Size>, Partial<Size>]): Promise<number[]> {
  const server = await startRedis()
  const stores: Store[] = []
  try {
    for (const [database, size] of sizes.entries()) {
      stores.push(await fill(`${server.url}/${database}`, { ...SMALL, ...size }))
    }
    const [small, big] = stores
    if (small === undefined || big === undefined) throw new Error('two sizes are compared')
    // The first call of an organization reads its settings, so each is called once before the measurement.
    for (const store of stores) await measure(store, Math.max(BATCHES_PER_ROUND, store.size.orgs))
    const rounds: [Round, Round][] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      // The order alternates, so that each size is first equally often.
      const bigFirst = round % 2 === 0 ? await measure(big, BATCHES_PER_ROUND) : null
      const smallOne = await measure(small, BATCHES_PER_ROUND)
      rounds.push([smallOne, bigFirst ?? (await measure(big, BATCHES_PER_ROUND))])
    }
    return (['reserve', 'settle'] as const).map((verb) => {
      const few = rounds.map(([round]) => round[verb])
      const many = rounds.map(([, round]) => round[verb])
      const ratios = rounds.map(([one, other]) => other[verb] / one[verb]).sort((a, b) => a - b)
      const ratio = median(ratios)
      const cells = [name.padEnd(14), verb.padEnd(8), spread(few).padEnd(20), spread(many).padEnd(20)]
      console.log(`${cells.join(' ')} ${ratio.toFixed(2)}${ratio > AIM ? '  above the aim' : ''}`)
      return ratio
    })
  } finally {
    for (const { ledger, redis } of stores) {
      ledger.close()
      redis.disconnect()
    }
    await server.stop()
  }
}

if (!(ROUNDS >= 3) || !(SCALE > 0)) throw new Error('--rounds is at least 3, --scale above 0')
console.log(
  `µs of Redis processor time a call, batches of ${BATCH}, ${CALLS_PER_ROUND} calls a round, ${ROUNDS} rounds`,
)
console.log(
  `${'row'.padEnd(14)} ${'verb'.padEnd(8)} ${'few'.padEnd(20)} ${'many'.padEnd(20)} ratio (aim ≤ ${AIM})`,
)
const ratios: number[] = []
for (const [name, sizes] of Object.entries(ROWS))
  if (name.includes(values.only)) ratios.push(...(await row(name, sizes)))
console.log(`the worst of ${ratios.length} ratios: ${Math.max(...ratios).toFixed(2)}`)
