import t, { type Test } from 'tap'
import { ERRORS } from '../../src/errors.ts'
import { version } from '../../src/package.ts'
import { createOrg, startGateway, type TestGateway } from '../support/gateway.ts'
import { chatAnswer, chatBody, chunkEvent, DONE_EVENT, postChat, USAGE_EVENT } from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'
import { DOCUMENTED, parse, scrape as scrapeOf, sum, type Metric, type Sample } from '../support/scrape.ts'
import { openStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const { origin, start } = await openStage()
const gateway = await start({
  config: { limits: { bodyBytes: 20_000, concurrent: 2 } },
})

/** Names that the contract fixes: the table has at least these. */
const CONTRACT = [
  'tollgate_requests_total',
  'tollgate_request_overhead_seconds',
  'tollgate_upstream_seconds',
  'tollgate_ledger_seconds',
  'tollgate_ledger_batch_size',
  'tollgate_credits_total',
  'tollgate_hold_exceeded_total',
  'tollgate_holds_open',
  'tollgate_denials_total',
  'tollgate_crossings_total',
  'tollgate_notifications_total',
  'tollgate_outbox_lag_seconds',
  'tollgate_queue_jobs',
  'tollgate_journal_entries',
  'tollgate_store_up',
  'tollgate_store_transitions_total',
  'tollgate_streams_open',
  'tollgate_config_reload_failures_total',
]

const CLOSED_SETS: Readonly<Record<string, readonly string[]>> = {
  upstream: ['openai'],
  family: ['openai'],
  to: ['up', 'down'],
  outcome: [
    'ok',
    'denied',
    'busy',
    'unauthorized',
    'rejected',
    'upstream_error',
    'client_gone',
    'store_down',
  ],
  script: ['reserve', 'settle', 'free', 'renew', 'expire', 'replay', 'roll'],
  kind: [
    ...['held', 'charged', 'freed', 'expired', 'returned'],
    ...['service_tier', 'region', 'tokens', 'cache_write', 'server_tool', 'other_model'],
  ],
  code: Object.keys(ERRORS),
  type: ['org.alert.crossed', 'user.alert.crossed', 'user.limit.reached'],
  channel: ['email', 'webhook', 'slack'],
  queue: ['notices', 'deliveries'],
  state: ['queued', 'sent', 'failed', 'parked', 'no_recipients', 'waiting', 'delayed', 'active'],
  version: [version()],
}

const scrape = (of: TestGateway = gateway): Promise<Map<string, Metric>> => scrapeOf(of)

/** A gate for the origin: answers wait behind it until it opens. */
function createGate(): { readonly open: () => void; readonly passed: Promise<void> } {
  let open: () => void = () => undefined
  const passed = new Promise<void>((resolve) => (open = resolve))
  return { open, passed }
}

/** What the calls below must have come to. Amounts in microcredits. */
const expected = {
  outcomes: {} as Record<string, number>,
  held: 0,
  charged: 0,
  freed: 0,
  reserved: 0,
  settled: 0,
  freedCalls: 0,
  forwarded: 0,
  answered: 0,
}
const PROMPT_RATE = 1_000
const OUTPUT_RATE = 10_000
const CHAT_MICROCREDITS = 20 * PROMPT_RATE + 10 * OUTPUT_RATE

function worstCase(body: string, maxTokens = 100): number {
  return Math.ceil(Buffer.byteLength(body) / 3) * PROMPT_RATE + maxTokens * OUTPUT_RATE
}

function ended(outcome: string): void {
  expected.outcomes[outcome] = (expected.outcomes[outcome] ?? 0) + 1
}

/** Books a call that was forwarded: what was held for it, and what it was charged (null: freed). */
function forwarded(
  outcome: string,
  body: string,
  cost: number | null,
  { answered = true, maxTokens = 100 } = {},
): void {
  ended(outcome)
  const held = worstCase(body, maxTokens)
  expected.reserved += 1
  expected.forwarded += 1
  expected.held += held
  expected.charged += cost ?? 0
  expected.freed += Math.max(0, held - (cost ?? 0))
  if (cost === null) expected.freedCalls += 1
  else expected.settled += 1
  if (answered) expected.answered += 1
}

const org = await createOrg(gateway, { limit: 1 })
for (const user of ['free-rider', 'zero']) {
  await gateway.admin('PUT', `/v1/orgs/${org.id}/members/${user}`, { role: 'member' })
  const limit = user === 'zero' ? 0 : null
  await gateway.admin('PUT', `/v1/orgs/${org.id}/user-limits/custom/${user}`, { limit })
}
const app = await org.createKey({ name: 'app', app: true })

function call(
  user: string,
  body = chatBody(),
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return postChat(gateway.dataUrl, app, body, { headers: { 'x-tollgate-user': user, ...headers } })
}

async function status(answer: Promise<Response>): Promise<number> {
  const response = await answer
  await response.text().catch(() => '')
  return response.status
}

t.beforeEach(() => {
  origin.answer = (_request, response) => chatAnswer(response)
})

void t.test('before any call the scrape parses, and has every metric with its type', async (t) => {
  const response = await fetch(`${gateway.adminUrl}/metrics`)
  t.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
  const metrics = parse(await response.text())
  for (const [name, { type }] of Object.entries(DOCUMENTED)) {
    t.match(metrics.get(name), { type, help: /\w/ }, name)
  }
  t.same(
    [...metrics.keys()].filter((name) => name.startsWith('tollgate_')).toSorted(),
    Object.keys(DOCUMENTED).toSorted(),
    'docs/metrics.md lists what there is, and nothing else',
  )
  t.same(
    CONTRACT.filter((name) => !(name in DOCUMENTED)),
    [],
    'the contract is kept',
  )
  t.equal(sum(metrics, 'tollgate_store_up'), 1)
  t.equal(sum(metrics, 'tollgate_requests_total'), 0)
  for (const name of ['process_cpu_seconds_total', 'nodejs_eventloop_lag_seconds'])
    t.ok(metrics.has(name), name)
})

void t.test('calls of every outcome are made', async (t) => {
  for (let count = 0; count < 3; count += 1) {
    t.equal(await status(call('free-rider')), 200)
    forwarded('ok', chatBody(), CHAT_MICROCREDITS)
  }
  for (let count = 0; count < 2; count += 1) {
    t.equal(await status(call('zero')), 402)
    ended('denied')
    expected.reserved += 1
  }
  for (const [body, code] of [
    [chatBody({ model: 'some free-form model' }), 400],
    ['{"model":', 400],
    [chatBody({ x: 'x'.repeat(30_000) }), 413],
  ] as const) {
    t.equal(await status(call('free-rider', body)), code)
    ended('rejected')
  }
  t.equal(await status(call('free-rider', chatBody(), { 'content-encoding': 'compress' })), 415)
  ended('rejected')
  t.equal(await status(postChat(gateway.dataUrl, 'sk-not-ours')), 401)
  ended('unauthorized')
  t.equal(await status(postChat(gateway.dataUrl, app)), 400)
  ended('unauthorized')
  t.equal(await status(call('mallory')), 403)
  ended('unauthorized')
  expected.reserved += 1

  origin.answer = (_request, response) => {
    response.writeHead(503).end()
  }
  t.equal(await status(call('free-rider')), 503)
  forwarded('upstream_error', chatBody(), null)
  origin.answer = (_request, response) => void response.destroy()
  t.equal(await status(call('free-rider')), 502)
  const prompt = Math.ceil(Buffer.byteLength(chatBody()) / 3) * PROMPT_RATE
  forwarded('upstream_error', chatBody(), prompt, { answered: false })
})

void t.test(
  'tollgate_hold_exceeded_total counts a call that cost more than was held, which is charged in full',
  async (t) => {
    origin.answer = (_request, response) =>
      chatAnswer(response, { prompt_tokens: 20, completion_tokens: 1_000 })
    t.equal(await status(call('free-rider')), 200)
    forwarded('ok', chatBody(), 20 * PROMPT_RATE + 1_000 * OUTPUT_RATE)
    await until(async () => sum(await scrape(), 'tollgate_hold_exceeded_total') === 1)
  },
)

void t.test(
  'a call in flight is one open hold; another that it is in the way of is busy, and so is one too many',
  async (t) => {
    const gate = createGate()
    let arrived = 0
    origin.answer = async (_request, response) => {
      arrived += 1
      await gate.passed
      chatAnswer(response)
    }
    const first = status(call('ada'))
    await until(() => arrived === 1)
    t.equal(sum(await scrape(), 'tollgate_holds_open'), 1)
    t.equal(await status(call('ada')), 429)
    ended('busy')
    expected.reserved += 1
    const second = status(call('free-rider'))
    await until(() => arrived === 2)
    t.equal(sum(await scrape(), 'tollgate_holds_open'), 2)
    t.equal(await status(call('free-rider')), 503, 'two calls are as many as the configuration allows')
    ended('busy')
    gate.open()
    t.same(await Promise.all([first, second]), [200, 200])
    for (let count = 0; count < 2; count += 1) forwarded('ok', chatBody(), CHAT_MICROCREDITS)
    await until(async () => sum(await scrape(), 'tollgate_holds_open') === 0)
  },
)

void t.test('a stream is open until its end, also where its client has gone', async (t) => {
  const body = chatBody({ stream: true })
  for (const leaves of [false, true]) {
    const gate = createGate()
    origin.answer = async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(chunkEvent('one'))
      await gate.passed
      response.end(USAGE_EVENT + DONE_EVENT)
    }
    const leave = new AbortController()
    const response = await postChat(gateway.dataUrl, app, body, {
      headers: { 'x-tollgate-user': 'free-rider' },
      signal: leave.signal,
    })
    await until(async () => sum(await scrape(), 'tollgate_streams_open') === 1)
    if (leaves) {
      leave.abort()
      await t.rejects(response.text())
      // What the gateway is told after the connection's end, it has read after it.
      for (let asked = 0; asked < 5; asked += 1) {
        t.equal(sum(await scrape(), 'tollgate_streams_open'), 1, 'it is read on')
      }
      gate.open()
    } else {
      gate.open()
      t.match(await response.text(), 'one')
    }
    forwarded(leaves ? 'client_gone' : 'ok', body, CHAT_MICROCREDITS)
    await until(async () => sum(await scrape(), 'tollgate_streams_open') === 0)
  }
})

