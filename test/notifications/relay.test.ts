/** Outbox → queue: every crossing once per id, whoever relays it and however often, and nothing leaves before it is there. */
import { Worker } from 'bullmq'
import { Redis } from 'ioredis'
import t from 'tap'
import type { Crossing } from '../../src/core/crossing.ts'
import { wholeCredits } from '../../src/core/units.ts'
import { connect, type RedisClient, type StoreAddress } from '../../src/store/connection.ts'
import * as keys from '../../src/store/keys.ts'
import { createNoticeLog, readMember } from '../../src/outbox/notice-log.ts'
import { createStoreClock } from '../../src/store/clock.ts'
import { createQueueDepth, NOTICES_QUEUE, openQueues, QUEUE_PREFIX } from '../../src/notifications/queue.ts'
import { Relay } from '../../src/notifications/relay.ts'
import { startSweep, type Sweep } from '../../src/notifications/sweep.ts'
import { halfOverPeriod } from '../support/billing.ts'
import { CHANGE } from '../support/changes.ts'
import {
  charge,
  createOrg,
  holdOf,
  openClient,
  openLedger,
  reservation,
  silent,
  connected,
} from '../support/ledger.ts'
import { watchQueue } from '../support/queues.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const RETRIES = { attempts: 3, backoffMs: 100, maxBackoffMs: 1_000 }
const ALERT = { alert_on: '1', alert_mark: String(wholeCredits(5)), alert_version: '1' }

/** One gateway's part: a relay, and a sweep where one is wanted, with connections of its own. */
function relayOn(address: StoreAddress): {
  relay: Relay
  redis: RedisClient
  sweep(): Sweep
  close(): Promise<void>
} {
  const redis = connect(address, 'decide')
  redis.on('error', () => undefined)
  const queues = openQueues(redis, RETRIES, () => undefined)
  const common = { redis, clock: createStoreClock(), logger: silent }
  const relay = new Relay({ ...common, log: createNoticeLog(redis), queues })
  return {
    relay,
    redis,
    sweep: () => startSweep({ ...common, relay, depth: createQueueDepth(queues, 60_000), everyMs: 1_000 }),
    async close() {
      await relay.stop(1_000)
      await queues.close()
      redis.disconnect()
    },
  }
}

/** Every member spends 6 credits: past the alert of 5 for each of them. */
async function crossings(redis: RedisClient, org: string, users: readonly string[]): Promise<void> {
  const ledger = await openLedger(redis)
  await Promise.all(
    users.map(async (user) => {
      ledger.settle(holdOf(await ledger.reserve(reservation(org, 6, { user }))), charge(6))
    }),
  )
  await ledger.drained(5_000)
  ledger.close()
}

const users = (count: number): string[] => Array.from({ length: count }, (_, i) => `user-${i}`)

