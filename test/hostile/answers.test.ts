/**
 * What a provider that is broken, or wants to do harm, sends instead of HTTP: the process lives, the call has an end, its
 * charge is the one that the rules name, and the next call on the same upstream gets its own answer.
 */
import type { Socket } from 'node:net'
import t from 'tap'
import { createOrg, startGateway } from '../support/gateway.ts'
import { CHAT_COST, CHAT_USAGE, chatBody, startOrigin } from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'
import { dial, exchange, requestBytes, startRawUpstream, statusOf } from '../support/wire.ts'
import { until } from '../support/until.ts'

/** C5: the prompt's 91 bytes are 31 tokens at 1,000 microcredits. */
const PROMPT_COST = 0.031
const PATHS = { metered: '/raw/v1/chat/completions', free: '/raw/v1/models' } as const
type Way = keyof typeof PATHS

const redis = await startRedis()
const origin = await startOrigin()
const raw = await startRawUpstream()
const gateway = await startGateway({
  redisUrl: redis.url,
  upstreamUrl: origin.url,
  config: {
    upstreams: {
      raw: { family: 'openai', prefix: '/raw', url: raw.url, apiKey: 'sk-the-providers-own' },
      quick: { family: 'openai', prefix: '/quick', url: raw.url, timeouts: { firstByteSeconds: 0.4 } },
    },
    timeouts: { firstByteSeconds: 20, idleSeconds: 20 },
  },
})
const org = await createOrg(gateway)
t.teardown(async () => {
  await gateway.stop()
  await Promise.all([origin.stop(), raw.stop(), redis.stop()])
})

const said = (content: string): string =>
  JSON.stringify({ model: 'test-model', choices: [{ message: { content } }], usage: CHAT_USAGE })
