/** Which request is a metered call, and which is refused before anybody is asked. */
import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import type { Call } from '../../src/call/call.ts'
import { createCallLog } from '../../src/call/call-log.ts'
import { Endings } from '../../src/call/endings.ts'
import { createRoutes } from '../../src/call/routes.ts'
import type { Coding } from '../../src/call/unpack.ts'
import { listenWith, upstreamAt } from '../support/calls.ts'
import { silent } from '../support/ledger.ts'
import { came } from '../support/until.ts'

interface Handled {
  readonly call: Call
  readonly coding: Coding | null
}

async function stage(t: Test) {
  const handled: Handled[] = []
  const others: string[] = []
  const outcomes: string[] = []
  const calls = createCallLog({ sample: 0, logger: silent })
  const endings = new Endings({
    metrics: { refused: (code) => void outcomes.push(code), request: () => undefined },
    calls,
    stopping: () => false,
  })
  const upstreams = [
    upstreamAt(t, 'http://127.0.0.1:9', { prefix: '/openai' }),
    upstreamAt(t, 'http://127.0.0.1:9', { prefix: '/eu/open' }),
    upstreamAt(t, 'http://127.0.0.1:9', { family: 'gemini', prefix: '/gemini' }),
    upstreamAt(t, 'http://127.0.0.1:9', {
      ...{ family: 'generic', prefix: '/tools' },
      routes: [{ method: 'PUT', path: '/things:do', creditsPerCall: 1 }],
    }),
  ]
  const serve = createRoutes({
    upstreams,
    pipeline: {
      handle: (call, coding) => {
        handled.push({ call, coding })
        call.opened.response.end('handled')
        return Promise.resolve()
      },
    },
    endings,
    calls,
    others: ({ request, response }) => {
      others.push(request.url ?? '')
      response.end('other')
    },
  })
  const { url, port } = await listenWith(t, serve)
  const post = async (path: string, headers: Record<string, string> = {}, method = 'POST') => {
    const init = { method, headers: { 'content-type': 'application/json', ...headers } }
    const answer = await fetch(url + path, init)
    return { status: answer.status, text: await answer.text() }
  }
  return { port, post, handled, others, outcomes }
}

void t.test('the exact path of a metered route is a call, with its path at the provider', async (t) => {
  const { post, handled } = await stage(t)
  for (const [path, url] of [
    ['/openai/v1/chat/completions', '/v1/chat/completions'],
    ['/openai/v1/responses?x=1', '/v1/responses'],
    ['/gemini/v1beta/models/g-1:generateContent', '/v1beta/models/g-1:generateContent'],
  ] as const) {
    t.same(await post(path), { status: 200, text: 'handled' })
    t.equal(handled.at(-1)?.call.path, url)
  }
  t.equal((await post('/tools/things:do', { 'content-type': 'text/csv' }, 'PUT')).text, 'handled')
  t.equal(handled.at(-1)?.call.target.family.name, 'generic')
})

void t.test('every other path and method is somebody else’s', async (t) => {
  const { post, others, handled } = await stage(t)
  for (const path of [
    ...['/openai/v1/models', '/openai/v1/chat/completions/', '/openai//v1/chat/completions', '/elsewhere'],
    ...['/OpenAI/v1/chat/completions', '/openai/v1/chat', '/openai', '/'],
  ]) {
    t.equal((await post(path)).text, 'other', path)
    t.equal(others.at(-1), path)
  }
  t.equal((await post('/openai/v1/chat/completions', {}, 'PUT')).text, 'other')
  t.same(handled, [])
})

void t.test('a path that two readers could understand differently is no call', async (t) => {
  const { port, handled } = await stage(t)
  for (const target of [
    '/gemini/v1beta/models/a%2Fb:generateContent',
    '/%65u/open/v1/chat/completions',
    '/gemini/v1beta/models/..:generateContent/..',
    'http://elsewhere/gemini/v1beta/models/a:generateContent',
  ]) {
    const socket = connect(port, '127.0.0.1')
    socket.end(
      `POST ${target} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`,
    )
    let text = ''
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
    await came(once(socket, 'close'), 'the answer')
    t.ok(/ 404 |other/.test(text), `${target}: ${text.slice(0, 40)}`)
  }
  t.same(handled, [], 'none is a call')
})

for (const [what, headers, code] of [
  ['a content-type that is none', { 'content-type': 'json;' }, 'invalid_request'],
  ['another content-type', { 'content-type': 'text/plain' }, 'invalid_request'],
  [
    'a character set that could hide something',
    { 'content-type': 'application/json; charset=utf-7' },
    'invalid_request',
  ],
  ['a coding that is not known', { 'content-encoding': 'compress' }, 'unsupported_encoding'],
] as const)
  void t.test(`${what} is refused by its code`, async (t) => {
    const { post, handled, outcomes } = await stage(t)
    const { status, text } = await post('/openai/v1/chat/completions', headers)
    t.ok(status === 400 || status === 415, String(status))
    t.match(text, code)
    t.same(outcomes, [code])
    t.same(handled, [])
  })

void t.test('a body that comes compressed is a call, with its coding', async (t) => {
  const { post, handled } = await stage(t)
  for (const coding of ['gzip', 'br', 'deflate', 'zstd'] as const) {
    await post('/openai/v1/chat/completions', { 'content-encoding': coding })
    t.equal(handled.at(-1)?.coding, coding)
  }
  await post('/openai/v1/chat/completions', { 'content-type': 'application/json; charset=utf-8' })
  t.equal(handled.at(-1)?.coding, null)
})

void t.test('a WebSocket is told at once to go on by HTTP, and the connection ends', async (t) => {
  const { port, outcomes, others } = await stage(t)
  const socket = connect(port, '127.0.0.1')
  const upgrade = 'connection: upgrade\r\nupgrade: websocket\r\n'
  socket.write(`GET /openai/v1/responses HTTP/1.1\r\nhost: x\r\n${upgrade}\r\n`)
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await came(once(socket, 'close'), 'the end of the connection')
  t.match(text, /^HTTP\/1\.1 426 [^]*POST \/openai\/v1\/responses/)
  t.same(outcomes, ['websocket_not_supported'])
  t.same(others, [])
})