for (const mode of ['server', 'cluster'] as const) {
  void t.test(`on a ${mode}`, async (t) => {
    const server = await startRedis({ cluster: mode === 'cluster' })
    const address: StoreAddress =
      mode === 'cluster' ? { cluster: [`127.0.0.1:${server.port}`] } : { url: server.url }
    const redis = await openClient(address)
    const watched = watchQueue(address)
    const jobsOf = (org: string) => watched.jobsOf(org)
    t.teardown(async () => {
      await watched.close()
      redis.disconnect()
      await server.stop()
    })

    await t.test('N1, N2: each crossing is a job of its own, and the outbox is empty after', async (t) => {
      await createOrg(redis, 'acme', { members: users(250), fields: ALERT })
      await crossings(redis, 'acme', users(250))
      t.equal(await redis.xlen(keys.outbox('acme')), 250)
      const gateway = relayOn(address)
      const { relay, redis: own } = gateway
      await connected(own)
      relay.wake('acme')
      await relay.idle()
      t.equal(await redis.xlen(keys.outbox('acme')), 0)
      const jobs = await jobsOf('acme')
      t.equal(jobs.length, 250)
      t.strictSame(new Set(jobs.map(({ data }) => data.user)).size, 250)
      const [job] = jobs
      t.match(job?.id, /^cx_[0-9a-f]{32}$/)
      t.match(job, {
        name: 'crossing',
        data: {
          id: job?.id,
          type: 'user.alert.crossed',
          org: 'acme',
          threshold: 5,
          mark: 5,
          version: 1,
          used: 6,
          counted: 6,
        },
      })
      t.equal(job?.data.period.start, halfOverPeriod().start)
      t.match(job?.data.occurredAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z$/)
      await gateway.close()
    })

    await t.test('N2: several gateways relay the same entries at once: one job per id', async (t) => {
      await createOrg(redis, 'busy', { members: users(120), fields: ALERT })
      const gateways = Array.from({ length: 4 }, () => relayOn(address))
      for (const { redis: own } of gateways) await connected(own)
      const before = (await watched.added()).length
      await crossings(redis, 'busy', users(120))
      for (const { relay } of gateways) for (let i = 0; i < 10; i += 1) relay.wake('busy')
      for (const { relay } of gateways) await relay.idle()
      t.equal(await redis.xlen(keys.outbox('busy')), 0)
      t.equal((await jobsOf('busy')).length, 120)
      const added = (await watched.added()).slice(before)
      t.equal(added.length, 120, 'the queue took each of them once')
      for (const gateway of gateways) await gateway.close()
    })

    await t.test('N2: an entry that comes back after its job is gone is not queued again', async (t) => {
      await createOrg(redis, 'again', { fields: ALERT })
      await crossings(redis, 'again', ['ada'])
      const [entry] = await redis.xrange(keys.outbox('again'), '-', '+')
      const gateway = relayOn(address)
      const { relay, redis: own } = gateway
      await connected(own)
      relay.wake('again')
      await relay.idle()
      const [job] = await jobsOf('again')
      await job?.remove()
      // As a gateway has it that read the entry, stood still for a day, and goes on.
      await redis.xadd(keys.outbox('again'), '*', ...(entry?.[1] ?? []))
      relay.wake('again')
      await relay.idle()
      t.strictSame(await jobsOf('again'), [])
      t.equal(await redis.xlen(keys.outbox('again')), 0)
      await gateway.close()
    })

    await t.test(
      'N2: what a crash left behind is found by a sweep, and lag says how old it is',
      async (t) => {
        await createOrg(redis, 'left', { members: users(3), fields: ALERT })
        await crossings(redis, 'left', users(3))
        // Put into the queue by a gateway that died before it took them out of the outbox.
        await redis.del(keys.OUTBOX_SWEEP)
        const gateway = relayOn(address)
        const { redis: own } = gateway
        await connected(own)
        const sweep = gateway.sweep()
        await until(async () => (await jobsOf('left')).length === 3)
        await until(async () => (await redis.xlen(keys.outbox('left'))) === 0)
        await until(() => sweep.lagSeconds() === 0)
        t.pass('found, relayed, and nothing lags')
        await sweep.stop()
        await gateway.close()
      },
    )

    await t.test('an entry that nobody can read stays, and holds up nothing behind it', async (t) => {
      await createOrg(redis, 'odd', { fields: ALERT })
      await redis.xadd(keys.outbox('odd'), '*', 'type', 'of.the.future', 'at', '1')
      await crossings(redis, 'odd', ['ada'])
      const gateway = relayOn(address)
      const { relay, redis: own } = gateway
      await connected(own)
      relay.wake('odd')
      await relay.idle()
      t.equal((await jobsOf('odd')).length, 1)
      t.equal(await redis.xlen(keys.outbox('odd')), 1)
      await gateway.close()
    })

    await t.test('nothing of an organization is written once its deletion has begun', async (t) => {
      await createOrg(redis, 'going', { fields: ALERT })
      await crossings(redis, 'going', ['ada'])
      await redis.hset(keys.org('going'), 'deleting', '{}')
      const gateway = relayOn(address)
      const { relay, redis: own } = gateway
      await connected(own)
      relay.wake('going')
      await relay.idle()
      t.strictSame(await jobsOf('going'), [])
      t.equal(
        await redis.exists(keys.notices('going', 'all')),
        0,
        'who is made anew under its id sees nothing of it',
      )
      await gateway.close()
    })

    await t.test('an organization made anew under an id has other ids for the same crossings', async (t) => {
      const gateway = relayOn(address)
      const { relay, redis: own } = gateway
      await connected(own)
      const ids: (string | undefined)[] = []
      for (let i = 0; i < 2; i += 1) {
        await createOrg(redis, 'anew', { fields: ALERT })
        await crossings(redis, 'anew', ['ada'])
        relay.wake('anew')
        await relay.idle()
        const jobs = await jobsOf('anew')
        t.equal(jobs.length, i + 1)
        ids.push(...jobs.map(({ id }) => id))
        const all = mode === 'cluster' ? new Redis(server.url) : redis
        const found = (await all.keys('tg:{anew}*')).filter((key) => key !== '')
        await redis.del(...found)
        if (all !== redis) all.disconnect()
      }
      t.equal(new Set(ids).size, 2)
      await gateway.close()
    })
  })
}

