/** P5: after everything that can be done was done, the store holds nothing that is undocumented or lives too long. */
import type { Redis } from 'ioredis'
import t from 'tap'
import * as keys from '../../src/store/keys.ts'
import { takeDriftTurn } from '../../src/directory/drift/background.ts'
import { reportSweep, takeSweep } from '../../src/outbox/outbox.ts'
import { documentedKeys } from '../support/documented-keys.ts'
import { createOrg, startGateway, type TestOrg } from '../support/gateway.ts'
import { openClient } from '../support/ledger.ts'
import { chatAnswer, postChat, startOrigin } from '../support/origin.ts'
import { startReceiver } from '../support/receiver.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const DAY_MS = 86_400_000
const server = await startRedis()
const redis = (await openClient({ url: server.url })) as Redis
const origin = await startOrigin()
const receiver = await startReceiver()
const notifications = { allowTargets: ['127.0.0.1/32'], attempts: 2, backoffSeconds: 0.05 }
const gateway = await startGateway({
  redisUrl: server.url,
  upstreamUrl: origin.url,
  config: { notifications },
})
t.teardown(async () => {
  await gateway.stop()
  redis.disconnect()
  await origin.stop()
  await server.stop()
})

async function post(path: string, body: unknown, headers: Record<string, string>): Promise<number> {
  const response = await fetch(gateway.adminUrl + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  await response.arrayBuffer()
  return response.status
}

async function call(org: TestOrg, key = org.key, headers: Record<string, string> = {}): Promise<number> {
  const response = await postChat(gateway.dataUrl, key, undefined, { headers })
  await response.arrayBuffer()
  return response.status
}

async function queuesAreDone(): Promise<boolean> {
  const lists = ['tollgate-notices', 'tollgate-deliveries'].flatMap((queue) =>
    ['wait', 'active', 'paused'].map((list) => redis.llen(`{tg}:${queue}:${list}`)),
  )
  const delayed = await redis.zcard('{tg}:tollgate-deliveries:delayed')
  const outboxes = (await redis.keys('tg:*:outbox')).map((key) => redis.xlen(key))
  return (await Promise.all([...lists, ...outboxes])).every((length) => length === 0) && delayed === 0
}

/** Everything that leaves something behind, by the way that admins and callers have. */
async function everything(): Promise<TestOrg> {
  const org = await createOrg(gateway, { limit: 1, allowance: 10 })
  const path = `/v1/orgs/${org.id}`
  await gateway.admin('PATCH', path, { autoEnroll: true, billing: { anchor: 31 } })
  await gateway.admin('PUT', `${path}/members/boss`, { role: 'admin', email: 'boss@example.com' })
  for (const user of ['bob', 'gone']) await gateway.admin('PUT', `${path}/members/${user}`, {})
  await gateway.admin('DELETE', `${path}/members/gone`)
  for (const threshold of [1, 1_000]) {
    await gateway.admin('POST', `${path}/alerts`, { type: 'absolute', threshold, recipients: 'all' })
  }
  const userAlerts = { enabled: true, threshold: 1, recipients: ['boss'], notifyUser: true }
  await gateway.admin('PUT', `${path}/user-alerts`, userAlerts)
  await gateway.admin('PUT', `${path}/user-limits/custom/bob`, { limit: 5 })
  await gateway.admin('POST', `${path}/channels`, { kind: 'webhook', url: `${receiver.url}/hook` })
  const app = await org.createKey({ name: 'app', app: true, sources: ['workflow', 'chat'] })
  const page = await org.createKey({ name: 'page', user: 'boss', scope: 'admin' })
  t.equal(await post('/v1/session', { key: page }, {}), 201)
  t.equal(await post('/v1/session', { key: 'tg_wrong' }, {}), 401)

  for (const user of ['bob', 'new|1']) {
    for (const source of ['workflow', 'chat']) {
      t.equal(await call(org, app, { 'x-tollgate-user': user, 'x-tollgate-source': source }), 200)
    }
  }
  await until(async () => (await redis.hget(keys.total(org.id, 1), 'held')) === '0')
  const adjustment = { user: 'ada', credits: 1.5, reason: 'a test' }
  const asBoss = { authorization: `Bearer ${page}`, 'idempotency-key': 'once' }
  for (let times = 1; times <= 2; times += 1) {
    t.equal(await post(`${path}/adjustments`, adjustment, asBoss), 201)
  }
  t.equal(await call(org), 402)
  await until(queuesAreDone, { timeoutMs: 120_000 })
  return org
}

/** Adds to what ada used, which crosses what she had not reached yet in the period. */
async function charge(org: TestOrg, credits: number): Promise<void> {
  await gateway.admin('POST', `/v1/orgs/${org.id}/adjustments`, { user: 'ada', credits, reason: 'a charge' })
}

async function endPeriod(org: TestOrg): Promise<void> {
  await redis.hset(keys.org(org.id), 'period_end', String(Date.now() - 1_000))
}

/** Counted for a minute: it comes right before the look at all keys. */
async function testChannel(org: TestOrg): Promise<void> {
  const path = `/v1/orgs/${org.id}/channels`
  const { items } = (await gateway.admin('GET', path)) as {
    readonly items: readonly { readonly id: string }[]
  }
  const before = receiver.answer
  receiver.answer = (response) => void response.end()
  await gateway.admin('POST', `${path}/${items[0]?.id ?? ''}/test`)
  receiver.answer = before
}

/** One call stays in flight, so that there is a hold with its lease; and one delivery, with the lock of its worker. */
async function inFlight(org: TestOrg): Promise<{ finish(): Promise<void> }> {
  let answer = (): void => undefined
  let take = (): void => undefined
  origin.answer = (_request, response) => void (answer = () => chatAnswer(response))
  receiver.answer = (response) => void (take = () => void response.end())
  const open = call(org)
  const before = receiver.posts.length
  await until(async () => (await redis.zcard(keys.leases(org.id))) === 1)
  await charge(org, 2)
  await until(() => receiver.posts.length > before)
  return {
    async finish() {
      origin.answer = (_request, response) => chatAnswer(response)
      receiver.answer = (response) => void response.end()
      answer()
      take()
      t.equal(await open, 200)
      await org.usedWhenIdle()
      await until(queuesAreDone, { timeoutMs: 120_000 })
    },
  }
}

async function everyKey(): Promise<string[]> {
  const found = new Set<string>()
  for await (const batch of redis.scanStream({ count: 1_000 }))
    for (const key of batch as string[]) found.add(key)
  return [...found].sort()
}

/** Keys of an outage, which this story has none of; the tests of outages see them come and go. */
const ONLY_IN_AN_OUTAGE: ReadonlySet<string> = new Set(['tg:{org}:probe', 'tg:{org}:journals'])

void t.test(
  'P5: every key is documented, of its type, and lives as long as it is said to live',
  async (t) => {
    const table = documentedKeys()
    t.ok(table.length > 25, `${table.length} rows`)
    const org = await everything()
    for (let periods = 1; periods <= 2; periods += 1) {
      await endPeriod(org)
      t.equal(await call(org), 200)
      await org.usedWhenIdle()
    }
    // The gateway's own turn comes within an hour.
    t.equal(await takeDriftTurn(redis, 3_600_000), true)
    const other = await createOrg(gateway)
    t.equal(await call(other), 200)
    await other.usedWhenIdle()
    await gateway.admin('DELETE', `/v1/orgs/${other.id}`)
    const underWay = await inFlight(org)
    await testChannel(org)
    const seen = new Set<string>()
    for (const key of await everyKey()) {
      const row = table.find(({ matches }) => matches(key))
      if (row === undefined) {
        t.fail(`undocumented: ${key}`)
        continue
      }
      seen.add(row.name)
      const [ttl, type] = await Promise.all([redis.pttl(key), redis.type(key)])
      if (ttl === -2) continue
      if (row.type !== 'any') t.equal(type, row.type, key)
      if (row.longestMs !== null) t.ok(ttl > 0 && ttl <= row.longestMs, `${key} lives for ${ttl} ms more`)
    }
    t.same(
      table.map(({ name }) => name).filter((name) => !seen.has(name) && !ONLY_IN_AN_OUTAGE.has(name)),
      [],
      'nothing is documented that is not there',
    )
    t.same(await redis.keys(`*{${other.id}}*`), [], 'of a deleted organization nothing is left')
    await underWay.finish()
  },
)

void t.test('P5: logs and queues forget what is old when something new comes', async (t) => {
  const org = await everything()
  const longAgo = Date.now() - 400 * DAY_MS
  const audit = keys.audit(org.id)
  await redis.del(audit)
  for (let entry = 0; entry < 250; entry += 1) await redis.xadd(audit, longAgo + entry, 'at', longAgo + entry)
  const notices = keys.notices(org.id, 'all')
  const oldNotice = `${String(Date.now() - 63 * DAY_MS).padStart(15, '0')} o cx_old`
  await redis.zadd(notices, 0, oldNotice)
  const oldJobs: string[] = []
  for (const list of ['tollgate-notices', 'tollgate-deliveries'].map((queue) => `{tg}:${queue}:completed`)) {
    for (const job of await redis.zrange(list, 0, -1)) {
      await redis.zadd(list, 'XX', Date.now() - 2 * DAY_MS, job)
      oldJobs.push(list.replace('completed', job))
    }
  }
  t.ok(oldJobs.length >= 4, `${oldJobs.length} jobs`)
  t.equal(await redis.exists(...oldJobs), oldJobs.length)

  await endPeriod(org)
  await charge(org, 2)
  // A stream is cut by whole nodes of a hundred entries.
  t.ok((await redis.xlen(audit)) <= 101, 'the audit log')
  await until(async () => (await redis.exists(...oldJobs)) === 0, { what: 'jobs of two days ago are gone' })
  t.equal(await redis.zscore(notices, oldNotice), null, 'the log of notifications')
  await until(queuesAreDone, { timeoutMs: 120_000 })
})

void t.test('N2: a sweep that took longer than its turn keeps nobody from the next one', async (t) => {
  await redis.del(keys.OUTBOX_SWEEP)
  await reportSweep(redis, null)
  t.equal(await redis.exists(keys.OUTBOX_SWEEP), 0, 'its turn is over')
  t.equal(await takeSweep(redis, 30_000), true)
  await reportSweep(redis, null)
  t.equal(await redis.get(keys.OUTBOX_SWEEP), '0')
  t.ok((await redis.pttl(keys.OUTBOX_SWEEP)) > 0)
})
