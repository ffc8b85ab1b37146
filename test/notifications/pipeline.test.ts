/** From a call to a receiver of webhooks, a Slack channel and a mailbox, and what stands in between when things go wrong. */
import { once } from 'node:events'
import { Webhook } from 'standardwebhooks'
import t, { type Test } from 'tap'
import * as keys from '../../src/store/keys.ts'
import { createNoticeLog } from '../../src/outbox/notice-log.ts'
import { CHANGE } from '../support/changes.ts'
import { createOrg, startGateway, type TestGateway, type TestOrg } from '../support/gateway.ts'
import { openClient } from '../support/ledger.ts'
import { chatAnswer, postChat, startOrigin } from '../support/origin.ts'
import { addAdmins, mailOf } from '../support/pipeline.ts'
import { watchQueue } from '../support/queues.ts'
import { startReceiver, type ReceivedPost, type Receiver } from '../support/receiver.ts'
import { startRedis } from '../support/redis.ts'
import { startSmtp } from '../support/smtp.ts'
import { until } from '../support/until.ts'

const redis = await startRedis()
const origin = await startOrigin()
const smtp = await startSmtp()
const deliveries = watchQueue({ url: redis.url }, 'tollgate-deliveries')
const store = await openClient({ url: redis.url })
/** 1.2 credits a call. */
origin.answer = (_request, response) =>
  chatAnswer(response, { prompt_tokens: 200, completion_tokens: 100, total_tokens: 300 })

const config = {
  notifications: {
    smtp: { url: smtp.url, from: 'Tollgate <noreply@example.com>' },
    allowTargets: ['127.0.0.1/32'],
    attempts: 3,
    backoffSeconds: 0.05,
    maxBackoffSeconds: 0.1,
    perSecond: 1_000,
    sweepSeconds: 1,
    lockSeconds: 30,
  },
}
const start = (args: readonly string[] = []): Promise<TestGateway> =>
  startGateway({ redisUrl: redis.url, upstreamUrl: origin.url, config, args })
const gateway = await start()
t.teardown(async () => {
  await gateway.stop()
  await deliveries.close()
  store.disconnect()
  await smtp.stop()
  await origin.stop()
  await redis.stop()
})

interface Delivery {
  readonly channel: string
  readonly recipient: string | null
  readonly state: string
  readonly attempts: number
  readonly error: string | null
}
interface Shown {
  readonly id: string
  readonly type: string
  readonly deliveries: readonly Delivery[]
}

async function shown(org: TestOrg): Promise<readonly Shown[]> {
  return ((await gateway.admin('GET', `/v1/orgs/${org.id}/notifications`)) as { items: Shown[] }).items
}

/** The delivery on a channel of the organization's only notice, once `isMeant` holds. */
async function delivery(
  org: TestOrg,
  channel: string,
  isMeant: (of: Delivery) => boolean,
): Promise<Delivery> {
  let found: Delivery | undefined
  await until(async () => {
    found = (await shown(org))[0]?.deliveries.find((one) => one.channel === channel)
    return found !== undefined && isMeant(found)
  })
  if (found === undefined) throw new Error(`nothing on ${channel}`)
  return found
}

async function crossed(t: Test, org: TestOrg, through = gateway): Promise<void> {
  const response = await postChat(through.dataUrl, org.key)
  await response.arrayBuffer()
  t.equal(response.status, 200)
}

async function addChannel(org: TestOrg, kind: 'webhook' | 'slack', to: Receiver) {
  const body = { kind, url: `${to.url}/${kind}` }
  return (await gateway.admin('POST', `/v1/orgs/${org.id}/channels`, body)) as { id: string; secret: string }
}

async function addAdmin(org: TestOrg, user = 'grace'): Promise<string> {
  const email = `${user}@${org.id}.example`
  await gateway.admin('PUT', `/v1/orgs/${org.id}/members/${user}`, { role: 'admin', email, name: user })
  return email
}

const USERS = Array.from({ length: 20 }, (_, i) => `user-${i}`)
const mailsTo = (email: string) => smtp.mails.filter(({ to }) => to.includes(email))
const redeliver = async (org: TestOrg): Promise<void> => {
  const [notice] = await shown(org)
  await gateway.admin('POST', `/v1/orgs/${org.id}/notifications/${notice?.id ?? ''}/redeliver`)
}

function verify(secret: string, post: ReceivedPost | undefined): unknown {
  if (post === undefined) throw new Error('nothing came')
  return new Webhook(secret).verify(post.body, post.headers as Record<string, string>)
}

