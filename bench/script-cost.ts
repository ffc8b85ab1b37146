/**
 * What a call costs Redis: reserve and settle in batches, compared with the minimum of any gateway, a script that checks
 * one counter and increments it, once per call.
 *
 *     npm run bench:scripts [-- --rounds 15] [--batch 16]
 *
 * Both run on one server in turns. The figure is the processor time of the server on a call, as the operating system
 * reports it, as the median of the rounds with the least and the most; the ratio is the median of the rounds' own ratios.
 * It exits with 1 when anything failed or nothing was measured.
 */
import { parseArgs } from 'node:util'
import type { RedisClient } from '../src/store/connection.ts'
import type { RedisLedger } from '../src/ledger/redis-ledger.ts'
import { charge, createOrg, holdOf, openClient, openLedger, reservation } from '../test/support/ledger.ts'
import { startRedis } from '../test/support/redis.ts'
import { spread } from './measure.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '15' }, batch: { type: 'string', default: '16' } },
})
const ROUNDS = Number(values.rounds)
const BATCH = Number(values.batch)
const BATCHES = Math.ceil(4_000 / BATCH)
const AIM = 1.25
const CHECK_AND_INCREMENT = `
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
if used >= tonumber(ARGV[1]) then return 0 end
redis.call('INCRBY', KEYS[1], ARGV[2])
return 1`

const users = Array.from({ length: 4 * BATCH }, (_, index) => `user-${index}`)
const usersOf = (batch: number): string[] =>
  Array.from({ length: BATCH }, (_, index) => users[(batch * BATCH + index) % users.length] ?? '')

async function cpuMicros(redis: RedisClient): Promise<number> {
  const info = await redis.info('cpu')
  const seconds = (name: string): number => Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1])
  return (seconds('used_cpu_user_main_thread') + seconds('used_cpu_sys_main_thread')) * 1_000_000
}

/** Microseconds a call. */
async function measure(redis: RedisClient, work: (users: string[]) => Promise<unknown>): Promise<number> {
  const before = await cpuMicros(redis)
  for (let batch = 0; batch < BATCHES; batch += 1) await work(usersOf(batch))
  return ((await cpuMicros(redis)) - before) / (BATCHES * BATCH)
}

async function enforce(ledger: RedisLedger, batch: string[]): Promise<void> {
  const holds = await Promise.all(
    batch.map(async (user) => holdOf(await ledger.reserve(reservation('bench', 0.01, { user })))),
  )
  for (const hold of holds) ledger.settle(hold, charge(0.007))
  if (!(await ledger.drained(60_000))) throw new Error('settles are stuck')
}

if (!(ROUNDS >= 3) || !(BATCH >= 1)) throw new Error('--rounds is at least 3, --batch at least 1')
const server = await startRedis()
const redis = await openClient({ url: server.url })
const ledger = await openLedger(redis, { leaseMs: 86_400_000 })
try {
  await createOrg(redis, 'bench', { members: users, limit: 1_000_000 })
  const sha1 = String(await redis.script('LOAD', CHECK_AND_INCREMENT))
  const check = (batch: string[]): Promise<unknown> =>
    Promise.all(batch.map((user) => redis.evalsha(sha1, 1, `counter:${user}`, 1_000_000_000_000, 7_000)))
  const both = (batch: string[]): Promise<unknown> => enforce(ledger, batch)
  for (const work of [check, both]) await measure(redis, work)
  const rounds: { readonly least: number; readonly whole: number }[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    rounds.push({ least: await measure(redis, check), whole: await measure(redis, both) })
  }
  const text = (figures: number[]): string => {
    const { median, min, max } = spread(figures)
    if (!(median > 0)) throw new Error('nothing was measured')
    return `${median.toFixed(1)} (${min.toFixed(1)}–${max.toFixed(1)})`
  }
  const ratio = spread(rounds.map(({ least, whole }) => whole / least)).median
  console.log(`µs of Redis processor time a call, batches of ${BATCH}, ${BATCHES * BATCH} calls a round`)
  console.log(`check and increment, once a call   ${text(rounds.map(({ least }) => least))}`)
  console.log(`reserve and settle                 ${text(rounds.map(({ whole }) => whole))}`)
  console.log(`ratio ${ratio.toFixed(2)} (aim ≤ ${AIM})`)
} finally {
  ledger.close()
  redis.disconnect()
  await server.stop()
}
