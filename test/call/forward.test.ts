/** One exchange with a provider, on real sockets: what the client gets, and what is known of it after. */
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import t, { type Test } from 'tap'
import type { Outcome } from '../../src/call/call.ts'
import { forward, type DrainLimits } from '../../src/call/forward.ts'
import type { OpenCalls } from '../../src/call/open-calls.ts'
import type { Upstream } from '../../src/config.ts'
import type { CallShape } from '../../src/families/family.ts'
import { listenWith, routeAt, upstreamAt, shapeOfBody } from '../support/calls.ts'
import {
  CHAT_USAGE,
  chatAnswer,
  chunkEvent,
  DONE_EVENT,
  startOrigin,
  USAGE_EVENT,
  type Origin,
} from '../support/origin.ts'
import { freePort } from '../support/ports.ts'
import { came, until } from '../support/until.ts'

const CHAT = '/v1/chat/completions'
const DRAINS: DrainLimits = { bytes: 10_000, ms: 60_000, concurrent: 1 }

const shape = (rest: Partial<CallShape> = {}): CallShape => shapeOfBody(Buffer.from('{"model":"m"}'), rest)

interface Stage {
  readonly url: string
  readonly open: OpenCalls
  readonly origin: Origin
  /** How each exchange ended, in the order in which they began. */
  readonly outcomes: Promise<Outcome>[]
}

interface Setup {
  readonly shape?: Partial<CallShape>
  readonly upstream?: Partial<Upstream>
  readonly drains?: Partial<DrainLimits>
}

async function stage(t: Test, setup: Setup = {}): Promise<Stage> {
  const origin = await startOrigin()
  t.teardown(() => origin.stop())
  const upstream = upstreamAt(t, origin.url, setup.upstream)
  const outcomes: Promise<Outcome>[] = []
  const { url, open } = await listenWith(t, (opened) => {
    const call = { opened, target: upstream.target, route: routeAt(upstream, CHAT), path: CHAT }
    const drainLimits = { ...DRAINS, ...setup.drains }
    const options = { ownHeaders: ['x-request-id', 'ours'], userHeader: 'x-my-user', drainLimits, open }
    outcomes.push(forward(call, shape(setup.shape), options))
  })
  return { url, open, origin, outcomes }
}

/** A call whose client can hang up. */
async function begin(url: string): Promise<{ answer: IncomingMessage; hangUp: () => void }> {
  const request = httpRequest(url, { method: 'POST' })
  request.on('error', () => undefined).end()
  const [answer] = (await came(once(request, 'response'), 'the head of the answer')) as [IncomingMessage]
  answer.on('error', () => undefined)
  return { answer, hangUp: () => request.destroy() }
}

function startStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write(chunkEvent('Hel'))
}

void t.test('a whole answer goes on byte by byte, and what it used is read', async (t) => {
  const { url, origin, outcomes } = await stage(t)
  origin.answer = (_request, response) => chatAnswer(response)
  const answer = await fetch(`${url}?key=secret&alt=json`, {
    method: 'POST',
    headers: { 'x-my-user': 'ada', authorization: 'Bearer tg_secret', 'x-other': 'stays' },
  })
  t.match(await answer.json(), { model: 'test-model', usage: CHAT_USAGE })
  t.equal(answer.headers.get('x-request-id'), 'ours')
  const [received] = origin.received
  t.equal(received?.url, `${CHAT}?alt=json`)
  t.equal(received?.body, '{"model":"m"}')
  t.match(received?.headers, { 'x-other': 'stays', 'x-my-user': undefined, authorization: undefined })
  const outcome = await outcomes[0]
  t.match(outcome, { sent: true, status: 200, complete: true, clientGone: false, failure: null })
  t.match(outcome?.reading?.usage, { input: 20, output: 10 })
  t.ok(outcome?.firstByteMs)
})

void t.test('the path at the provider: below its URL, with its own in place of /v1', async (t) => {
  const origin = await startOrigin()
  t.teardown(() => origin.stop())
  origin.answer = (_request, response) => chatAnswer(response)
  const { url } = await stage(t, { upstream: { url: `${origin.url}/base/`, apiPath: '/openai/v1beta' } })
  await (await fetch(url, { method: 'POST' })).text()
  t.equal(origin.received[0]?.url, '/base/openai/v1beta/chat/completions')
})

void t.test('C5: no chunk of a stream waits for the next one', async (t) => {
  const { url, origin, outcomes } = await stage(t, { shape: { stream: true } })
  let end: () => void = () => undefined
  origin.answer = (_request, response) => {
    startStream(response)
    end = () => response.end(chunkEvent('lo') + USAGE_EVENT + DONE_EVENT)
  }
  const { answer } = await begin(url)
  t.equal(answer.headers['x-accel-buffering'], 'no')
  const [first] = (await came(once(answer, 'data'), 'the first chunk')) as [Buffer]
  t.equal(first.toString(), chunkEvent('Hel'), 'and the provider has sent no more')
  let rest = ''
  answer.on('data', (chunk: Buffer) => (rest += chunk.toString()))
  end()
  await came(once(answer, 'end'), 'the end of the answer')
  t.equal(rest, chunkEvent('lo') + USAGE_EVENT + DONE_EVENT)
  t.match(await outcomes[0], { complete: true, reading: { usage: { input: 20, output: 10 } } })
})