void t.test('E1c: a request that is too large for what is left is a denial of its own', async (t) => {
  await gateway.admin('PATCH', `/v1/orgs/${org.id}`, { admission: 'strict' })
  t.equal(await status(call('ada', chatBody({ max_tokens: 10_000 }))), 402)
  ended('denied')
  expected.reserved += 1
  await gateway.admin('PATCH', `/v1/orgs/${org.id}`, { admission: 'straddle' })
})

void t.test(
  'values add up: every call once by outcome, every credit once by what became of it',
  async (t) => {
    await until(async () => sum(await scrape(), 'tollgate_holds_open') === 0)
    const metrics = await scrape()
    const calls = Object.values(expected.outcomes).reduce((total, count) => total + count, 0)
    t.equal(sum(metrics, 'tollgate_requests_total'), calls)
    for (const [outcome, count] of Object.entries(expected.outcomes)) {
      t.equal(
        sum(metrics, 'tollgate_requests_total', { upstream: 'openai', family: 'openai', outcome }),
        count,
        outcome,
      )
    }

    const { used } = (await gateway.admin('GET', `/v1/orgs/${org.id}`)) as { used: number }
    t.equal(
      sum(metrics, 'tollgate_credits_total', { kind: 'charged' }),
      used,
      'charged is what the organization used',
    )
    t.equal(used, expected.charged / 1e6)
    t.equal(sum(metrics, 'tollgate_credits_total', { kind: 'held' }), expected.held / 1e6)
    t.equal(sum(metrics, 'tollgate_credits_total', { kind: 'freed' }), expected.freed / 1e6)
    t.equal(sum(metrics, 'tollgate_hold_exceeded_total'), 1)

    t.equal(sum(metrics, 'tollgate_denials_total', { code: 'user_credit_limit_reached' }), 2)
    t.equal(sum(metrics, 'tollgate_denials_total', { code: 'request_exceeds_credit_limit' }), 1)
    t.equal(sum(metrics, 'tollgate_denials_total', { code: 'credits_in_flight' }), 1)
    t.equal(sum(metrics, 'tollgate_denials_total'), 4)
    const refusals = ['denied', 'busy', 'unauthorized', 'rejected'].reduce(
      (total, outcome) => total + (expected.outcomes[outcome] ?? 0),
      0,
    )
    t.equal(
      sum(metrics, 'tollgate_refusals_total'),
      refusals + 1,
      'each refusal by its code, and the provider that broke off',
    )
    t.equal(sum(metrics, 'tollgate_refusals_total', { code: 'upstream_unreachable' }), 1)
    t.equal(sum(metrics, 'tollgate_refusals_total', { code: 'overloaded' }), 1)
    t.equal(
      sum(metrics, 'tollgate_crossings_total', { type: 'user.limit.reached' }),
      1,
      'zero was refused twice, and fired once',
    )
    t.equal(sum(metrics, 'tollgate_crossings_total'), 1)
  },
)

