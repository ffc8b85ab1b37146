/** Gateways whose clocks are an hour ahead and an hour behind, on one store: it is the store’s time that counts. */
import { Webhook } from 'standardwebhooks'
import t from 'tap'
import * as keys from '../../src/store/keys.ts'
import { createOrg, startGateway, type TestGateway } from '../support/gateway.ts'
import { openClient } from '../support/ledger.ts'
import { chatAnswer, postChat, startOrigin } from '../support/origin.ts'
import { watchQueue } from '../support/queues.ts'
import { startReceiver } from '../support/receiver.ts'
import { startRedis } from '../support/redis.ts'
import { smtpError, startSmtp } from '../support/smtp.ts'
import { until } from '../support/until.ts'

const HOUR_MS = 3_600_000
const BACKOFF_MS = 400
const ATTEMPTS = 4
const redis = await startRedis()
const origin = await startOrigin()
const smtp = await startSmtp()
const watched = watchQueue({ url: redis.url })
const store = await openClient({ url: redis.url })
/** 1.2 credits a call. */
origin.answer = (_request, response) =>
  chatAnswer(response, { prompt_tokens: 200, completion_tokens: 100, total_tokens: 300 })
const config = {
  notifications: {
    smtp: { url: smtp.url, from: 'Tollgate <noreply@example.com>' },
    allowTargets: ['127.0.0.1/32'],
    attempts: ATTEMPTS,
    backoffSeconds: BACKOFF_MS / 1_000,
    perSecond: 1_000,
    sweepSeconds: 1,
  },
}
const startAhead = (clockAheadMs: number): Promise<TestGateway> =>
  startGateway({ redisUrl: redis.url, upstreamUrl: origin.url, config, clockAheadMs })
const gateways = await Promise.all([startAhead(HOUR_MS), startAhead(-HOUR_MS)])
const [ahead, behind] = gateways
t.teardown(async () => {
  await Promise.all(gateways.map((gateway) => gateway.stop()))
  await watched.close()
  store.disconnect()
  await smtp.stop()
  await origin.stop()
  await redis.stop()
})

const USERS = Array.from({ length: 30 }, (_, i) => `user-${i}`)
const call = async (gateway: TestGateway, key: string, user: string): Promise<void> => {
  const response = await postChat(gateway.dataUrl, key, undefined, { headers: { 'x-tollgate-user': user } })
  await response.arrayBuffer()
}

/** An organization that tells one admin by mail; every user is past the limit with one call. */
async function prepare() {
  const org = await createOrg(ahead, { limit: 1 })
  const email = `grace@${org.id}.example`
  await ahead.admin('PUT', `/v1/orgs/${org.id}/members/grace`, { role: 'admin', email, name: 'Grace' })
  for (const user of USERS)
    await ahead.admin('PUT', `/v1/orgs/${org.id}/members/${user}`, {
      role: 'member',
      email: null,
      name: user,
    })
  const key = await org.createKey({ name: 'app', app: true, user: null })
  return { org, email, key }
}

void t.test(
  'N1, N2: each crossing is queued once per id and told once, signed with the store’s time; no lag is seen where none is',
  async (t) => {
    const receiver = await startReceiver()
    const { org, email, key } = await prepare()
    const body = { kind: 'webhook', url: receiver.url }
    const { secret } = (await behind.admin('POST', `/v1/orgs/${org.id}/channels`, body)) as { secret: string }
    await Promise.all(USERS.flatMap((user) => gateways.map((gateway) => call(gateway, key, user))))
    const mails = () => smtp.mails.filter(({ to }) => to.includes(email))
    await until(() => mails().length >= USERS.length && receiver.posts.length >= USERS.length, {
      timeoutMs: 120_000,
    })
    await until(async () => (await store.xlen(keys.outbox(org.id))) === 0)
    const jobs = await watched.jobsOf(org.id)
    t.equal(jobs.length, USERS.length)
    const added = (await watched.added()).filter((id) => jobs.some((job) => job.id === id))
    t.equal(added.length, USERS.length, 'put there once')
    t.equal(mails().length, USERS.length)
    t.equal(new Set(mails().map(({ parsed }) => parsed.messageId)).size, USERS.length)
    for (const { body, headers } of receiver.posts)
      t.ok(
        new Webhook(secret).verify(body, headers as Record<string, string>),
        'within the receiver’s five minutes',
      )

    // An entry that cannot be read waits in the outbox for ever, and its age is that of the entry.
    await store.xadd(keys.outbox(org.id), '*', 'type', 'of.the.future', 'at', '1')
    for (const gateway of gateways) {
      await until(async () => (await gateway.metric('tollgate_outbox_lag_seconds')) > 0)
      t.ok((await gateway.metric('tollgate_outbox_lag_seconds')) < HOUR_MS / 2_000)
    }
  },
)

void t.test(
  'N2: a worker that is ahead finds no wait over: attempts stay as far apart as they should',
  async (t) => {
    const { email, key } = await prepare()
    const tries = new Map<string, number[]>()
    smtp.answer = ({ to, parsed }) => {
      if (!to.includes(email)) return
      const id = parsed.messageId ?? ''
      tries.set(id, [...(tries.get(id) ?? []), performance.now()])
      throw smtpError(450, 'try later')
    }
    await Promise.all(USERS.map((user, i) => call(i % 2 === 0 ? ahead : behind, key, user)))
    const isOver = () =>
      tries.size === USERS.length && [...tries.values()].every((times) => times.length === ATTEMPTS)
    await until(isOver, { timeoutMs: 120_000, what: 'all attempts were made' })
    for (const times of tries.values()) {
      const gaps = times.slice(1).map((at, i) => at - (times[i] ?? 0))
      const least = gaps.map((_, i) => (BACKOFF_MS * 2 ** i) / 2)
      t.ok(
        gaps.every((gap, i) => gap > (least[i] ?? 0) - 20),
        `${gaps.map(Math.round).join()} ms`,
      )
    }
  },
)
