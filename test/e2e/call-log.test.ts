/** `log.calls`: one line a call, which says what became of it and repeats nothing that a caller or a provider said. */
import { pino } from 'pino'
import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { createCallLog } from '../../src/call/call-log.ts'
import { createOrg, type TestGateway } from '../support/gateway.ts'
import { chatAnswer, chatBody, CHAT_COST, postChat } from '../support/origin.ts'
import { openStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const { origin, start } = await openStage()
const gateway = await start({
  config: { log: { calls: { sample: 1 } } },
})
t.beforeEach(() => {
  origin.answer = (_request, response) => chatAnswer(response)
})

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736'
const TRACE = { traceparent: `00-${TRACE_ID}-00f067aa0ba902b7-01`, tracestate: 'vendor=opaque,other=1' }

interface Line {
  readonly msg: string
  readonly requestId: string
  readonly [key: string]: unknown
}

/** The lines of one call; waits for the first. */
async function linesOf(requestId: string, of: TestGateway = gateway): Promise<Line[]> {
  const lines = (): Line[] =>
    of.log
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Line)
      .filter((line) => line.msg === 'call' && line.requestId === requestId)
  await until(() => lines().length > 0, { what: `a line of ${requestId}` })
  return lines()
}

const org = await createOrg(gateway, { limit: 1_000 })

async function chat(
  requestId: string,
  headers: Readonly<Record<string, string>> = {},
  body = chatBody(),
  key = org.key,
): Promise<number> {
  const response = await postChat(gateway.dataUrl, key, body, {
    headers: { 'x-request-id': requestId, ...headers },
  })
  await response.text().catch(() => '')
  return response.status
}

void t.test('a served call: who, what, credits held and charged, timings, the trace', async (t) => {
  t.equal(await chat('served', TRACE), 200)
  const [line, ...others] = await linesOf('served')
  t.same(others, [])
  t.match(line, {
    level: 30,
    traceId: TRACE_ID,
    org: org.id,
    user: 'ada',
    source: 'chat',
    upstream: 'openai',
    family: 'openai',
    method: 'POST',
    route: '/v1/chat/completions',
    model: 'test-model',
    stream: false,
    outcome: 'ok',
    status: 200,
    upstreamStatus: 200,
    credits: { held: Number, charged: CHAT_COST },
    tokens: { input: 20, output: 10 },
    ms: { total: Number, added: Number, firstByte: Number },
  })
  t.notOk('code' in (line ?? {}))
})

void t.test('W3C trace context reaches the provider as it came, on metered and on free routes', async (t) => {
  const seen: unknown[] = []
  origin.answer = (request, response) => {
    seen.push([request.headers['traceparent'], request.headers['tracestate']])
    chatAnswer(response)
  }
  await chat('traced', TRACE)
  const free = await fetch(`${gateway.openaiUrl}/models`, {
    headers: { authorization: `Bearer ${org.key}`, 'x-request-id': 'free', ...TRACE },
  })
  await free.text()
  t.same(seen, [
    [TRACE.traceparent, TRACE.tracestate],
    [TRACE.traceparent, TRACE.tracestate],
  ])
  const lines = await linesOf('free')
  t.equal(lines.length, 1)
  t.match(lines[0], { traceId: TRACE_ID, upstream: 'openai', outcome: 'ok', status: 200 })
})

