/** Every metric of docs/metrics.md is moved by what it measures, and gauges come back: none is a placeholder. */
import { appendFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import * as keys from '../../src/store/keys.ts'
import { createOrg, startGateway, type TestOrg } from '../support/gateway.ts'
import {
  chatAnswer,
  chatAnswerAt,
  chatBody,
  chunkEvent,
  DONE_EVENT,
  postChat,
  startOrigin,
  USAGE_EVENT,
} from '../support/origin.ts'
import { openClient } from '../support/ledger.ts'
import { watchQueue } from '../support/queues.ts'
import { startReceiver } from '../support/receiver.ts'
import { startRedis } from '../support/redis.ts'
import { DOCUMENTED, scrape, sum, type Metric } from '../support/scrape.ts'
import { until } from '../support/until.ts'
import { removeFolder } from '../support/folder.ts'

const dir = mkdtempSync(join(tmpdir(), 'tg-metrics-'))
const redis = await startRedis()
const origin = await startOrigin()
const config = { leaseSeconds: 1, onStoreDown: 'open' }
const gateway = await startGateway({
  redisUrl: redis.url,
  upstreamUrl: origin.url,
  config: {
    ...config,
    journal: { dir: join(dir, 'journal') },
    notifications: {
      mailDir: join(dir, 'mail'),
      allowTargets: ['127.0.0.1/32'],
      attempts: 2,
      backoffSeconds: 0.05,
      sweepSeconds: 1,
    },
  },
})
t.teardown(async () => {
  redis.thaw()
  await gateway.stop()
  await origin.stop()
  await redis.stop()
  removeFolder(dir)
})
t.beforeEach(() => {
  origin.answer = (_request, response) => chatAnswer(response)
})

/** What each metric's samples were, in each look at them. */
const looks = new Map<string, Set<string>>()

async function look(): Promise<Map<string, Metric>> {
  const metrics = await scrape(gateway)
  for (const [name, { samples }] of metrics)
    looks.set(name, (looks.get(name) ?? new Set()).add(JSON.stringify(samples)))
  return metrics
}

type Labels = Readonly<Record<string, string>>
const value = async (name: string, labels: Labels = {}, part = ''): Promise<number> =>
  sum(await look(), name, labels, part)
const reaches = (name: string, wanted: number, labels: Labels = {}): Promise<void> =>
  until(async () => (await value(name, labels)) === wanted, { what: `${name} is ${wanted}` })

async function status(answer: Promise<Response>): Promise<number> {
  const response = await answer
  await response.arrayBuffer()
  return response.status
}

const call = (org: TestOrg, body = chatBody()): Promise<number> =>
  status(postChat(gateway.dataUrl, org.key, body))

/** An admin with an address, and everything that fires at the first 0.12 credits. */
async function orgThatFires(admins: readonly string[]): Promise<TestOrg> {
  const org = await createOrg(gateway, { limit: 0 })
  for (const user of admins)
    await gateway.admin('PUT', `/v1/orgs/${org.id}/members/${user}`, {
      role: 'admin',
      email: `${user}@example.com`,
    })
  await gateway.admin('PUT', `/v1/orgs/${org.id}/user-limits/custom/ada`, { limit: null })
  return org
}

/** A call that waits at the provider until it is told to go on. */
async function inFlight(
  org: TestOrg,
  finish: (response: Parameters<typeof chatAnswer>[0]) => void,
  body?: string,
) {
  let go: () => void = () => undefined
  const gate = new Promise<void>((resolve) => (go = resolve))
  let isThere = false
  origin.answer = async (_request, response) => {
    isThere = true
    await gate
    finish(response)
  }
  const answer = call(org, body)
  await until(() => isThere)
  return { answer, go }
}

void t.test('batches: calls that come together share a run of a script', async (t) => {
  const before = await look()
  const org = await createOrg(gateway)
  await Promise.all(Array.from({ length: 100 }, () => call(org)))
  await reaches('tollgate_holds_open', 0)
  for (const script of ['reserve', 'settle']) {
    const calls = await value('tollgate_ledger_batch_size', { script }, '_sum')
    t.equal(calls - sum(before, 'tollgate_ledger_batch_size', { script }, '_sum'), 100, script)
    t.ok(
      (await value('tollgate_ledger_batch_size', { script }, '_count')) < 100,
      `${script}: fewer runs than calls`,
    )
    t.ok((await value('tollgate_ledger_seconds', { script }, '_sum')) > 0, `${script} takes time`)
  }
})

void t.test('a stream, a hold, what was held and what it became, a cost above the hold', async (t) => {
  const org = await createOrg(gateway)
  const before = await look()
  const stream = await inFlight(
    org,
    (response) => response.end(USAGE_EVENT + DONE_EVENT),
    chatBody({ stream: true }),
  )
  await reaches('tollgate_holds_open', 1)
  stream.go()
  t.equal(await stream.answer, 200)
  origin.answer = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(chunkEvent('one'))
  }
  const leave = new AbortController()
  const open = await postChat(gateway.dataUrl, org.key, chatBody({ stream: true }), { signal: leave.signal })
  await reaches('tollgate_streams_open', 1)
  leave.abort()
  await open.arrayBuffer().catch(() => undefined)
  origin.answer = (_request, response) => chatAnswerAt(response, 10)
  t.equal(await call(org), 200)
  await reaches('tollgate_hold_exceeded_total', 1)
  origin.answer = (_request, response) =>
    chatAnswer(response, { prompt_tokens: 20, completion_tokens: 10, service_tier: 'priority' })
  t.equal(await call(org), 200)
  await reaches('tollgate_unpriced_usage_total', 1)
  const after = await look()
  for (const kind of ['held', 'charged', 'freed'])
    t.ok(
      sum(after, 'tollgate_credits_total', { kind }) > sum(before, 'tollgate_credits_total', { kind }),
      kind,
    )
})