void t.test('N2: nothing leaves the outbox before a queue has it', async (t) => {
  const server = await startRedis()
  t.teardown(() => server.stop())
  const redis = await openClient({ url: server.url })
  await createOrg(redis, 'acme', { members: users(5), fields: ALERT })
  await crossings(redis, 'acme', users(5))
  // The outbox and the log can be written, and no queue.
  await redis.call('ACL', 'SETUSER', 'relay', 'on', 'nopass', '+@all', '&*', '~tg:*')
  const url = new URL(server.url)
  url.username = 'relay'
  url.password = 'any'
  const gateway = relayOn({ url: url.href })
  const { relay, redis: own } = gateway
  await connected(own)
  const waiting = async (): Promise<number> => {
    relay.wake('acme')
    await relay.idle()
    return redis.xlen(keys.outbox('acme'))
  }
  t.equal(await waiting(), 5, 'crossings wait')
  t.strictSame([...relay.stuck.keys()], ['acme'])
  const log = createNoticeLog(redis)
  const [member = ''] = await redis.zrange(keys.notices('acme', 'all'), 0, 0)
  const notice = await log.get('acme', readMember(member, null).id)
  if (notice === null) return t.fail('no notice')
  t.equal(await log.redeliver(notice.crossing, CHANGE), 1)
  t.equal(await waiting(), 6, 'and so does the wish to send one again')

  await redis.call('ACL', 'SETUSER', 'relay', 'allkeys')
  t.equal(await waiting(), 0)
  const queued = watchQueue({ url: server.url })
  t.equal((await queued.jobsOf('acme')).length, 5)
  const again = watchQueue({ url: server.url }, 'tollgate-deliveries')
  t.equal(await again.queue.count(), 1)
  for (const watched of [queued, again]) await watched.close()
  redis.disconnect()
  await gateway.close()
})

void t.test(
  'N2: with the queue out of reach the outbox keeps everything, and says for how long',
  async (t) => {
    const server = await startRedis({ persist: true })
    t.teardown(() => server.stop())
    const redis = await openClient({ url: server.url })
    await createOrg(redis, 'acme', { members: users(5), fields: ALERT })
    await crossings(redis, 'acme', users(5))
    redis.disconnect()
    const gateway = relayOn({ url: server.url })
    const { relay, redis: own } = gateway
    await connected(own)
    await server.kill()
    relay.wake('acme')
    await relay.idle()
    t.strictSame([...relay.stuck.keys()], ['acme'])
    await server.restart()
    await connected(own)
    t.equal(await own.xlen(keys.outbox('acme')), 5)
    const sweep = gateway.sweep()
    await until(async () => (await own.xlen(keys.outbox('acme'))) === 0)
    const watched = watchQueue({ url: server.url })
    const worker = new Worker<Crossing>(NOTICES_QUEUE, null, {
      connection: watched.redis,
      prefix: QUEUE_PREFIX,
    })
    t.ok(await worker.getNextJob('token'), 'anybody may take them from the queue')
    await worker.close(true)
    await watched.close()
    await until(() => sweep.lagSeconds() === 0)
    await sweep.stop()
    await gateway.close()
  },
)
