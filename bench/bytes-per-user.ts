/**
 * How many bytes of the store a user costs (P5), part by part, by MEMORY USAGE.
 *
 *     npx tsx bench/bytes-per-user.ts [users] [models]
 *
 * Every user is a member with name and address, has a key and a custom limit, and calls each of the models once through the
 * gateway's own ledger, which writes the usage of a period and of a day. A Redis of its own, on this machine.
 */
import type { Redis } from 'ioredis'
import { createKeyDirectory, hashKey } from '../src/directory/virtual-keys.ts'
import * as keys from '../src/store/keys.ts'
import { CHANGE } from '../test/support/changes.ts'
import { charge, createOrg, holdOf, openClient, openLedger, reservation } from '../test/support/ledger.ts'
import { startRedis } from '../test/support/redis.ts'

const USERS = Number(process.argv[2] ?? 10_000)
const MODELS = Number(process.argv[3] ?? 2)
const ORG = 'bench'
/** The data that P5 keeps of a user who calls every day: 13 past monthly periods and the open one, and the days. */
const PERIODS = 14
const DAYS = 62
const AT_ONCE = 500

const server = await startRedis()
const redis = (await openClient({ socketPath: server.socketPath })) as Redis
const ledger = await openLedger(redis)
const directory = createKeyDirectory(redis)
const userOf = (index: number): string => `user-${String(index).padStart(6, '0')}`

async function inBatches(run: (user: string) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < USERS; at += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, USERS - at) }, (_, index) => userOf(at + index))
    await Promise.all(batch.map(run))
  }
}

/** SHA-256 of each user's key. */
const lookUps = new Map<string, string>()

async function join(user: string): Promise<void> {
  const member = { email: `${user}@example.com`, name: 'Ada Lovelace', role: 'member' }
  await redis.hset(keys.members(ORG), user, JSON.stringify(member))
  await redis.hset(keys.customLimits(ORG), user, '2500000000')
  const draft = { name: 'laptop', user, app: false, sources: ['chat'], scope: 'traffic' } as const
  const made = await directory.createKey(ORG, draft, (after) => ({ ...CHANGE, after }))
  if (made.status !== 'created') throw new Error(made.status)
  lookUps.set(user, hashKey(made.key))
}

async function use(user: string): Promise<void> {
  for (let model = 0; model < MODELS; model += 1) {
    const name = `gpt-5.2-mini-${model}`
    const hold = holdOf(await ledger.reserve(reservation(ORG, 5, { user, model: name })))
    ledger.settle(hold, charge(1.234567, name))
  }
}

async function memory(key: string): Promise<number> {
  return Number(await redis.memory('USAGE', key, 'SAMPLES', 0))
}

/** The mean size of a key that every user has once. */
async function each(keyOf: (user: string) => string): Promise<number> {
  let sum = 0
  await inBatches(async (user) => {
    const bytes = await memory(keyOf(user))
    sum += bytes
  })
  return sum / USERS
}

async function inUse(): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1])
}

function line(name: string, bytes: number): void {
  process.stdout.write(`${name.padEnd(64)} ${Math.round(bytes).toLocaleString('en-US').padStart(9)} bytes\n`)
}

try {
  await createOrg(redis, ORG)
  const before = await inUse()
  await inBatches(join)
  await inBatches(use)
  if (!(await ledger.drained(60_000))) throw new Error('not everything was settled')
  const [dayKey = ''] = await redis.keys(`tg:{${ORG}}:d*:u:${userOf(0)}`)
  if ((await redis.zcard(keys.top(ORG, 1))) !== USERS || dayKey === '')
    throw new Error('nothing was measured')
  const dayOf = (user: string): string => dayKey.replace(userOf(0), user)
  const hashes = [keys.members(ORG), keys.customLimits(ORG), keys.orgKeys(ORG)]
  const [members = 0, limits = 0, orgKeys = 0] = (await Promise.all(hashes.map(memory))).map(
    (all) => all / USERS,
  )
  const virtualKey = await each((user) => keys.virtualKey(lookUps.get(user) ?? ''))
  const index = (await memory(keys.top(ORG, 1))) / USERS
  const period = (await each((user) => keys.user(ORG, 1, user))) + index
  const day = await each(dayOf)
  process.stdout.write(`${USERS} users, ${MODELS} models each\n`)
  line('membership', members)
  line('custom limit', limits)
  line('key: look-up, and entry in the list of keys', virtualKey + orgKeys)
  line('a period: counters, usage by model, index by use', period)
  line('a day with usage', day)
  line(
    `one who calls every day: ${PERIODS} periods, ${DAYS} days`,
    members + limits + virtualKey + orgKeys + PERIODS * period + DAYS * day,
  )
  const sum = members + limits + virtualKey + orgKeys + period + day
  line('sum of membership, limit, key, one period, one day', sum)
  line('the same by used_memory, with the log and resolved holds', ((await inUse()) - before) / USERS)
} finally {
  ledger.close()
  redis.disconnect()
  await server.stop()
}