const BODY = said('Hello there.')
const LENGTH = `Content-Length: ${BODY.length}`
const CHUNKED = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`

/** An answer in bytes; the length is that of the body unless the headers say how it is framed. */
function answer(headers: readonly string[] = [LENGTH], body = BODY, status = '200 OK'): string {
  return [`HTTP/1.1 ${status}`, 'Content-Type: application/json', ...headers, '', body].join('\r\n')
}

function send(way: Way, prefix = ''): Promise<string> {
  const path = prefix === '' ? PATHS[way] : PATHS[way].replace('/raw', prefix)
  const headers = ['Connection: close']
  return way === 'free'
    ? exchange(gateway.dataUrl, requestBytes({ method: 'GET', path, key: org.key, headers }))
    : exchange(gateway.dataUrl, requestBytes({ path, key: org.key, headers, body: chatBody() }))
}

interface Case {
  readonly name: string
  /** Bytes, after which the connection stays open; or what to do with the connection. */
  readonly sends: string | ((socket: Socket) => void)
  /** What the caller gets; 0 is a connection that breaks. One that differs on the free way stands second. */
  readonly status: number | readonly [metered: number, free: number]
  /** Credits of the metered call (C5): what the answer reported, the prompt where no report came, or nothing. */
  readonly cost: number
}

const then =
  (bytes: string) =>
  (socket: Socket): void =>
    void socket.end(Buffer.from(bytes, 'latin1'))

const CASES: readonly Case[] = [
  // --- A status line that is none ------------------------------------------------------------------------------------
  {
    name: 'a reason with control characters',
    sends: answer([LENGTH], BODY, '200 \x01\x02'),
    status: 200,
    cost: CHAT_COST,
  },
  {
    name: 'a reason in Cyrillic',
    sends: (socket) => void socket.write(answer([LENGTH], BODY, '200 ХОРОШО')),
    status: 200,
    cost: CHAT_COST,
  },
  { name: 'no reason', sends: answer([LENGTH], BODY, '200'), status: 200, cost: CHAT_COST },
  { name: 'status 999', sends: answer([LENGTH], BODY, '999 X'), status: [999, 502], cost: CHAT_COST },
  { name: 'status 1000', sends: answer([LENGTH], BODY, '1000 X'), status: 502, cost: PROMPT_COST },
  { name: 'HTTP/2 in words', sends: answer().replace('HTTP/1.1', 'HTTP/2'), status: 502, cost: PROMPT_COST },
  { name: 'no HTTP', sends: 'SSH-2.0-OpenSSH_9.6\r\n\r\n', status: 502, cost: PROMPT_COST },
  {
    name: 'an end in the middle of the head',
    sends: then('HTTP/1.1 200 OK\r\nContent-Ty'),
    status: 502,
    cost: PROMPT_COST,
  },

  // --- Two lengths, or a wrong one: nothing may stand behind the answer that the next one is taken for ---------------
  {
    name: 'a length and chunks',
    sends: answer(['Content-Length: 4', 'Transfer-Encoding: chunked'], CHUNKED),
    status: 502,
    cost: PROMPT_COST,
  },
  {
    name: 'chunks and a length',
    sends: answer(['Transfer-Encoding: chunked', 'Content-Length: 4'], CHUNKED),
    status: 502,
    cost: PROMPT_COST,
  },
  { name: 'two lengths', sends: answer([LENGTH, 'Content-Length: 4']), status: 502, cost: PROMPT_COST },
  {
    name: 'a length that is too small',
    sends: answer(['Content-Length: 10']),
    status: 200,
    cost: PROMPT_COST,
  },
  {
    name: 'a length that is too large',
    sends: then(answer([`Content-Length: ${BODY.length + 50}`])),
    status: 200,
    cost: CHAT_COST,
  },
  { name: 'no length, and an end', sends: then(answer([])), status: 200, cost: CHAT_COST },
  {
    name: 'a second answer behind the first',
    sends: answer() + answer([LENGTH], said('Poisoned....')),
    status: 200,
    cost: CHAT_COST,
  },
  {
    name: 'a 204 with a body',
    sends: answer([LENGTH], BODY, '204 No Content'),
    status: [0, 204],
    cost: PROMPT_COST,
  },
  { name: 'a 304 with a body', sends: answer([LENGTH], BODY, '304 Not Modified'), status: [0, 502], cost: 0 },
  {
    name: 'chunks that are none',
    sends: answer(['Transfer-Encoding: chunked'], 'zz\r\nabc\r\n'),
    status: [0, 502],
    cost: PROMPT_COST,
  },
  {
    name: 'a chunk that breaks off',
    sends: then(answer(['Transfer-Encoding: chunked'], `fff\r\n${BODY}`)),
    status: 200,
    cost: CHAT_COST,
  },

  // --- Headers -------------------------------------------------------------------------------------------------------
  {
    name: 'a header of 100 KB',
    sends: answer([LENGTH, `X-A: ${'a'.repeat(100_000)}`]),
    status: 502,
    cost: PROMPT_COST,
  },
  {
    name: '4,000 headers',
    sends: answer([LENGTH, ...Array.from({ length: 4_000 }, (_, n) => `X-${n}: y`)]),
    status: 200,
    cost: CHAT_COST,
  },
  {
    name: 'two content types',
    sends: answer([LENGTH, 'Content-Type: application/json']),
    status: 200,
    cost: CHAT_COST,
  },
  {
    name: 'headers that are called as what objects have',
    sends: answer([LENGTH, '__proto__: a', 'constructor: b', 'valueof: c']),
    status: 200,
    cost: CHAT_COST,
  },
  { name: 'a folded header', sends: answer([LENGTH, 'X-A: a', '  folded']), status: 502, cost: PROMPT_COST },
  {
    name: 'a bare LF in a header',
    sends: answer([LENGTH, 'X-A: a\nSet-Cookie: b=c']),
    status: 502,
    cost: PROMPT_COST,
  },
  {
    name: 'a bare CR in a header',
    sends: answer([LENGTH, 'X-A: a\rSet-Cookie: b=c']),
    status: 502,
    cost: PROMPT_COST,
  },
  { name: 'NUL in a header', sends: answer([LENGTH, 'X-A: a\0b']), status: 502, cost: PROMPT_COST },

  // --- Interim answers -----------------------------------------------------------------------------------------------
  {
    name: 'three interim answers',
    sends: 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(3) + answer(),
    status: 200,
    cost: CHAT_COST,
  },
  {
    name: 'a 100 that nobody asked for',
    sends: `HTTP/1.1 100 Continue\r\n\r\n${answer()}`,
    status: 502,
    cost: PROMPT_COST,
  },
  {
    name: '101 into another protocol',
    sends: 'HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nxxxx',
    status: 502,
    cost: PROMPT_COST,
  },
  {
    name: 'an interim status below 100',
    sends: `HTTP/1.1 099 X\r\n\r\n${answer()}`,
    status: 502,
    cost: PROMPT_COST,
  },
]

for (const { name, sends, status, cost } of CASES) {
  for (const way of ['metered', 'free'] as const) {
    void t.test(
      `C5: ${name}, on the ${way} way: an end, a charge on purpose, and the next call is whole`,
      async (t) => {
        const before = await org.usedWhenIdle()
        raw.answer =
          typeof sends === 'string' ? (socket) => void socket.write(Buffer.from(sends, 'latin1')) : sends
        const text = await send(way)
        const [metered, free] = typeof status === 'number' ? [status, status] : status
        t.equal(statusOf(text), way === 'metered' ? metered : free, text.slice(0, 300))
        t.notMatch(text, /Poisoned|native code|Set-Cookie: b=c/)
        t.ok(text.split('HTTP/1.1 ').length <= 2, 'at most one answer')
        const used = await org.usedWhenIdle()
        t.equal(Math.round((used - before) * 1e6), way === 'metered' ? Math.round(cost * 1e6) : 0)
        raw.answer = (socket) => void socket.write(answer([LENGTH], BODY.replace('Hello', 'After')))
        t.match(await send('metered'), /^HTTP\/1\.1 200 OK\r\n[^]*After there/)
        t.equal(Math.round(((await org.usedWhenIdle()) - used) * 1e6), CHAT_COST * 1e6)
      },
    )
  }
}

void t.test(
  'C5: interim answers without end are no first byte: 504 after firstByteSeconds, and the prompt is charged',
  async (t) => {
    const before = await org.usedWhenIdle()
    raw.answer = (socket) => {
      const sending = setInterval(() => socket.write('HTTP/1.1 102 Processing\r\n\r\n'), 50)
      socket.on('close', () => clearInterval(sending))
    }
    const text = await send('metered', '/quick')
    t.equal(statusOf(text), 504, text)
    t.equal(Math.round(((await org.usedWhenIdle()) - before) * 1e6), PROMPT_COST * 1e6)
  },
)

void t.test('a head that comes byte by byte without end is no first byte: 504', async (t) => {
  raw.answer = (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nX-A: ')
    const sending = setInterval(() => socket.write('a'), 50)
    socket.on('close', () => clearInterval(sending))
  }
  t.equal(statusOf(await send('metered', '/quick')), 504)
})

void t.test('what an answer says in our name, and of its connection, stays behind', async (t) => {
  const forged = ['X-Tollgate-Credits-Remaining: 999999', 'x-tollgate-user: boss', 'X-Request-Id: theirs']
  raw.answer = (socket) =>
    void socket.write(
      answer([LENGTH, ...forged, 'Trailer: X-T', 'Upgrade: h2c', 'Keep-Alive: timeout=1', 'TE: x']),
    )
  for (const way of ['metered', 'free'] as const) {
    const text = await send(way)
    t.equal(statusOf(text), 200)
    t.notMatch(text, /999999|x-tollgate-user|\r\ntrailer|\r\nupgrade|timeout=1|\r\nte:/i)
    t.match(text, /\r\nx-upstream-request-id: theirs\r\n/i)
    t.equal(text.match(/\r\nx-request-id: /gi)?.length, 1)
  }
})

void t.test(
  'a redirection is passed on, and never followed: no provider can send us to another host',
  async (t) => {
    const before = origin.received.length
    raw.answer = (socket) =>
      void socket.write(answer([LENGTH, `Location: ${origin.url}/inside`], BODY, '302 Found'))
    for (const way of ['metered', 'free'] as const) t.equal(statusOf(await send(way)), 302)
    t.equal(origin.received.length, before)
  },
)

void t.test(
  'C2: a line of 400 MB in a stream passes in bounded memory, and the usage behind it is charged',
  async (t) => {
    const before = await org.usedWhenIdle()
    const piece = Buffer.alloc(1_000_000, 'x')
    const event = `"}}]}\n\ndata: ${BODY}\n\ndata: [DONE]\n\n`
    raw.answer = (socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n')
      socket.write('data: {"model":"test-model","choices":[{"delta":{"content":"')
      let sent = 0
      const go = (): void => {
        while (sent < 400) {
          sent += 1
          if (!socket.write(piece)) return void socket.once('drain', go)
        }
        socket.end(event)
      }
      go()
    }
    const memory = 'process_resident_memory_bytes'
    const idle = await gateway.metric(memory)
    const { socket, closed } = await dial(gateway.dataUrl)
    let bytes = 0
    socket.removeAllListeners('data').on('data', (chunk) => (bytes += chunk.length))
    const body = chatBody({ stream: true })
    socket.write(requestBytes({ path: PATHS.metered, key: org.key, headers: ['Connection: close'], body }))
    let most = 0
    await until(
      async () => {
        most = Math.max(most, (await gateway.metric(memory)) - idle)
        return closed()
      },
      { timeoutMs: 120_000 },
    )
    t.ok(bytes > 400_000_000, `${bytes} bytes came through`)
    // What was kept of it would be all of it. How late garbage is collected differs: Node 24 has 110 MB of it here.
    t.ok(most < 200_000_000, `${Math.round(most / 1e6)} MB more at the most`)
    t.equal(Math.round(((await org.usedWhenIdle()) - before) * 1e6), CHAT_COST * 1e6)
  },
)

void t.test('the process lived through all of it, and no key is in its log', async (t) => {
  t.equal(gateway.process.exitCode, null)
  t.equal(await gateway.metric('tollgate_holds_open'), 0)
  const log = gateway.log.join('\n')
  t.notMatch(log, org.key)
  t.notMatch(log, 'sk-the-providers-own')
  t.notMatch(log, /OpenSSH|zz\\r\\nabc/, 'nor what a provider sent')
  t.notMatch(log, /failed inside the gateway|unhandled/i)
})