void t.test('a usage event that was asked for on the way is read, and not passed on', async (t) => {
  const { url, origin, outcomes } = await stage(t, { shape: { stream: true, hidesUsageEvent: true } })
  origin.answer = (_request, response) => {
    startStream(response)
    response.end(USAGE_EVENT + DONE_EVENT)
  }
  const text = await (await fetch(url, { method: 'POST' })).text()
  t.equal(text, chunkEvent('Hel') + DONE_EVENT)
  t.match((await outcomes[0])?.reading?.usage, { input: 20, output: 10 })
})

void t.test('a provider that is not there: unreachable, and nothing was sent', async (t) => {
  const { url, outcomes } = await stage(t, { upstream: { url: `http://127.0.0.1:${await freePort()}` } })
  const asked = fetch(url, { method: 'POST' }).catch(() => 'never answered here')
  const expected = { sent: false, status: null, firstByteMs: null, complete: false, reading: null }
  await until(() => outcomes.length === 1)
  t.match(await outcomes[0], { ...expected, clientGone: false, failure: 'unreachable' })
  void asked
})

void t.test('a provider that does not answer in time: sent, and nobody knows what came of it', async (t) => {
  const timeouts = { connectSeconds: 10, firstByteSeconds: 0.05, idleSeconds: 60 }
  const { url, origin, outcomes } = await stage(t, { upstream: { timeouts } })
  origin.answer = () => undefined
  void fetch(url, { method: 'POST' }).catch(() => undefined)
  await until(() => outcomes.length === 1)
  t.match(await outcomes[0], { sent: true, status: null, complete: false, failure: 'timeout' })
})

void t.test('a provider that breaks off: the client sees a break, and what came is read', async (t) => {
  const { url, origin, outcomes } = await stage(t, { shape: { stream: true } })
  origin.answer = (_request, response) => {
    startStream(response)
    setImmediate(() => response.destroy())
  }
  const broken = await fetch(url, { method: 'POST' }).then((answer) => answer.text().catch(() => 'broken'))
  t.equal(broken, 'broken')
  const outcome = await outcomes[0]
  t.match(outcome, { sent: true, status: 200, complete: false, clientGone: false, failure: 'broken' })
  t.match(outcome?.reading, { usage: null, textBytes: 3 })
})

void t.test(
  'C5: a client that leaves: the answer is read on to its report, and then no place is taken',
  async (t) => {
    const { url, open, origin, outcomes } = await stage(t, { shape: { stream: true } })
    let end: () => void = () => undefined
    origin.answer = (_request, response) => {
      startStream(response)
      end = () => response.end(USAGE_EVENT + DONE_EVENT)
    }
    const { hangUp } = await begin(url)
    hangUp()
    await until(() => open.drains === 1, { what: 'the answer is read on' })
    t.equal(open.requests, 0)
    end()
    t.match(await outcomes[0], {
      clientGone: true,
      complete: true,
      reading: { usage: { input: 20, output: 10 } },
    })
    t.equal(open.drains, 0)
  },
)

for (const [what, drains] of [
  ['more bytes than one is read on for', { bytes: 100 }],
  ['longer than one is read on for', { ms: 20 }],
  ['no place is left to read on', { concurrent: 0 }],
] as const)
  void t.test(`C5: a client that leaves, and ${what}: the provider is left as well`, async (t) => {
    const { url, open, origin, outcomes } = await stage(t, { shape: { stream: true }, drains })
    let isLeft = false
    origin.answer = (_request, response) => {
      startStream(response)
      const more = setInterval(() => response.write(chunkEvent('x'.repeat(50))), 5)
      response.on('close', () => {
        clearInterval(more)
        isLeft = true
      })
    }
    const { hangUp } = await begin(url)
    hangUp()
    await until(() => outcomes.length === 1)
    t.match(await came(outcomes[0] ?? Promise.reject(new Error('none')), 'the end'), {
      clientGone: true,
      complete: false,
      status: 200,
    })
    await until(() => isLeft, { what: 'the provider sees that nobody reads' })
    t.equal(open.drains, 0)
  })

void t.test(
  'a header that HTTP does not allow ends the exchange, and no half of an answer is begun',
  async (t) => {
    const { url, origin, outcomes } = await stage(t)
    origin.answer = (_request, _response, raw) => {
      raw.socket.end('HTTP/1.1 200 OK\r\nx-odd: a\x01b\r\ncontent-length: 0\r\n\r\n')
    }
    void fetch(url, { method: 'POST' }).catch(() => undefined)
    await until(() => outcomes.length === 1)
    t.match(await outcomes[0], { sent: true, complete: false, failure: 'broken' })
  },
)