void t.test('C6: what a dead gateway held counts as expired, by whoever finds it', async (t) => {
  const org = await createOrg(gateway)
  const victim = await startGateway({
    redisUrl: redis.url,
    upstreamUrl: origin.url,
    config: { leaseSeconds: 1 },
  })
  origin.answer = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(chunkEvent('one'))
  }
  const body = chatBody({ stream: true })
  await (await postChat(victim.dataUrl, org.key, body)).body?.getReader().read()
  await victim.kill()
  t.equal(await value('tollgate_credits_total', { kind: 'expired' }), 0)
  const used = await org.usedWhenIdle()
  t.ok(used > 0)
  await reaches('tollgate_credits_total', used, { kind: 'expired' })
})

void t.test('each type of crossing, and each state of a delivery by each channel', async (t) => {
  const receiver = await startReceiver()
  receiver.answer = (response) => void response.writeHead(500).end()
  const org = await orgThatFires(['boss'])
  const at = `/v1/orgs/${org.id}`
  for (const kind of ['webhook', 'slack'])
    await gateway.admin('POST', `${at}/channels`, { kind, url: `${receiver.url}/${kind}` })
  await gateway.admin('POST', `${at}/alerts`, { type: 'absolute', threshold: 1, recipients: 'all' })
  await gateway.admin('PUT', `${at}/user-alerts`, {
    enabled: true,
    threshold: 1,
    recipients: 'all',
    notifyUser: false,
  })
  await gateway.admin('PUT', `${at}/user-limits/custom/ada`, { limit: 1 })
  origin.answer = (_request, response) => chatAnswer(response, { prompt_tokens: 200, completion_tokens: 100 })
  t.equal(await call(org), 200)
  for (const type of ['org.alert.crossed', 'user.alert.crossed', 'user.limit.reached'])
    await reaches('tollgate_crossings_total', 1, { type })
  const states: Readonly<Record<string, readonly [state: string, count: number][]>> = {
    email: [
      ['queued', 3],
      ['sent', 3],
      ['failed', 0],
      ['parked', 0],
    ],
    webhook: [
      ['queued', 3],
      ['sent', 0],
      ['failed', 3],
      ['parked', 3],
    ],
    slack: [
      ['queued', 3],
      ['sent', 0],
      ['failed', 3],
      ['parked', 3],
    ],
  }
  for (const [channel, counts] of Object.entries(states)) {
    for (const [state, count] of counts)
      await reaches('tollgate_notifications_total', count, { channel, state })
  }
  await reaches('tollgate_queue_jobs', 6, { queue: 'deliveries', state: 'parked' })

  const nobody = await orgThatFires([])
  await gateway.admin('PUT', `/v1/orgs/${nobody.id}/user-limits/custom/ada`, { limit: 0 })
  t.equal(await call(nobody), 402)
  await reaches('tollgate_denials_total', 1, { code: 'user_credit_limit_reached' })
  await reaches('tollgate_notifications_total', 1, { channel: 'email', state: 'no_recipients' })
})