void t.test('histograms add up: calls by script and upstream, buckets to counts', async (t) => {
  const metrics = await scrape()
  const batched = (script: string): number => sum(metrics, 'tollgate_ledger_batch_size', { script }, '_sum')
  t.equal(batched('reserve'), expected.reserved)
  t.equal(batched('settle'), expected.settled)
  t.equal(batched('free'), expected.freedCalls)
  for (const script of ['reserve', 'settle', 'free']) {
    const runs = sum(metrics, 'tollgate_ledger_batch_size', { script }, '_count')
    t.equal(
      sum(metrics, 'tollgate_ledger_seconds', { script }, '_count'),
      runs,
      `${script}: one observation a run`,
    )
  }
  t.equal(sum(metrics, 'tollgate_upstream_seconds', { upstream: 'openai' }, '_count'), expected.forwarded)
  t.equal(sum(metrics, 'tollgate_request_overhead_seconds', {}, '_count'), expected.answered)
  for (const [name, { type, samples }] of metrics) {
    if (type === 'histogram' && name.startsWith('tollgate_')) checkHistogram(t, name, samples)
  }
})

/** Buckets grow with their bound, and the last one, which has none, counts everything. */
function checkHistogram(t: Test, name: string, samples: readonly Sample[]): void {
  const series = new Map<string, Sample[]>()
  for (const sample of samples) {
    const others = Object.entries(sample.labels).filter(([label]) => label !== 'le')
    const key = JSON.stringify(others)
    series.set(key, [...(series.get(key) ?? []), sample])
  }
  for (const [key, of] of series) {
    const buckets = of.filter((sample) => sample.name.endsWith('_bucket'))
    const bounds = buckets.map(({ labels }) => (labels['le'] === '+Inf' ? Infinity : Number(labels['le'])))
    t.same(
      bounds,
      bounds.toSorted((a, b) => a - b),
      `${name}${key}: bounds ascend`,
    )
    t.equal(bounds.at(-1), Infinity)
    const counts = buckets.map(({ value }) => value)
    t.same(
      counts,
      counts.toSorted((a, b) => a - b),
      `${name}${key}: counts are cumulative`,
    )
    t.equal(counts.at(-1), of.find((sample) => sample.name.endsWith('_count'))?.value)
    t.ok((of.find((sample) => sample.name.endsWith('_sum'))?.value ?? -1) >= 0)
  }
}

