/** Case 25 of public bug reports: a pooled connection that the provider has closed, in every family and in every moment. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import t from 'tap'
import type { CallShape } from '../../src/families/family.ts'
import type { Outcome } from '../../src/call/call.ts'
import { forward } from '../../src/call/forward.ts'
import { listenWith, routeAt, upstreamAt } from '../support/calls.ts'
import { startBreakingOrigin, type Arrival, type Fate } from '../support/breaking-origin.ts'
import { createOrg, startGateway, type TestOrg } from '../support/gateway.ts'
import { startRedis } from '../support/redis.ts'
import { came, until } from '../support/until.ts'
import { chunksOf } from '../support/requests.ts'

const redis = await startRedis()
const origin = await startBreakingOrigin()
const gateway = await startGateway({
  redisUrl: redis.url,
  upstreamUrl: origin.url,
  config: {
    upstreams: {
      openai: { family: 'openai', prefix: '/openai', url: origin.url, apiKey: 'k' },
      anthropic: { family: 'anthropic', prefix: '/anthropic', url: origin.url, apiKey: 'k' },
      gemini: { family: 'gemini', prefix: '/gemini', url: origin.url, apiKey: 'k' },
      generic: {
        family: 'generic',
        prefix: '/generic',
        url: origin.url,
        routes: [{ method: 'POST', path: '/v1/things', creditsPerCall: 0.5 }],
      },
      never: { family: 'openai', prefix: '/never', url: origin.url, apiKey: 'k', keepAliveSeconds: 0 },
    },
  },
})
t.teardown(async () => {
  await gateway.stop()
  await origin.stop()
  await redis.stop()
})

const chat = { model: 'test-model', messages: [{ role: 'user', content: 'Hi' }] }
const message = { ...chat, max_tokens: 100 }
const prompt = { contents: [{ parts: [{ text: 'Hi' }] }] }
const usage = { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 }
const event = (value: object): string => `data: ${JSON.stringify(value)}\n\n`
const named = (value: { readonly type: string }): string => `event: ${value.type}\n${event(value)}`
const gemini = {
  candidates: [{ content: { parts: [{ text: 'Hello' }] } }],
  usageMetadata: { promptTokenCount: 20, candidatesTokenCount: 10 },
  modelVersion: 'test-model',
}
const response = {
  model: 'test-model',
  output: [{ type: 'message', content: [{ type: 'output_text', text: 'Hello' }] }],
  usage: { input_tokens: 20, output_tokens: 10 },
}
const anthropic = {
  type: 'message',
  model: 'test-model',
  content: [{ type: 'text', text: 'Hello' }],
  usage: { input_tokens: 20, output_tokens: 10 },
}

interface Shape {
  readonly name: string
  readonly path: string
  /** Null for a GET. */
  readonly body: object | null
  readonly answer: string
  /** Credits of a whole answer. */
  readonly cost: number
}

const SHAPES: readonly Shape[] = [
  {
    name: 'OpenAI chat',
    path: '/openai/v1/chat/completions',
    body: chat,
    answer: JSON.stringify({ model: 'test-model', choices: [{ message: { content: 'Hello' } }], usage }),
    cost: 0.12,
  },
  {
    name: 'OpenAI chat, streamed',
    path: '/openai/v1/chat/completions',
    body: { ...chat, stream: true },
    answer: `${event({ model: 'test-model', choices: [{ delta: { content: 'Hello' } }] })}${event({ choices: [], usage })}data: [DONE]\n\n`,
    cost: 0.12,
  },
  {
    name: 'OpenAI chat, of 300 KB in several chunks',
    path: '/openai/v1/chat/completions',
    body: { ...chat, messages: [{ role: 'user', content: 'Hello? '.repeat(43_000) }] },
    answer: JSON.stringify({ model: 'test-model', choices: [{ message: { content: 'Hello' } }], usage }),
    cost: 0.12,
  },
  {
    name: 'OpenAI responses',
    path: '/openai/v1/responses',
    body: { model: 'test-model', input: 'Hi' },
    answer: JSON.stringify(response),
    cost: 0.12,
  },
  {
    name: 'Anthropic',
    path: '/anthropic/v1/messages',
    body: message,
    answer: JSON.stringify(anthropic),
    cost: 0.12,
  },
  {
    name: 'Anthropic, streamed',
    path: '/anthropic/v1/messages',
    body: { ...message, stream: true },
    answer: `${named({ type: 'message_start', message: anthropic } as { type: string })}${named({ type: 'message_delta', delta: {}, usage: { output_tokens: 10 } } as { type: string })}${named({ type: 'message_stop' })}`,
    cost: 0.12,
  },
  {
    name: 'Gemini',
    path: '/gemini/v1beta/models/test-model:generateContent',
    body: prompt,
    answer: JSON.stringify(gemini),
    cost: 0.12,
  },
  {
    name: 'Gemini, streamed',
    path: '/gemini/v1beta/models/test-model:streamGenerateContent?alt=sse',
    body: prompt,
    answer: event(gemini),
    cost: 0.12,
  },
  { name: 'a flat price', path: '/generic/v1/things', body: {}, answer: '{}', cost: 0.5 },
  { name: 'a free list', path: '/openai/v1/models', body: null, answer: '{"data":[]}', cost: 0 },
  {
    name: 'a free count',
    path: '/anthropic/v1/messages/count_tokens',
    body: chat,
    answer: '{"input_tokens":9}',
    cost: 0,
  },
]