void t.test('N2: a crossing that no queue takes ages, until one does', async (t) => {
  const watched = watchQueue({ url: redis.url })
  t.teardown(() => watched.close())
  const meta = watched.queue.toKey('id')
  // The queue counts its jobs here: what is no number stops it.
  const count = await watched.redis.get(meta)
  await watched.redis.set(meta, 'in the way')
  const org = await orgThatFires(['boss'])
  await gateway.admin('PUT', `/v1/orgs/${org.id}/user-limits/custom/ada`, { limit: 0 })
  t.equal(await call(org), 402)
  await until(async () => (await value('tollgate_outbox_lag_seconds')) > 0.2, { what: 'it ages' })
  const sent = await value('tollgate_notifications_total', { channel: 'email', state: 'sent' })
  await watched.redis.set(meta, count ?? '0')
  await reaches('tollgate_outbox_lag_seconds', 0)
  await reaches('tollgate_notifications_total', sent + 1, { channel: 'email', state: 'sent' })
})

void t.test(
  'D1, D2: the store goes and comes back: what happened meanwhile waits in the journal',
  async (t) => {
    const org = await createOrg(gateway)
    t.equal(await call(org), 200)
    await org.usedWhenIdle()
    t.equal(await value('tollgate_store_up'), 1)
    const transitions = async (to: string): Promise<number> =>
      value('tollgate_store_transitions_total', { to })
    const before = [await transitions('down'), await transitions('up')]
    redis.freeze()
    await reaches('tollgate_store_up', 0)
    t.same([await transitions('down'), await transitions('up')], [(before[0] ?? 0) + 1, before[1]])
    t.equal(await call(org), 200, 'open')
    await reaches('tollgate_journal_entries', 1)
    const jobs = async () => (await look()).get('tollgate_queue_jobs')?.samples.length
    await until(async () => (await jobs()) === 0, { what: 'no count is told that is out of date' })
    redis.thaw()
    await reaches('tollgate_store_up', 1)
    t.same(
      [await transitions('down'), await transitions('up')],
      before.map((count) => count + 1),
    )
    await reaches('tollgate_journal_entries', 0)
    await until(async () => (await jobs()) === 8, { what: 'the queues are counted again' })
    t.equal(await org.usedWhenIdle(), 0.24)
  },
)

/** Changes a counter of ada's in the store. */
async function byHand(org: TestOrg, counter: string, value: string): Promise<void> {
  const store = await openClient({ url: redis.url })
  await store.hset(keys.user(org.id, 1, 'ada'), counter, value)
  store.disconnect()
}

void t.test('counters that are not what usage comes to are counted, in credits', async (t) => {
  const org = await createOrg(gateway)
  t.equal(await call(org), 200)
  await org.usedWhenIdle()
  const checked = await value('tollgate_drift_checked_users_total')
  await byHand(org, 'used:chat', '20000')
  t.match(await gateway.admin('POST', `/v1/orgs/${org.id}/drift-check`, { repair: true }), {
    differences: [{ user: 'ada', counter: 'used:chat', stored: 0.02, recomputed: 0.12 }],
    repaired: 1,
  })
  t.equal(await value('tollgate_drift_credits_total'), 0.1)
  t.equal(await value('tollgate_drift_checked_users_total'), checked + 1)
  t.match(await org.user(), { used: 0.12 })
})

void t.test('a batch that is refused because counters do not add up is counted', async (t) => {
  const org = await createOrg(gateway)
  t.equal(await call(org), 200)
  await org.usedWhenIdle()
  const faults = await value('tollgate_ledger_faults_total')
  await byHand(org, 'held:chat', '-1')
  t.equal(await call(org), 500)
  t.equal(await value('tollgate_ledger_faults_total'), faults + 1)
  await byHand(org, 'held:chat', '0')
  t.equal(await call(org), 200)
})

void t.test('a configuration that is refused is counted', async () => {
  const good = readFileSync(gateway.configFile, 'utf8')
  appendFileSync(gateway.configFile, '\nnonsense: true\n')
  gateway.process.kill('SIGHUP')
  await reaches('tollgate_config_reload_failures_total', 1)
  writeFileSync(gateway.configFile, good)
})

void t.test('every metric of the table has moved; what runs has not', async (t) => {
  await look()
  for (const name of Object.keys(DOCUMENTED)) {
    const values = looks.get(name)?.size ?? 0
    if (name === 'tollgate_build_info') t.equal(values, 1, name)
    else t.ok(values > 1, name)
  }
})