void t.test('a trace id that is none is left out', async (t) => {
  for (const [id, traceparent] of [
    ['zero', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`],
    ['words', 'let me in'],
  ] as const) {
    await chat(id, { traceparent })
    t.notOk('traceId' in ((await linesOf(id))[0] ?? {}), id)
  }
})

void t.test('refusals and failures: one line each, with the code that the caller got', async (t) => {
  await gateway.admin('PUT', `/v1/orgs/${org.id}/members/zero`, { role: 'member' })
  await gateway.admin('PUT', `/v1/orgs/${org.id}/user-limits/custom/zero`, { limit: 0 })
  const zero = await org.createKey({ name: 'zero', user: 'zero' })
  await chat('denied', {}, chatBody(), zero)
  await chat('unknown', {}, chatBody(), 'tg_not-a-key-of-anybody')
  await chat('unpriced', {}, chatBody({ model: 'an invented model' }))
  origin.answer = (_request, response) => void response.destroy()
  await chat('broken')
  await (
    await fetch(`${gateway.openaiUrl}/files`, {
      headers: { authorization: `Bearer ${org.key}`, 'x-request-id': 'route' },
    })
  ).text()
  for (const [id, expected] of Object.entries({
    denied: { user: 'zero', outcome: 'denied', code: 'user_credit_limit_reached', status: 402 },
    unknown: { outcome: 'unauthorized', code: 'invalid_api_key', status: 401 },
    unpriced: { user: 'ada', outcome: 'rejected', code: 'model_not_priced', status: 400 },
    broken: { outcome: 'upstream_error', failure: 'broken', code: 'upstream_unreachable', status: 502 },
    route: { outcome: 'rejected', code: 'route_not_allowed', status: 404 },
  })) {
    const lines = await linesOf(id)
    t.equal(lines.length, 1, id)
    t.match(lines[0], expected, id)
  }
})

void t.test('no credential, no prompt, no answer, no query and no invented name is in the log', async (t) => {
  const secrets = [
    'PROMPT-of-a-person',
    'ANSWER-of-a-provider',
    'QUERY-value',
    'COOKIE-value',
    'sk-the-providers',
  ]
  origin.answer = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'x-secret': 'ANSWER-of-a-provider' })
    response.end(
      JSON.stringify({
        model: 'test-model',
        choices: [{ message: { content: 'ANSWER-of-a-provider' } }],
        usage: { prompt_tokens: 1, completion_tokens: 1 },
      }),
    )
  }
  const body = chatBody({ messages: [{ role: 'user', content: 'PROMPT-of-a-person' }] })
  const response = await fetch(`${gateway.openaiUrl}/chat/completions?x=QUERY-value&key=${org.key}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', cookie: 'a=COOKIE-value', 'x-request-id': 'secret' },
    body,
  })
  await response.text()
  t.equal(response.status, 200)
  await linesOf('secret')
  const log = gateway.log.join('\n')
  for (const secret of [...secrets, org.key, 'tg_not-a-key', 'an invented model']) {
    t.notOk(log.includes(secret), secret)
  }
})

void t.test('without log.calls there are no lines of calls', async (t) => {
  const quiet = await start()
  t.teardown(() => quiet.stop())
  const { key } = await createOrg(quiet)
  await (await postChat(quiet.dataUrl, key)).text()
  await quiet.stop()
  t.notOk(quiet.log.some((line) => line.includes('"msg":"call"')))
})

void t.test('a sample is a share of calls', (t) => {
  const draws = [0, 0.249, 0.25, 0.999]
  const logger = pino({ level: 'silent' })
  const calls = createCallLog({ sample: 0.25, logger, random: () => draws.shift() ?? 1 })
  t.same(
    [1, 2, 3, 4].map(() => calls.begin() !== null),
    [true, true, false, false],
  )
  t.end()
})

void t.test('a client that leaves while its body arrives is counted and logged as gone', async (t) => {
  const { key } = await createOrg(gateway)
  const GONE = 'tollgate_requests_total{upstream="openai",family="openai",outcome="client_gone"}'
  const [gone, logged] = [await gateway.metric(GONE), gateway.log.length]
  const { hostname, port } = new URL(gateway.dataUrl)
  const socket = connect(Number(port), hostname)
  socket.write(`POST /openai/v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${key}\r\n`)
  socket.write('content-type: application/json\r\ncontent-length: 1000\r\n\r\n{"model":')
  await once(socket, 'connect')
  socket.end()
  await until(async () => (await gateway.metric(GONE)) === gone + 1, { what: 'it is counted' })
  const line = gateway.log.slice(logged).find((text) => text.includes('client_gone'))
  t.match(JSON.parse(line ?? '{}'), { msg: 'call', outcome: 'client_gone', upstream: 'openai' })
})
