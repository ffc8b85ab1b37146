/** How many jobs the queues have, as whoever scrapes two workers sees it while a mail server is down and after. */
import t from 'tap'
import { createQueueDepth, type QueueJobs } from '../../src/notifications/queue.ts'
import { createOrg, startGateway } from '../support/gateway.ts'
import { chatAnswer, postChat, startOrigin } from '../support/origin.ts'
import { watchQueue } from '../support/queues.ts'
import { startReceiver } from '../support/receiver.ts'
import { startRedis } from '../support/redis.ts'
import { scrape, type Sample } from '../support/scrape.ts'
import { startSmtp } from '../support/smtp.ts'
import { until } from '../support/until.ts'

const USERS = Array.from({ length: 20 }, (_, i) => `user-${i}`)
const STATES = ['waiting', 'delayed', 'active', 'parked']

void t.test(
  'a backlog is seen while it lasts, once for all workers, and what was given up stays',
  async (t) => {
    const [redis, origin, smtp, receiver] = [
      await startRedis(),
      await startOrigin(),
      await startSmtp(),
      await startReceiver(),
    ]
    origin.answer = (_request, response) => chatAnswer(response)
    receiver.answer = (response) => void response.writeHead(410).end()
    await smtp.stop()
    const gateway = await startGateway({
      redisUrl: redis.url,
      upstreamUrl: origin.url,
      args: ['--workers', '2'],
      config: {
        notifications: {
          smtp: { url: smtp.url, from: 'Tollgate <noreply@example.com>' },
          allowTargets: ['127.0.0.1/32'],
          attempts: 100,
          // So long that all are back in line when the workers count.
          backoffSeconds: 3,
          maxBackoffSeconds: 3,
          perSecond: 1_000,
          sweepSeconds: 1,
        },
      },
    })
    const watched = watchQueue({ url: redis.url }, 'tollgate-deliveries')
    t.teardown(async () => {
      await gateway.stop()
      await watched.close()
      await smtp.stop()
      await origin.stop()
      await redis.stop()
    })

    const samples = async (): Promise<readonly Sample[]> =>
      (await scrape(gateway)).get('tollgate_queue_jobs')?.samples ?? []
    const jobs = async (queue: string, state: string): Promise<number> =>
      (await samples()).find(({ labels }) => labels['queue'] === queue && labels['state'] === state)?.value ??
      -1
    const isEmpty = async (): Promise<boolean> => {
      const found = await samples()
      return (
        found.length === 8 && found.every(({ labels, value }) => labels['state'] === 'parked' || value === 0)
      )
    }
    await until(isEmpty, { what: 'nothing is in line' })
    for (const queue of ['notices', 'deliveries'])
      for (const state of STATES) t.equal(await jobs(queue, state), 0, `${queue} ${state}`)

    const org = await createOrg(gateway, { limit: 0 })
    const at = `/v1/orgs/${org.id}`
    await gateway.admin('PUT', `${at}/members/grace`, { role: 'admin', email: 'grace@example.com' })
    for (const user of USERS) await gateway.admin('PUT', `${at}/members/${user}`, { role: 'member' })
    const key = await org.createKey({ name: 'app', app: true, user: null })
    for (const user of USERS)
      t.equal(
        (await postChat(gateway.dataUrl, key, undefined, { headers: { 'x-tollgate-user': user } })).status,
        402,
      )
    await until(async () => (await jobs('deliveries', 'delayed')) === USERS.length, { timeoutMs: 120_000 })
    const channel = (await gateway.admin('POST', `${at}/channels`, {
      kind: 'webhook',
      url: `${receiver.url}/gone`,
    })) as { id: string }
    t.equal((await postChat(gateway.dataUrl, org.key)).status, 402)
    await until(async () => (await watched.queue.getFailedCount()) === 1, { what: `${channel.id} is parked` })
    await until(async () => (await jobs('deliveries', 'parked')) === 1)

    await smtp.restart()
    await until(isEmpty, { timeoutMs: 120_000, what: 'the backlog is drained' })
    t.equal(smtp.mails.length, USERS.length + 1)
    t.equal(await watched.queue.getCompletedCount(), USERS.length + 1)
    t.equal(await jobs('deliveries', 'parked'), 1, 'which no draining ends')
  },
)

void t.test('a count is told for a while, then none, until the store answers again', async (t) => {
  const clock = { ms: 0 }
  const counted: readonly QueueJobs[] = [{ queue: 'deliveries', state: 'delayed', jobs: 7 }]
  let answer = (): Promise<readonly QueueJobs[]> => Promise.resolve(counted)
  const depth = createQueueDepth({ countJobs: () => answer() }, 90, () => clock.ms)
  t.same(depth.jobs(), [])
  await depth.count()
  t.same(depth.jobs(), counted)
  answer = () => Promise.reject(new Error('no store'))
  clock.ms = 90
  await t.rejects(depth.count(), /no store/)
  t.same(depth.jobs(), counted, 'one that failed is bridged')
  clock.ms = 91
  t.same(depth.jobs(), [])
  answer = () => {
    clock.ms += 80
    return Promise.resolve(counted)
  }
  await depth.count()
  clock.ms += 11
  t.same(depth.jobs(), [], 'it is as old as the question')
  answer = () => Promise.resolve(counted)
  await depth.count()
  t.same(depth.jobs(), counted)
})