void t.test(
  'N2: a crossing of real traffic comes signed to the webhook and readable to Slack; an admin has it sent again',
  async (t) => {
    const [hook, slack] = [await startReceiver(), await startReceiver()]
    const org = await createOrg(gateway, { limit: 1 })
    const webhook = await addChannel(org, 'webhook', hook)
    await addChannel(org, 'slack', slack)
    hook.answer = (response) => void response.writeHead(500).end()
    await crossed(t, org)
    await delivery(org, 'slack', ({ state }) => state === 'sent')
    t.match(slack.posts[0]?.body, /Ada has reached the limit of 1 credit/)
    const parked = await delivery(org, 'webhook', ({ state }) => state === 'parked')
    t.match(parked, { recipient: webhook.id, attempts: 3, error: 'it answered 500' })
    t.equal(hook.posts.length, 3)

    hook.answer = (response) => void response.end()
    await redeliver(org)
    await delivery(org, 'webhook', ({ state }) => state === 'sent')
    t.equal(hook.posts.length, 4)
    t.equal(slack.posts.length, 1, 'what was sent is not repeated')
    const events = hook.posts.map((post) => verify(webhook.secret, post))
    const [notice] = await shown(org)
    t.match(events[3], {
      type: 'user.limit.reached',
      data: { id: notice?.id, org: org.id, user: 'ada', limit: 1, counted: 1.2, used: 1.2 },
    })
    t.equal(new Set(hook.posts.map(({ body }) => body)).size, 1, 'every attempt has the same body')
    t.strictSame(new Set(hook.posts.map(({ headers }) => headers['webhook-id'])), new Set([notice?.id]))
  },
)

void t.test('N2: the queue waits as long as Slack asks, and an admin need not', async (t) => {
  const slack = await startReceiver()
  const org = await createOrg(gateway, { limit: 1 })
  await addChannel(org, 'slack', slack)
  slack.answer = (response) => void response.writeHead(429, { 'retry-after': '3600' }).end()
  await crossed(t, org)
  await delivery(org, 'slack', ({ state }) => state === 'failed')
  await until(async () => (await deliveries.jobsOf(org.id)).some(({ delay }) => delay > 0))
  const [job] = (await deliveries.jobsOf(org.id)).filter(({ id }) => id?.includes('.slack.'))
  t.equal(job?.delay, 3_600_000)
  t.equal(await job?.getState(), 'delayed')
  await redeliver(org)
  await delivery(org, 'slack', ({ state, attempts }) => state === 'failed' && attempts === 1)
  await until(() => slack.posts.length === 2)
  await job?.promote()
  await until(async () => (await job?.getState()) === 'completed')
  t.equal(slack.posts.length, 2, 'the attempt that was replaced is not made')
  slack.answer = (response) => void response.end('ok')
  await redeliver(org)
  await delivery(org, 'slack', ({ state }) => state === 'sent')
  t.equal(slack.posts.length, 3)
})

void t.test(
  'a channel that was deleted or switched off in between gets nothing; the log says why',
  async (t) => {
    const [deleted, off] = [await startReceiver(), await startReceiver()]
    const org = await createOrg(gateway, { limit: 1 })
    const hook = await addChannel(org, 'webhook', deleted)
    const slack = await addChannel(org, 'slack', off)
    for (const one of [deleted, off])
      one.answer = (response) => void response.writeHead(503, { 'retry-after': '3600' }).end()
    await crossed(t, org)
    await delivery(org, 'slack', ({ state }) => state === 'failed')
    await delivery(org, 'webhook', ({ state }) => state === 'failed')
    await gateway.admin('DELETE', `/v1/orgs/${org.id}/channels/${hook.id}`)
    await gateway.admin('PATCH', `/v1/orgs/${org.id}/channels/${slack.id}`, { enabled: false })
    for (const job of await deliveries.jobsOf(org.id)) await job.promote().catch(() => undefined)
    const isNobody = ({ state }: Delivery): boolean => state === 'no_recipients'
    t.equal((await delivery(org, 'webhook', isNobody)).error, 'the channel was deleted')
    t.equal((await delivery(org, 'slack', isNobody)).error, 'the channel is switched off')
    t.equal(deleted.posts.length + off.posts.length, 2)
  },
)

void t.test('an organization that is deleted takes its notices along: nothing of it is sent', async (t) => {
  const hook = await startReceiver()
  const org = await createOrg(gateway, { limit: 1 })
  await addChannel(org, 'webhook', hook)
  hook.answer = (response) => void response.writeHead(503, { 'retry-after': '3600' }).end()
  await crossed(t, org)
  await delivery(org, 'webhook', ({ state }) => state === 'failed')
  await gateway.admin('DELETE', `/v1/orgs/${org.id}`)
  const jobs = await deliveries.jobsOf(org.id)
  t.ok(jobs.length > 0)
  for (const job of jobs) await job.promote().catch(() => undefined)
  await until(async () =>
    (await Promise.all(jobs.map((job) => job.getState()))).every((is) => is === 'completed'),
  )
  t.equal(hook.posts.length, 1)
  t.strictSame(await store.keys(`tg:{${org.id}}*`), [], 'and no worker writes anything of it again')
})

void t.test(
  'N2: what an admin wants sent again is in the outbox with the mark: a sweep finds it after a crash',
  async (t) => {
    const org = await createOrg(gateway, { limit: 1 })
    await crossed(t, org)
    await delivery(org, 'email', ({ state }) => state === 'no_recipients')
    // Not by the admin plane, which would send it again by itself.
    await addAdmins(store, org.id, ['grace'])
    const email = mailOf(org.id, 'grace')
    // As it is when the gateway died right after the script: the mark is made, the wish recorded, and nothing queued.
    const log = createNoticeLog(store)
    const notice = await log.get(org.id, (await shown(org))[0]?.id ?? '')
    if (notice === null) return t.fail('no notice')
    t.equal(await log.redeliver(notice.crossing, CHANGE), 1)
    await until(() => mailsTo(email).length === 1, { what: 'the sweep has found it' })
    await until(async () => (await store.xlen(keys.outbox(org.id))) === 0)
    await delivery(org, 'email', ({ state, recipient }) => state === 'sent' && recipient === 'grace')
  },
)

