import { Queue } from 'bullmq'
import t from 'tap'
import type { Crossing } from '../../src/core/crossing.ts'
import { createChannelDirectory } from '../../src/directory/channels.ts'
import * as keys from '../../src/store/keys.ts'
import { createNoticeLog, DELIVERY_STATES } from '../../src/outbox/notice-log.ts'
import { readOutbox } from '../../src/outbox/outbox.ts'
import { crossingOf } from '../../src/notifications/crossing.ts'
import { fanOut, type FanOutOptions } from '../../src/notifications/fan-out.ts'
import { DELIVERIES_QUEUE, openQueues, QUEUE_PREFIX } from '../../src/notifications/queue.ts'
import { CHANGE } from '../support/changes.ts'
import { charge, createOrg, holdOf, openClient, openLedger, reservation } from '../support/ledger.ts'
import { addAdmins } from '../support/pipeline.ts'
import { startRedis } from '../support/redis.ts'

const COUNT = 6_000
const ADMINS = Array.from({ length: COUNT }, (_, i) => `admin-${i}`)
const RETRIES = { attempts: 3, backoffMs: 100, maxBackoffMs: 1_000 }

const server = await startRedis()
const redis = await openClient({ url: server.url })
const queues = openQueues(redis, RETRIES, () => undefined)
const deliveries = new Queue(DELIVERIES_QUEUE, { connection: redis, prefix: QUEUE_PREFIX })
const log = createNoticeLog(redis)
const options: FanOutOptions = {
  redis,
  log,
  channels: createChannelDirectory(redis),
  queues,
  metrics: { notification: () => undefined },
}
t.teardown(async () => {
  await queues.close()
  await deliveries.close()
  redis.disconnect()
  await server.stop()
})

/** A crossing of the organization's user, whom thousands are to hear of, as the relay hands it on. */
async function crossed(org: string): Promise<Crossing> {
  await createOrg(redis, org, { limit: 1 })
  await addAdmins(redis, org, ADMINS)
  const ledger = await openLedger(redis)
  ledger.settle(holdOf(await ledger.reserve(reservation(org, 2))), charge(2))
  await ledger.drained(5_000)
  ledger.close()
  const page = await readOutbox(redis, org, null, 1)
  const [entry] = page?.entries ?? []
  if (page === null || entry === undefined) throw new Error('nothing was crossed')
  const crossing = crossingOf(org, page.orgCreatedAt, entry)
  await log.open(page.orgCreatedAt, [crossing])
  return crossing
}

/** How many notices, and deliveries of this one, the log has in each state. */
async function counts({ org, id }: Crossing): Promise<Record<string, number>> {
  const found = await redis.hmget(keys.notice(org, id), ...DELIVERY_STATES.map((state) => `n:${state}`))
  return Object.fromEntries(DELIVERY_STATES.map((state, i) => [state, Number(found[i] ?? 0)]))
}

const jobs = () => deliveries.getWaitingCount()

void t.test(
  `O7, N2: ${COUNT} admins hear of one crossing: a delivery each, however often it is fanned out`,
  async (t) => {
    const crossing = await crossed('crowd')
    // As a worker leaves it that died in the middle.
    const first = ADMINS.slice(0, 700).map((target) => ({ channel: 'email', target, nobody: null }) as const)
    await log.plan(crossing, first, false)
    for (let time = 0; time < 2; time += 1) {
      await fanOut(options, crossing)
      t.equal(await jobs(), COUNT)
      t.match(await counts(crossing), { queued: COUNT, no_recipients: 0 })
    }
    const targets = new Set(
      (await deliveries.getWaiting(0, COUNT)).map(({ data }) => (data as { target: string }).target),
    )
    t.equal(targets.size, COUNT)
  },
)

void t.test('N2: all that was parked of thousands is put in line again', async (t) => {
  const crossing = await crossed('parked')
  await fanOut(options, crossing)
  const before = await jobs()
  await Promise.all(
    ADMINS.map((target) =>
      log.attempted(
        crossing,
        { channel: 'email', target },
        { round: 0, state: 'parked', attempts: 3, error: 'gone' },
      ),
    ),
  )
  t.match(await counts(crossing), { parked: COUNT, queued: 0 })
  t.equal(await log.redeliver(crossing, CHANGE), 1)
  t.match(await counts(crossing), { parked: 0, queued: COUNT })
  await fanOut(options, crossing)
  t.equal((await jobs()) - before, COUNT)
})
