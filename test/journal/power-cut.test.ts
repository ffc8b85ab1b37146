/**
 * What Redis's append-only file keeps (D2). A SIGKILL takes nothing back that was written to the file, synced or not: the kernel
 * still has it. A power cut does, at the end of the file, and that is imitated by cutting bytes off it.
 */
import { readdirSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import type { Hold } from '../../src/core/hold.ts'
import * as keys from '../../src/store/keys.ts'
import { books, charge, createOrg, holdOf, openClient, openLedger, reservation } from '../support/ledger.ts'
import { randomOf } from '../support/random.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const SEED = Number(process.env['TOLLGATE_SEED'] ?? 36)
const random = randomOf(SEED)
t.comment(`TOLLGATE_SEED=${SEED}`)
const USERS = ['ada', 'bob', 'cy']

/** A server with an append-only file, whose end can be cut off. */
async function open(appendfsync: 'always' | 'everysec') {
  const server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', appendfsync] })
  const redis = (await openClient({ url: server.url })) as Redis
  const [, dir = ''] = (await redis.config('GET', 'dir')) as string[]
  const file = (): string => {
    const folder = join(dir, 'appendonlydir')
    return join(folder, readdirSync(folder).find((name) => name.endsWith('.incr.aof')) ?? '')
  }
  const isBack = () => until(async () => (await redis.ping().catch(() => '')) === 'PONG')
  return {
    redis,
    size: () => statSync(file()).size,
    async crash(cutBytes = 0) {
      await server.kill()
      truncateSync(file(), statSync(file()).size - cutBytes)
      await server.restart()
      await isBack()
    },
    async stop() {
      redis.disconnect()
      await server.stop()
    },
  }
}

/** Everything that must agree, agrees: invariants 1 and 2. */
async function agrees(t: Test, redis: Redis, org: string): Promise<Awaited<ReturnType<typeof books>>> {
  const found = await books(redis, org, USERS)
  const { used, held } = found
  t.match(found, { usersUsed: used, days: used, models: used, usersHeld: held, openHolds: held })
  t.ok(used >= 0 && held >= 0, `used ${used}, held ${held}`)
  return found
}

for (const appendfsync of ['always', 'everysec'] as const) {
  void t.test(
    `D2: Redis is killed under load, appendfsync ${appendfsync}: ${appendfsync === 'always' ? 'nothing is lost' : 'nothing is charged twice'}`,
    async (t) => {
      const server = await open(appendfsync)
      // What a lost settle leaves open must end within the test.
      const ledger = await openLedger(server.redis, { leaseMs: appendfsync === 'always' ? 60_000 : 1_000 })
      t.teardown(async () => {
        ledger.close()
        await server.stop()
      })
      await createOrg(server.redis, 'load', { members: USERS, limit: null })
      let settled = 0
      let isRunning = true
      const load = USERS.map(async (user) => {
        while (isRunning) {
          const result = await ledger.reserve(reservation('load', 2, { user })).catch(() => null)
          if (result === null) continue
          ledger.settle(holdOf(result), charge(1))
          settled += 1
        }
      })
      for (let kills = 1; kills <= 3; kills += 1) {
        await until(() => settled > 300 * kills)
        await server.crash()
      }
      isRunning = false
      await Promise.all(load)
      t.ok(await ledger.drained(20_000))
      await until(async () => (await books(server.redis, 'load', USERS)).held === 0)
      const { used } = await agrees(t, server.redis, 'load')
      // Under everysec Redis may answer up to two seconds before it writes to the file, where the disk is slow to sync.
      if (appendfsync === 'always') t.equal(used, settled * 1e6, 'to the microcredit, once each')
      else t.ok(used <= settled * 1e6, `${used} of ${settled * 1e6}: nothing twice`)
    },
  )
}

void t.test(
  'D2: a power cut under everysec: what is left agrees, and settles that come again charge once',
  async (t) => {
    const server = await open('everysec')
    const ledger = await openLedger(server.redis)
    t.teardown(async () => {
      ledger.close()
      await server.stop()
    })
    await createOrg(server.redis, 'cut', { members: USERS, limit: null })
    const before = server.size()
    const holds: Hold[] = []
    for (let round = 0; round < 60; round += 1) {
      const user = USERS[round % USERS.length] ?? ''
      const hold = holdOf(await ledger.reserve(reservation('cut', 2, { user })))
      holds.push(hold)
      // Some are open when the power fails.
      if (round % 5 === 0) continue
      ledger.settle(hold, charge(1))
      t.ok(await ledger.drained(5_000))
    }
    const whole = (await agrees(t, server.redis, 'cut')).used
    let used = whole
    for (let cuts = 0; cuts < 15; cuts += 1) {
      const left = server.size() - before
      await server.crash(1 + Math.floor((random() * left) / 8))
      const found = await agrees(t, server.redis, 'cut')
      t.ok(found.used <= used, 'a cut takes back, and adds nothing')
      used = found.used
    }
    t.ok(used < whole, `${used} of ${whole} were left`)
    for (let again = 0; again < 2; again += 1) {
      for (const hold of holds) ledger.settle(hold, charge(1))
      t.ok(await ledger.drained(20_000))
    }
    const found = await agrees(t, server.redis, 'cut')
    t.match(found, { used: holds.length * 1e6, held: 0, leases: 0 }, 'lost or not, each is charged once')
    t.equal(await server.redis.hget(keys.total('cut', 1), 'used'), String(holds.length * 1e6))
  },
)