void t.test(
  'labels are those of the contract, their values small closed sets: no org, user, key or model',
  async (t) => {
    const metrics = await scrape()
    for (const [name, { type, labels }] of Object.entries(DOCUMENTED)) {
      const metric = metrics.get(name)
      t.equal(metric?.type, type, name)
      t.ok((metric?.samples.length ?? 0) > 0, `${name} has samples after traffic`)
      for (const sample of metric?.samples ?? []) {
        const expectedLabels = sample.name.endsWith('_bucket') ? ['le', ...labels] : labels
        t.same(Object.keys(sample.labels).toSorted(), expectedLabels.toSorted(), sample.name)
      }
    }
    for (const [name, { samples }] of metrics) {
      if (!name.startsWith('tollgate_')) continue
      for (const { labels } of samples) {
        for (const [label, value] of Object.entries(labels)) {
          if (label !== 'le') t.ok(CLOSED_SETS[label]?.includes(value), `${name}: ${label}="${value}"`)
        }
      }
    }
    const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
    for (const secret of [org.id, 'ada', 'zero', 'free-rider', 'mallory', 'tg_', 'test-model', 'free-form']) {
      t.notMatch(text.replaceAll(/^# .*$/gm, ''), secret)
    }
  },
)

void t.test(
  'D1: without the store, tollgate_store_up is 0 and calls are counted as store_down',
  async (t) => {
    const own = await startRedis()
    const other = await startGateway({ redisUrl: own.url, upstreamUrl: origin.url, patienceSeconds: 0 })
    t.teardown(async () => {
      await other.stop()
      await own.stop()
    })
    const { key } = await createOrg(other)
    t.equal(await status(postChat(other.dataUrl, key)), 200)
    await until(async () => sum(await scrape(other), 'tollgate_holds_open') === 0)
    await own.kill()
    await until(async () => sum(await scrape(other), 'tollgate_store_up') === 0)
    for (let count = 0; count < 3; count += 1) t.equal(await status(postChat(other.dataUrl, key)), 503)
    const metrics = await scrape(other)
    t.equal(sum(metrics, 'tollgate_requests_total', { outcome: 'store_down' }), 3)
    t.equal(sum(metrics, 'tollgate_requests_total'), 4)
    t.equal(sum(metrics, 'tollgate_credits_total', { kind: 'charged' }), 0.12)
  },
)