function send({ key }: TestOrg, { path, body }: Shape, signal?: AbortSignal): Promise<Response> {
  return fetch(gateway.dataUrl + path, {
    method: body === null ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body !== null && { body: JSON.stringify(body) }),
    ...(signal !== undefined && { signal }),
  })
}

async function call(org: TestOrg, shape: Shape): Promise<{ status: number; text: string }> {
  const answer = await came(send(org, shape), `the answer to ${shape.name}`)
  return { status: answer.status, text: await answer.text() }
}

/**
 * Two calls: the first is answered and leaves its connection to the second, whose fate is `reused` there and `fresh` on
 * whatever connection it comes to later. Answers both fates as they came.
 */
async function secondCall(
  shape: Shape,
  reused: Fate,
  fresh: Fate,
): Promise<{ status: number; text: string; arrivals: Arrival[]; used: number; org: TestOrg }> {
  const org = await createOrg(gateway)
  const isStream = shape.answer.startsWith('data:') || shape.answer.startsWith('event:')
  origin.answer = [isStream ? 'text/event-stream' : 'application/json', shape.answer]
  origin.fate = () => 'answer'
  await call(org, shape)
  const before = await org.usedWhenIdle()
  const first = origin.arrivals.length
  origin.fate = ({ request }) => (request > 1 ? reused : fresh)
  const { status, text } = await call(org, shape)
  const used = Math.round(((await org.usedWhenIdle()) - before) * 1e6) / 1e6
  origin.fate = () => 'answer'
  return { status, text, arrivals: origin.arrivals.slice(first), used, org }
}

const WITHOUT_AN_ANSWER: readonly Fate[] = ['reset at first byte', 'end at first byte', 'reset', 'end']

for (const shape of SHAPES) {
  for (const fate of WITHOUT_AN_ANSWER) {
    void t.test(
      `case 25: ${shape.name}: ${fate} of a reused connection: one retry on a fresh one`,
      async (t) => {
        const { status, arrivals, used, text } = await secondCall(shape, fate, 'answer')
        t.equal(status, 200)
        t.match(text, shape.answer.slice(0, 5))
        t.equal(used, shape.cost, 'charged once')
        t.equal(arrivals.length, 2)
        t.ok((arrivals[0]?.request ?? 0) > 1, 'it came on a connection that had served')
        t.equal(arrivals[1]?.request, 1, 'and then on a fresh one')
      },
    )
  }
}

/** The estimate of a prompt, in credits. */
const estimate = ({ body }: Shape): number => Math.ceil(Buffer.byteLength(JSON.stringify(body)) / 3) / 1_000

const PAID = SHAPES.filter(({ cost }) => cost > 0 && cost !== 0.5)

for (const shape of PAID) {
  void t.test(
    `case 25: ${shape.name}: a byte of the answer came: no retry, and the prompt is charged`,
    async (t) => {
      for (const fate of ['break after HTTP/1.', 'break after 103'] as const) {
        const { status, arrivals, used } = await secondCall(shape, fate, 'answer')
        t.equal(status, 502, fate)
        t.equal(arrivals.length, 1)
        t.ok(used > 0, `${fate}: ${used}`)
        t.ok(used <= estimate(shape) + 0.01, `${used} of ${estimate(shape)}`)
      }
    },
  )

  void t.test(
    `case 25: ${shape.name}: the second connection breaks, too: no third, and charged as sent`,
    async (t) => {
      const { status, arrivals, used } = await secondCall(shape, 'reset', 'reset')
      t.equal(status, 502)
      t.equal(arrivals.length, 2)
      t.ok(used > 0, 'nobody knows that a fresh connection did not serve it')
    },
  )
}