void t.test(
  'U3, E3: where amounts are hidden a user is told without them, and admins with them',
  async (t) => {
    const org = await createOrg(gateway, { limit: null })
    const grace = await addAdmin(org)
    const ada = `ada@${org.id}.example`
    await gateway.admin('PUT', `/v1/orgs/${org.id}/members/ada`, { role: 'member', email: ada, name: 'Ada' })
    await gateway.admin('PUT', `/v1/orgs/${org.id}/user-limits`, {
      enabled: false,
      default: 777,
      recipients: 'all',
      explanation: { text: null, contact: null, hideAmounts: true },
    })
    await gateway.admin('PUT', `/v1/orgs/${org.id}/user-alerts`, {
      enabled: true,
      threshold: 1,
      recipients: 'all',
      notifyUser: true,
    })
    await crossed(t, org)
    await until(() => mailsTo(grace).length === 1 && mailsTo(ada).length === 1)
    const [own] = mailsTo(ada)
    const text = `${own?.parsed.subject ?? ''} ${own?.parsed.text ?? ''}`
    t.notMatch(text, /credits|1\.2|%/)
    t.match(text, /You have reached the usage alert/)
    t.notMatch(own?.parsed.html, /1\.2|120%|1 credit/)
    t.match(mailsTo(grace)[0]?.parsed.text, /1\.2 credits/)
  },
)

void t.test(
  'N2: SIGTERM in mid-delivery: what runs is finished, and nothing is lost or sent twice',
  async (t) => {
    const own = await startRedis()
    t.teardown(() => own.stop())
    const alone = () => startGateway({ redisUrl: own.url, upstreamUrl: origin.url, config })
    const victim = await alone()
    t.teardown(() => victim.kill())
    const org = await createOrg(victim, { limit: 1 })
    const email = `grace@${org.id}.example`
    for (const user of ['grace', ...USERS])
      await victim.admin('PUT', `/v1/orgs/${org.id}/members/${user}`, {
        role: user === 'grace' ? 'admin' : 'member',
        email: user === 'grace' ? email : null,
        name: user,
      })
    let release = (): void => undefined
    const released = new Promise<void>((resolve) => (release = resolve))
    let held = 0
    smtp.answer = ({ to }) => {
      if (!to.includes(email)) return
      held += 1
      return released
    }
    t.teardown(() => (smtp.answer = () => undefined))
    const key = await org.createKey({ name: 'app', app: true, user: null })
    for (const user of USERS) {
      const headers = { 'x-tollgate-user': user }
      t.equal((await postChat(victim.dataUrl, key, undefined, { headers })).status, 200)
    }
    await until(() => held > 1, { what: 'the mail server has mails and says nothing' })
    const exited = once(victim.process, 'exit')
    victim.process.kill('SIGTERM')
    await until(async () => (await fetch(`${victim.adminUrl}/readyz`)).status === 503)
    release()
    t.strictSame(await exited, [0, null])
    t.ok(mailsTo(email).length >= 2, 'what ran was finished')

    const next = await alone()
    t.teardown(() => next.stop())
    await until(() => mailsTo(email).length >= USERS.length, { what: 'the next gateway has sent the rest' })
    const page = (): Promise<unknown> =>
      next.admin('GET', `/v1/orgs/${org.id}/notifications?state=sent&limit=200`)
    await until(async () => ((await page()) as { items: unknown[] }).items.length === USERS.length)
    t.equal(mailsTo(email).length, USERS.length)
  },
)

void t.test('N1, N2: two workers of one gateway: every user’s crossing is told once', async (t) => {
  const fleet = await start(['--workers', '2'])
  t.teardown(() => fleet.stop())
  const org = await createOrg(gateway, { limit: 1 })
  const email = await addAdmin(org)
  for (const user of USERS)
    await gateway.admin('PUT', `/v1/orgs/${org.id}/members/${user}`, {
      role: 'member',
      email: null,
      name: user,
    })
  const key = await org.createKey({ name: 'app', app: true, user: null })
  await Promise.all(
    USERS.map(async (user) => {
      const headers = { 'x-tollgate-user': user }
      // Refused by the limit, or because only calls in flight are in the way: all the same here.
      for (let i = 0; i < 3; i += 1)
        await (await postChat(fleet.dataUrl, key, undefined, { headers })).arrayBuffer()
    }),
  )
  await until(() => mailsTo(email).length >= USERS.length)
  await until(async () => (await deliveries.queue.getActiveCount()) === 0)
  t.equal(mailsTo(email).length, USERS.length)
  t.equal(new Set(mailsTo(email).map(({ parsed }) => parsed.messageId)).size, USERS.length)
})