const [CHAT] = SHAPES
if (CHAT === undefined) throw new Error('there is no shape')

void t.test('case 25: a fresh connection that breaks is never tried again, and is charged', async (t) => {
  const org = await createOrg(gateway)
  origin.fate = () => 'reset'
  const never = { ...CHAT, path: '/never/v1/chat/completions' }
  const first = origin.arrivals.length
  t.equal((await call(org, never)).status, 502)
  t.equal(origin.arrivals.length - first, 1)
  t.ok((await org.usedWhenIdle()) > 0)
  origin.fate = () => 'answer'
})

void t.test('case 25: keepAliveSeconds 0: no connection is used twice', async (t) => {
  const org = await createOrg(gateway)
  origin.answer = ['application/json', CHAT.answer]
  const first = origin.arrivals.length
  for (let i = 0; i < 3; i += 1) await call(org, { ...CHAT, path: '/never/v1/chat/completions' })
  t.same(
    origin.arrivals.slice(first).map(({ request }) => request),
    [1, 1, 1],
  )
})

void t.test(
  'case 25: many at once on connections that the provider has closed: each is answered, none twice',
  async (t) => {
    const org = await createOrg(gateway)
    origin.answer = ['application/json', CHAT.answer]
    const all = async (): Promise<number[]> =>
      Promise.all(Array.from({ length: 20 }, async () => (await call(org, CHAT)).status))
    await all()
    const before = await org.usedWhenIdle()
    const first = origin.requests.length
    origin.fate = ({ request }) => (request > 1 ? 'reset at first byte' : 'answer')
    t.same(new Set(await all()), new Set([200]))
    t.equal(Math.round(((await org.usedWhenIdle()) - before) * 100), 20 * 12)
    t.equal(origin.requests.length - first, 20)
    origin.fate = () => 'answer'
  },
)

void t.test('case 25: a client that left meanwhile pays nothing: its call is not sent again', async (t) => {
  const held = await startBreakingOrigin()
  held.fate = ({ request }) => (request > 1 ? 'hold' : 'answer')
  t.teardown(() => held.stop())
  const { target } = upstreamAt(t, held.url)
  const route = routeAt({ target }, '/v1/chat/completions')
  const outcomes: Promise<Outcome>[] = []
  const sockets: Socket[] = []
  const { url, open } = await listenWith(t, (opened) => {
    sockets.push(opened.request.socket)
    outcomes.push(
      forward(
        { opened, target, route, path: route.url },
        { body: chunksOf(Buffer.from('{}')), stream: false, hidesUsageEvent: false } as unknown as CallShape,
        {
          ownHeaders: [],
          userHeader: undefined,
          drainLimits: { bytes: 1_000, ms: 60_000, concurrent: 1 },
          open,
        },
      ),
    )
  })
  await (await fetch(url, { method: 'POST' })).text()
  const left = new AbortController()
  const gone = fetch(url, { method: 'POST', signal: left.signal }).catch(() => 'gone')
  await until(() => held.held.length === 1, { what: 'the call is at the provider' })
  const [, second] = sockets
  if (second === undefined) throw new Error('a second connection')
  const closed = once(second, 'close')
  left.abort()
  await came(Promise.all([gone, closed]), 'the client has left')
  held.held[0]?.resetAndDestroy()
  t.match(await outcomes[1], { sent: false, status: null, clientGone: true })
  t.equal(held.arrivals.length, 2)
})

void t.test('case 25: the provider is gone altogether: 502 at no cost', async (t) => {
  const org = await createOrg(gateway)
  origin.answer = ['application/json', CHAT.answer]
  await call(org, CHAT)
  const before = await org.usedWhenIdle()
  origin.fate = ({ request }) => (request > 1 ? 'hold' : 'answer')
  const answered = call(org, CHAT)
  await until(() => origin.held.length === 1, { what: 'the call is at the provider' })
  await origin.stop()
  const { status, text } = await answered
  t.equal(status, 502)
  t.match(text, 'upstream_unreachable')
  t.equal(await org.usedWhenIdle(), before)
})
