/** Traps of @fastify/http-proxy, @fastify/reply-from, undici, Fastify and Node's HTTP server, each by what would go wrong. */
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync } from 'node:fs'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { connect, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { gzipSync } from 'node:zlib'
import tap from 'tap'
import { OpenCalls } from '../../src/call/open-calls.ts'
import { createCallServer } from '../../src/call/server.ts'
import { createOrg, startGateway, type TestOrg } from '../support/gateway.ts'
import {
  CHAT_COST,
  CHAT_USAGE,
  chatAnswer,
  chatBody,
  chunkEvent,
  DONE_EVENT,
  startOrigin,
  USAGE_EVENT,
} from '../support/origin.ts'
import { freePort } from '../support/ports.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { removeFolder } from '../support/folder.ts'

const BODY_BYTES = 20_000
const PROVIDERS_KEY = 'Bearer sk-the-providers-own'

const dir = mkdtempSync(join(tmpdir(), 'tg-certs-'))
const redis = await startRedis()
const origin = await startOrigin()

/** A certificate that signs itself. */
function certificate(name: string, subjectAltName: string): { key: string; cert: string; file: string } {
  const [key, cert] = [join(dir, `${name}.key`), join(dir, `${name}.pem`)]
  const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${subjectAltName}`]
  const output = ['-days', '2', '-nodes', '-keyout', key, '-out', cert]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  execFileSync('openssl', ['req', '-x509', ...kind, ...subject, ...output], { stdio: 'pipe' })
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8'), file: cert }
}

const here = certificate('here', 'IP:127.0.0.1')
const elsewhere = certificate('elsewhere', 'DNS:api.provider.example')

interface Listener {
  readonly host: string
  readonly sockets: Set<Socket>
  stop(): Promise<void>
}

async function listenOn(server: Server): Promise<Listener> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
  })
  const port = await freePort()
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    host: `127.0.0.1:${port}`,
    sockets,
    async stop() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close').catch(() => undefined)
    },
  }
}

/** Upstreams behind TLS that count every byte which comes out of the encryption. */
let decrypted = 0
function countingTls({ key, cert }: { key: string; cert: string }): Server {
  const server = createTlsServer({ key, cert }, (socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => (decrypted += chunk.length))
  })
  server.on('tlsClientError', () => undefined)
  return server
}

const untrusted = await listenOn(countingTls(here))
const misnamed = await listenOn(countingTls(elsewhere))
const trusted = await startOrigin((handler) => createHttpsServer({ key: here.key, cert: here.cert }, handler))

/** An upstream that answers with bytes as they stand here. */
let rawAnswer = ''
const raw = await listenOn(
  createTcpServer((socket) => {
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const head = text.indexOf('\r\n\r\n')
      if (head === -1) return
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(0, head))?.[1] ?? 0)
      if (text.length < head + 4 + length) return
      text = ''
      if (rawAnswer === '') socket.destroy()
      else socket.write(rawAnswer)
    })
  }),
)
const dead = await listenOn(createTcpServer())
await dead.stop()

const upstream = (
  name: string,
  url: string,
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> => ({
  [name]: { family: 'openai', prefix: `/${name}`, url, apiKey: 'sk-the-providers-own', ...more },
})
const gateway = await startGateway({
  redisUrl: redis.url,
  upstreamUrl: origin.url,
  config: {
    limits: { bodyBytes: BODY_BYTES },
    timeouts: { connectSeconds: 2, firstByteSeconds: 5, idleSeconds: 5 },
    upstreams: {
      ...upstream('openai', origin.url),
      ...upstream('untrusted', `https://${untrusted.host}`),
      ...upstream('misnamed', `https://${misnamed.host}`, { ca: elsewhere.file }),
      ...upstream('trusted', trusted.url, { ca: here.file }),
      ...upstream('raw', `http://${raw.host}`),
      ...upstream('counting', origin.url, { family: 'anthropic' }),
      ...upstream('dead', `http://${dead.host}`),
      ...upstream('silent', `http://${raw.host}`, { timeouts: { firstByteSeconds: 0.2 } }),
    },
  },
})
const { hostname, port } = new URL(gateway.dataUrl)
tap.teardown(async () => {
  await gateway.stop()
  await Promise.all([
    origin.stop(),
    trusted.stop(),
    untrusted.stop(),
    misnamed.stop(),
    raw.stop(),
    redis.stop(),
  ])
  removeFolder(dir)
})

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Names in lower case with their values, in order, none joined. */
  readonly pairs: readonly (readonly [string, string])[]
  readonly body: Buffer
}

interface Ask {
  readonly path: string
  readonly method?: string
  readonly key: string | null
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

/** One request on a connection of its own; nothing of the answer is decoded. */
function ask({ path, method = 'GET', key, headers = {}, body }: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      {
        hostname,
        port,
        path,
        method,
        agent: false,
        headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...headers },
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const pairs: [string, string][] = []
          for (let at = 0; at + 1 < response.rawHeaders.length; at += 2) {
            pairs.push([(response.rawHeaders[at] ?? '').toLowerCase(), response.rawHeaders[at + 1] ?? ''])
          }
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            pairs,
            body: Buffer.concat(chunks),
          })
        })
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

const PATHS = { metered: '/v1/chat/completions', free: '/v1/models' } as const
type Way = keyof typeof PATHS
const WAYS = Object.keys(PATHS) as Way[]

/** A call of either way: a chat request, or the list of models. */
function call(way: Way, key: string, prefix = 'openai', rest: Partial<Ask> = {}): Promise<Answer> {
  const path = `/${prefix}${PATHS[way]}`
  if (way === 'free') return ask({ path, key, ...rest })
  const headers = { 'content-type': 'application/json', ...rest.headers }
  return ask({ path, method: 'POST', key, body: chatBody(), ...rest, headers })
}

/** The bytes of a request as they go over the wire. */
function wire(
  way: Way,
  key: string,
  headers: readonly string[] = [],
  body = way === 'free' ? '' : chatBody(),
): string {
  const first = way === 'free' ? `GET /openai${PATHS.free} HTTP/1.1` : `POST /openai${PATHS.metered} HTTP/1.1`
  const own = way === 'free' ? [] : ['Content-Type: application/json']
  const length = headers.some((header) => /^(content-length|transfer-encoding)/i.test(header))
    ? []
    : [`Content-Length: ${body.length}`]
  return [
    first,
    `Host: ${hostname}`,
    `Authorization: Bearer ${key}`,
    ...own,
    ...length,
    ...headers,
    '',
    body,
  ].join('\r\n')
}

interface Wire {
  /** What came back so far. */
  readonly text: () => string
  readonly closed: () => boolean
  readonly socket: Socket
}

/** A connection of a test's own, which collects what comes back. */
async function dial(): Promise<Wire> {
  const socket = connect(Number(port), hostname)
  let text = ''
  let closed = false
  socket.on('data', (chunk) => (text += chunk.toString('latin1')))
  socket.on('error', () => undefined)
  socket.on('close', () => (closed = true))
  await once(socket, 'connect')
  return { text: () => text, closed: () => closed, socket }
}

/** Sends bytes, and resolves to everything that came back when the gateway has closed the connection. */
async function exchange(bytes: string): Promise<string> {
  const { text, closed, socket } = await dial()
  socket.write(bytes, 'latin1')
  await until(closed, { what: 'the connection is closed' })
  return text()
}

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** Nothing that tells a caller where the upstream is, or how the connection to it failed. */
const INSIDE = /127\.0\.0\.1|ECONN|UND_ERR|certificate|self-signed|altname|socket/i

async function costsNothing(t: Pick<typeof tap, 'equal'>, org: TestOrg): Promise<void> {
  t.equal(await org.usedWhenIdle(), 0, 'nothing is charged, nothing held')
}

for (const [prefix, what] of [
  ['untrusted', 'signs itself'],
  ['misnamed', 'is another host’s'],
] as const) {
  for (const way of WAYS) {
    void tap.test(
      `an upstream whose certificate ${what} would get the call: refused on the ${way} path, before a byte is sent`,
      async (t) => {
        const org = await createOrg(gateway)
        const answer = await call(way, org.key, prefix)
        const text = answer.body.toString()
        t.equal(answer.status, 502, text)
        t.match(text, /"upstream_unreachable"/)
        t.notMatch(text, INSIDE)
        t.equal(decrypted, 0, 'neither the body nor the provider’s key was sent')
        await costsNothing(t, org)
      },
    )
  }
}

void tap.test('an upstream of a private authority would be unusable: it is accepted with `ca`', async (t) => {
  const org = await createOrg(gateway)
  const chat = await call('metered', org.key, 'trusted')
  t.equal(chat.status, 200, chat.body.toString())
  t.equal(await org.usedWhenIdle(), CHAT_COST)
  const models = await call('free', org.key, 'trusted')
  t.equal(models.status, 200)
  t.same(
    trusted.received.map(({ method, url }) => `${method} ${url}`),
    ['POST /v1/chat/completions', 'GET /v1/models'],
  )
})

for (const way of WAYS) {
  void tap.test(
    `one call that gets 503 would reach the upstream eleven times: on the ${way} path once, with its Retry-After unchanged`,
    async (t) => {
      const org = await createOrg(gateway)
      const before = origin.received.length
      origin.answer = (_request, response) => void response.writeHead(503, { 'retry-after': '7' }).end('busy')
      const answer = await call(way, org.key)
      t.match(answer, { status: 503, headers: { 'retry-after': '7' } })
      t.equal(answer.body.toString(), 'busy')
      t.equal(origin.received.length, before + 1)
      await costsNothing(t, org)
    },
  )

  void tap.test(
    `a call would be sent again and again when its connection breaks: on the ${way} path once, if the connection had served before`,
    async (t) => {
      const org = await createOrg(gateway)
      origin.answer = (_request, response) => chatAnswer(response)
      await call(way, org.key)
      const before = origin.received.length
      // The second call goes out on the first one's connection, which is when clients like to try again.
      origin.answer = (_request, response) => void response.socket?.destroy()
      const answer = await call(way, org.key)
      t.equal(answer.status, 502)
      t.match(answer.body.toString(), /"upstream_unreachable"/)
      t.notMatch(answer.body.toString(), INSIDE)
      t.equal(origin.received.length, before + 2)
      t.equal((await call(way, org.key)).status, 502)
      t.equal(origin.received.length, before + 3, 'no connection that had served is left')
    },
  )

  void tap.test(
    `an upstream that answers no HTTP would leave the caller waiting: 502 on the ${way} path`,
    async (t) => {
      const org = await createOrg(gateway)
      rawAnswer = 'SSH-2.0-OpenSSH_9.6\r\n\r\n'
      const answer = await call(way, org.key, 'raw')
      t.equal(answer.status, 502)
      t.notMatch(answer.body.toString(), INSIDE)
    },
  )

  void tap.test(
    `a refused connection would become a 500 with the upstream’s address: 502 without it on the ${way} path`,
    async (t) => {
      const org = await createOrg(gateway)
      const answer = await call(way, org.key, 'dead')
      t.equal(answer.status, 502)
      t.match(answer.body.toString(), /"upstream_unreachable"/)
      t.notMatch(answer.body.toString(), INSIDE)
      t.notMatch(JSON.stringify(answer.pairs), dead.host)
      await costsNothing(t, org)
    },
  )

  void tap.test(`an upstream that never answers would hold the caller: 504 on the ${way} path`, async (t) => {
    const org = await createOrg(gateway)
    rawAnswer = 'HTTP/1.1 '
    const answer = await call(way, org.key, 'silent')
    t.equal(answer.status, 504, answer.body.toString())
    t.match(answer.body.toString(), /"upstream_timeout"/)
    t.notMatch(answer.body.toString(), INSIDE)
  })

  void tap.test(
    `Expect: 100-continue would become a 500: on the ${way} path the body is asked for, and the call served`,
    async (t) => {
      const org = await createOrg(gateway)
      origin.answer = (_request, response) => chatAnswer(response)
      const [head = '', body = ''] = wire(way, org.key, ['Expect: 100-continue', 'Connection: close']).split(
        '\r\n\r\n',
      )
      const { text, closed, socket } = await dial()
      socket.write(`${head}\r\n\r\n`)
      await until(() => text().startsWith('HTTP/1.1 100 Continue\r\n\r\n'))
      socket.write(body)
      await until(closed)
      t.match(text().slice('HTTP/1.1 100 Continue\r\n\r\n'.length), /^HTTP\/1\.1 200 OK\r\n/)
      const seen = origin.received.at(-1)
      t.equal(seen?.headers['expect'], undefined)
      t.equal(seen?.body, body)
    },
  )

  void tap.test(
    `headers that concern the upstream’s connection would reach the client on the ${way} path`,
    async (t) => {
      const org = await createOrg(gateway)
      const body = JSON.stringify({ usage: CHAT_USAGE })
      rawAnswer = [
        'HTTP/1.1 200 OK',
        'Connection: X-Hop-One',
        'Keep-Alive: timeout=3, max=1',
        'Proxy-Authenticate: Basic realm="inside"',
        'Proxy-Connection: keep-alive',
        'X-Hop-One: secret',
        'X-Hop-Two: secret',
        'Connection: keep-alive, X-Hop-Two',
        'X-Kept: yes',
        'Content-Type: application/json',
        `Content-Length: ${body.length}`,
        '',
        body,
      ].join('\r\n')
      const answer = await call(way, org.key, 'raw')
      t.equal(answer.status, 200)
      t.equal(answer.body.toString(), body)
      t.equal(answer.headers['x-kept'], 'yes')
      for (const name of ['proxy-authenticate', 'proxy-connection', 'x-hop-one', 'x-hop-two']) {
        t.equal(answer.headers[name], undefined, name)
      }
      t.notMatch(JSON.stringify(answer.pairs), /timeout=3|hop/i)
      t.ok(answer.pairs.filter(([name]) => name === 'connection').length <= 1)
    },
  )

  void tap.test(
    `the client’s Connection header would strip what the gateway adds (CVE-2026-33805): not on the ${way} path`,
    async (t) => {
      const org = await createOrg(gateway)
      origin.answer = (_request, response) => chatAnswer(response)
      const headers = {
        connection: 'close, Authorization, host, accept-encoding, content-length, x-strip-me, x-request-id',
        'x-strip-me': 'concerns this hop only',
        'x-kept': 'yes',
      }
      const answer = await call(way, org.key, 'openai', { headers })
      t.equal(answer.status, 200)
      t.ok(answer.headers['x-request-id'])
      const seen = origin.received.at(-1)
      t.equal(seen?.headers['authorization'], PROVIDERS_KEY)
      t.equal(seen?.headers['host'], new URL(origin.url).host)
      t.equal(seen?.headers['x-strip-me'], undefined)
      t.equal(seen?.headers['x-kept'], 'yes')
      t.equal(seen?.body, way === 'free' ? '' : chatBody())
      t.equal(seen?.headers['transfer-encoding'], undefined)
    },
  )

  void tap.test(
    `a WebSocket tunnel would be unmetered: an upgrade on the ${way} path opens none`,
    async (t) => {
      const org = await createOrg(gateway)
      origin.answer = (_request, response) => chatAnswer(response)
      const upgrade = [
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ]
      const { text, socket } = await dial()
      socket.write(wire(way, org.key, upgrade))
      await until(() => text().includes('Hello there.'))
      t.match(text(), /^HTTP\/1\.1 200 OK\r\n/)
      const seen = origin.received.at(-1)
      t.equal(seen?.headers['upgrade'], undefined)
      t.equal(
        seen?.headers['sec-websocket-key'],
        upgrade[3]?.slice('Sec-WebSocket-Key: '.length),
        'an ordinary header',
      )
      t.notMatch(seen?.headers['connection'] ?? '', /upgrade/i)
      socket.destroy()
    },
  )

  void tap.test(
    `a client that offers HTTP/2 by an upgrade, as Java’s does, would lose its connection: the ${way} path goes on with HTTP/1.1`,
    async (t) => {
      const org = await createOrg(gateway)
      origin.answer = (_request, response) => chatAnswer(response)
      const offer = [
        'Connection: Upgrade, HTTP2-Settings',
        'Upgrade: h2c',
        'HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA',
      ]
      const { text, closed, socket } = await dial()
      socket.write(wire(way, org.key, offer))
      await until(() => text().includes('Hello there.'))
      t.equal(origin.received.at(-1)?.headers['http2-settings'], undefined)
      socket.write(wire(way, org.key, ['Connection: close']))
      await until(closed)
      t.match(text(), /^HTTP\/1\.1 200 OK\r\n[^]*HTTP\/1\.1 200 OK\r\n/)
    },
  )

  void tap.test(
    `two Set-Cookie headers would become one: both reach the client on the ${way} path`,
    async (t) => {
      const org = await createOrg(gateway)
      origin.answer = (_request, response) => {
        response.writeHead(
          200,
          [
            ['set-cookie', 'a=1; Path=/'],
            ['set-cookie', 'b=2, 3'],
            ['x-twice', '1'],
            ['x-twice', '2'],
          ].flat(),
        )
        response.end('{}')
      }
      const answer = await call(way, org.key)
      t.same(answer.headers['set-cookie'], ['a=1; Path=/', 'b=2, 3'])
      t.same(
        answer.pairs.filter(([name]) => name === 'x-twice').map(([, value]) => value),
        ['1', '2'],
      )
    },
  )

  void tap.test(
    `5 MB that are no JSON would be bent: on the ${way} path length, type and every byte pass unchanged`,
    async (t) => {
      const org = await createOrg(gateway)
      const sent = randomBytes(5_000_000)
      origin.answer = (_request, response) => {
        const headers = {
          'content-type': 'application/octet-stream',
          'content-length': sent.length,
          etag: '"abc"',
          date: 'Thu, 01 Jan 2026 00:00:00 GMT',
        }
        response.writeHead(200, headers)
        response.end(sent)
      }
      const answer = await call(way, org.key)
      t.equal(answer.status, 200)
      t.match(answer.headers, {
        'content-type': 'application/octet-stream',
        'content-length': '5000000',
        etag: '"abc"',
      })
      t.same(
        answer.pairs.filter(([name]) => name === 'date'),
        [['date', 'Thu, 01 Jan 2026 00:00:00 GMT']],
        'one date, the upstream’s',
      )
      t.equal(answer.headers['transfer-encoding'], undefined)
      t.equal(sha256(answer.body), sha256(sent))
    },
  )

  void tap.test(
    `an answer that came gzipped all the same would be unpacked or broken: on the ${way} path its bytes pass unchanged`,
    async (t) => {
      const org = await createOrg(gateway)
      const sent = gzipSync(
        JSON.stringify({
          model: 'test-model',
          choices: [{ message: { content: 'x'.repeat(1_000) } }],
          usage: CHAT_USAGE,
        }),
      )
      origin.answer = (request, response) => {
        t.equal(request.headers['accept-encoding'], 'identity')
        response.writeHead(200, {
          'content-type': 'application/json',
          'content-encoding': 'gzip',
          'content-length': sent.length,
        })
        response.end(sent)
      }
      const answer = await call(way, org.key, 'openai', { headers: { 'accept-encoding': 'gzip, br' } })
      t.match(answer.headers, { 'content-encoding': 'gzip', 'content-length': String(sent.length) })
      t.equal(sha256(answer.body), sha256(sent))
      t.equal(
        await org.usedWhenIdle(),
        way === 'free' ? 0 : CHAT_COST,
        'the usage inside of it is charged (C2)',
      )
    },
  )

  void tap.test(`interim answers (103) would be taken for the answer on the ${way} path`, async (t) => {
    const org = await createOrg(gateway)
    origin.answer = (_request, response) => {
      response.writeEarlyHints({ link: '</x>; rel=preload' })
      chatAnswer(response)
    }
    const answer = await call(way, org.key)
    t.equal(answer.status, 200)
    t.match(answer.body.toString(), /Hello there/)
    t.equal(await org.usedWhenIdle(), way === 'free' ? 0 : CHAT_COST)
  })

  void tap.test(
    `the caller’s credentials, or the choice of another account, would reach the upstream on the ${way} path`,
    async (t) => {
      const org = await createOrg(gateway)
      origin.answer = (_request, response) => chatAnswer(response)
      const path = `/openai${PATHS[way]}?key=${org.key}&limit=2&k%65y=${org.key}&&after=a%26b+c`
      const headers = {
        'x-api-key': org.key,
        'x-goog-api-key': org.key,
        'x-tollgate-source': 'chat',
        'x-tollgate-user': 'ada',
        'openai-organization': 'org-other',
        'openai-project': 'proj-other',
        'proxy-authorization': 'Basic abc',
        'openai-beta': 'assistants=v2',
      }
      const answer = await call(way, org.key, 'openai', { path, headers })
      t.equal(answer.status, 200, answer.body.toString())
      const seen = origin.received.at(-1)
      t.equal(seen?.url, `${PATHS[way]}?limit=2&after=a%26b+c`)
      t.notMatch(JSON.stringify(seen), org.key)
      t.equal(seen?.headers['authorization'], PROVIDERS_KEY)
      for (const name of Object.keys(headers)) {
        t.equal(seen?.headers[name], name === 'openai-beta' ? 'assistants=v2' : undefined, name)
      }
      t.notMatch(gateway.log.join('\n'), org.key, 'nor a log')
    },
  )
}

void tap.test(
  'a stream that came gzipped all the same would be broken by the search for its usage event',
  async (t) => {
    const org = await createOrg(gateway)
    const sent = gzipSync(chunkEvent('one') + USAGE_EVENT + DONE_EVENT)
    origin.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' })
      response.write(sent.subarray(0, 20))
      setImmediate(() => response.end(sent.subarray(20)))
    }
    const answer = await call('metered', org.key, 'openai', { body: chatBody({ stream: true }) })
    t.equal(sha256(answer.body), sha256(sent))
    t.equal(await org.usedWhenIdle(), CHAT_COST, 'the usage inside of it is charged (C2)')
  },
)

void tap.test(
  'WebSocket: the paths that providers upgrade are refused as any other unknown path',
  async (t) => {
    const org = await createOrg(gateway)
    const before = origin.received.length
    for (const path of ['/openai/v1/realtime?model=test-model', '/openai/v1/chat/completions']) {
      const upgrade = [
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ]
      const { text, socket } = await dial()
      socket.write(
        [
          `GET ${path} HTTP/1.1`,
          `Host: ${hostname}`,
          `Authorization: Bearer ${org.key}`,
          ...upgrade,
          '',
          '',
        ].join('\r\n'),
      )
      await until(() => text().includes('route_not_allowed'))
      t.match(text(), /^HTTP\/1\.1 404 /, path)
      socket.destroy()
    }
    t.equal(origin.received.length, before)
  },
)

for (const [name, headers] of [
  ['with its length', { 'content-length': String(BODY_BYTES + 1) }],
  ['in chunks, without its length', { 'transfer-encoding': 'chunked' }],
] as const) {
  void tap.test(
    `the limit of the body would be bypassed by a body ${name}: 413, nothing forwarded`,
    async (t) => {
      const org = await createOrg(gateway)
      const before = origin.received.length
      const answer = await call('metered', org.key, 'openai', { headers, body: ' '.repeat(BODY_BYTES + 1) })
      t.equal(answer.status, 413)
      t.match(answer.body.toString(), /"body_too_large"/)
      await costsNothing(t, org)
      for (const path of ['/openai/v1/models', '/counting/v1/messages/count_tokens']) {
        const method = path.startsWith('/openai') ? 'GET' : 'POST'
        const free = await ask({
          path,
          method,
          key: org.key,
          headers: { ...headers, 'content-type': 'application/json' },
          body: ' '.repeat(BODY_BYTES + 1),
        })
        t.ok([400, 413].includes(free.status), `${path}: ${free.status}`)
        t.match(free.body.toString(), /"(?:body_too_large|invalid_request)"/)
      }
      t.equal(origin.received.length, before, 'nor on the free path')
    },
  )
}

void tap.test('a GET with a body would pass it on: what is sent with one goes nowhere', async (t) => {
  const org = await createOrg(gateway)
  origin.answer = (_request, response) => chatAnswer(response)
  const text = await exchange(wire('free', org.key, ['Content-Length: 9', 'Connection: close']) + '{"a":"b"}')
  t.match(text, /^HTTP\/1\.1 200 OK\r\n/)
  t.equal(origin.received.at(-1)?.body, '')
  t.equal(origin.received.at(-1)?.headers['content-length'], undefined)
})

void tap.test(
  'a body on a free path would be parsed and written anew, be sent three times, or cost something',
  async (t) => {
    const org = await createOrg(gateway)
    origin.answer = (_request, response) => void response.end('{"input_tokens":7}')
    const body = ' {"model" :"m",\t"x":"\\u00e9\\/ é 😀", "n":12345678901234567890, "t":1.0}\n'
    const headers = {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      expect: '100-continue',
    }
    const count = { path: '/counting/v1/messages/count_tokens', method: 'POST', key: org.key, headers, body }
    const answer = await ask(count)
    t.equal(answer.status, 200, answer.body.toString())
    const seen = origin.received.at(-1)
    t.equal(seen?.body, body)
    t.match(seen?.headers, {
      'content-length': String(Buffer.byteLength(body)),
      'content-type': 'application/json',
      'x-api-key': 'sk-the-providers-own',
    })
    t.equal(seen?.headers['expect'], undefined)
    const before = origin.received.length
    origin.answer = (_request, response) => void response.socket?.destroy()
    t.equal((await ask(count)).status, 502)
    t.equal(origin.received.length, before + 2, 'once more on a fresh connection, and no more')
    await costsNothing(t, org)
  },
)

void tap.test('a body of exactly the limit passes, and so does one in chunks', async (t) => {
  const org = await createOrg(gateway)
  origin.answer = (_request, response) => chatAnswer(response)
  const body = chatBody().padEnd(BODY_BYTES, ' ')
  for (const headers of [{}, { 'transfer-encoding': 'chunked' }]) {
    const answer = await call('metered', org.key, 'openai', { headers, body })
    t.equal(answer.status, 200, answer.body.toString())
    t.equal(origin.received.at(-1)?.body, body)
    t.equal(origin.received.at(-1)?.headers['content-length'], String(BODY_BYTES))
  }
})

const ODD_BODIES: Readonly<Record<string, string>> = {
  'unicode escapes':
    '{"model":"test-model","messages":[{"role":"user","content":"\\u00e9\\ud83d\\ude00\\/ \\u0041 é 😀"}]}',
  'odd whitespace': '\r\n\t {\t"model" :\r\n"test-model"\t,"messages":[ ]\n,\n"max_tokens": 10 }\n\n ',
  'big and odd numbers':
    '{"model":"test-model","messages":[],"seed":12345678901234567890,"temperature":1.0,"top_p":1E-2,"x":-0,"y":0.1000}',
  'a key twice that prices nothing': '{"model":"test-model","messages":[],"user":"a","user":"b"}',
  'the model’s key in escapes': '{"mod\\u0065l":"test-model","messages":[]}',
  'a byte order mark': '\ufeff{"model":"test-model","messages":[]}',
  'control characters in escapes':
    '{"model":"test-model","messages":[{"role":"user","content":"\\u0000\\u001f\\b\\f\\u2028\u2028"}]}',
}
for (const [name, body] of Object.entries(ODD_BODIES)) {
  void tap.test(
    `a JSON body would be parsed and written anew: ${name} reach the upstream byte for byte`,
    async (t) => {
      const org = await createOrg(gateway)
      origin.answer = (_request, response) => chatAnswer(response)
      const answer = await call('metered', org.key, 'openai', {
        body,
        headers: { 'content-type': 'application/json; charset=utf-8' },
      })
      t.equal(answer.status, 200, answer.body.toString())
      t.equal(origin.received.at(-1)?.body, body)
      t.equal(origin.received.at(-1)?.headers['content-length'], String(Buffer.byteLength(body)))
      t.equal(origin.received.at(-1)?.headers['content-type'], 'application/json; charset=utf-8')
    },
  )
}

void tap.test(
  'HEAD would leave a body behind that the next answer is read into: it has none, and nothing is forwarded',
  async (t) => {
    const org = await createOrg(gateway)
    origin.answer = (_request, response) => chatAnswer(response)
    const before = origin.received.length
    const head = wire('free', org.key).replace('GET ', 'HEAD ')
    const text = await exchange(head + wire('free', org.key, ['Connection: close']))
    t.match(text, /^HTTP\/1\.1 404 Not Found\r\n(?:[^\r]+\r\n)+\r\nHTTP\/1\.1 200 OK\r\n/)
    t.equal(origin.received.length, before + 1, 'only what is a GET')
  },
)

void tap.test('two calls in one packet would be mixed up: each gets its own answer, in order', async (t) => {
  const org = await createOrg(gateway)
  origin.answer = (request, response) => void response.end(`{"echo":${request.body}}`)
  const first = chatBody({ messages: [{ role: 'user', content: 'first' }] })
  const second = chatBody({ messages: [{ role: 'user', content: 'second' }] })
  const text = await exchange(
    wire('metered', org.key, [], first) + wire('metered', org.key, ['Connection: close'], second),
  )
  t.match(text, /"echo".*"first"[^]*"echo".*"second"/)
  t.equal(text.split('HTTP/1.1 200 OK').length, 3)
})

void tap.test(
  'a client that goes away after its body was read would leave its hold behind: every call is settled',
  async (t) => {
    const org = await createOrg(gateway)
    const before = origin.received.length
    const waiting: (() => void)[] = []
    origin.answer = (_request, response) => void waiting.push(() => chatAnswer(response))
    const calls = 12
    const clients = await Promise.all(Array.from({ length: calls }, () => dial()))
    for (const [index, { socket }] of clients.entries()) {
      socket.write(wire('metered', org.key))
      // Some leave in the very turn, some when the upstream has the call; some with a FIN, some with a RST.
      if (index % 3 === 0) socket.end(() => socket.destroy())
      if (index % 3 === 1) setImmediate(() => socket.resetAndDestroy())
    }
    await until(() => waiting.length >= calls / 3, { what: 'calls wait at the upstream' })
    for (const { socket } of clients) socket.destroy()
    await until(async () => (await gateway.metric('tollgate_holds_open')) === waiting.length, {
      what: 'holds of calls that were not sent are free',
    })
    for (const answer of waiting) answer()
    const used = await org.usedWhenIdle()
    t.equal(
      Math.round(used * 1e6),
      Math.round((origin.received.length - before) * CHAT_COST * 1e6),
      'each call that was sent is charged, no other',
    )
    await until(async () => (await gateway.metric('tollgate_holds_open')) === 0)
  },
)

void tap.test(
  'a client that goes away in the middle of its body would be forwarded: nothing is sent, nothing held',
  async (t) => {
    const org = await createOrg(gateway)
    const before = origin.received.length
    const { closed, socket } = await dial()
    const bytes = wire('metered', org.key)
    await new Promise<void>((resolve) => void socket.write(bytes.slice(0, -10), () => resolve()))
    socket.end()
    await until(closed, { what: 'half a body is given up' })
    t.equal(origin.received.length, before)
    await costsNothing(t, org)
  },
)

const SMUGGLED = 'GET /openai/v1/models HTTP/1.1\r\nHost: x\r\n\r\n'
const AMBIGUOUS: Readonly<Record<string, { readonly headers: readonly string[]; readonly body: string }>> = {
  'Content-Length and Transfer-Encoding': {
    headers: ['Content-Length: 4', 'Transfer-Encoding: chunked'],
    body: `0\r\n\r\n${SMUGGLED}`,
  },
  'Transfer-Encoding and Content-Length': {
    headers: ['Transfer-Encoding: chunked', 'Content-Length: 4'],
    body: `0\r\n\r\n${SMUGGLED}`,
  },
  'two lengths that differ': {
    headers: ['Content-Length: 0', `Content-Length: ${SMUGGLED.length}`],
    body: SMUGGLED,
  },
  'a list of lengths': { headers: ['Content-Length: 0, 5'], body: SMUGGLED },
  'a length with a sign': { headers: ['Content-Length: +5'], body: SMUGGLED },
  'chunked that is not the last coding': {
    headers: ['Transfer-Encoding: chunked, identity'],
    body: `0\r\n\r\n${SMUGGLED}`,
  },
  'an unknown coding': { headers: ['Transfer-Encoding: xchunked'], body: `0\r\n\r\n${SMUGGLED}` },
  'two Transfer-Encoding headers': {
    headers: ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
    body: `0\r\n\r\n${SMUGGLED}`,
  },
  'a space before the colon': { headers: ['Transfer-Encoding : chunked'], body: `0\r\n\r\n${SMUGGLED}` },
  'a folded header': {
    headers: ['Content-Length: 0', 'X-A: b', ' Transfer-Encoding: chunked'],
    body: SMUGGLED,
  },
  'a chunk whose size is no number': {
    headers: ['Transfer-Encoding: chunked'],
    body: `0x5\r\n{"a"}\r\n0\r\n\r\n${SMUGGLED}`,
  },
  'a bare LF in the head': {
    headers: ['Content-Length: 0\nTransfer-Encoding: chunked'],
    body: `0\r\n\r\n${SMUGGLED}`,
  },
}
for (const [name, { headers, body }] of Object.entries(AMBIGUOUS)) {
  void tap.test(`a second request would be smuggled in by ${name}: 400, and nothing forwarded`, async (t) => {
    const org = await createOrg(gateway)
    const before = origin.received.length
    const text = await exchange(wire('metered', org.key, headers, body))
    t.match(text, /^HTTP\/1\.1 400 Bad Request\r\n/)
    t.equal(text.split('HTTP/1.1 ').length, 2, 'one answer, and the connection is closed')
    t.match(text, /"code":"invalid_request"/)
    t.match(text, /\r\nx-request-id: \S+\r\n/i)
    t.equal(origin.received.length, before)
    await costsNothing(t, org)
  })
}

for (const path of [
  '/openai/v1/models/%zz',
  '/openai/v1/chat/completions%',
  `/openai/v1/models/${'m'.repeat(5_000)}`,
]) {
  void tap.test(
    `a path that the router cannot read would be answered in its own words: ${path.slice(0, 40)}`,
    async (t) => {
      const org = await createOrg(gateway)
      const answer = await ask({ path, key: org.key })
      t.ok([400, 404].includes(answer.status), String(answer.status))
      t.match(answer.body.toString(), /"code":"(?:invalid_request|route_not_allowed)"/)
      t.ok(answer.headers['x-request-id'])
    },
  )
}

void tap.test(
  'garbage behind a call would be answered in the middle of its stream: the connection ends, the call is settled',
  async (t) => {
    const org = await createOrg(gateway)
    let finish: () => void = () => undefined
    origin.answer = (_request, response) => {
      finish = () => response.end(USAGE_EVENT + DONE_EVENT)
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(chunkEvent('one'))
    }
    const { text, closed, socket } = await dial()
    socket.write(wire('metered', org.key, [], chatBody({ stream: true })))
    await until(() => text().includes('one'))
    socket.write('\0 no HTTP\r\n\r\n')
    await until(closed)
    finish()
    t.notMatch(text(), /400 Bad Request|invalid_request/)
    t.equal(await org.usedWhenIdle(), CHAT_COST)
  },
)

void tap.test('a head that is too large would be answered without a code', async (t) => {
  const org = await createOrg(gateway)
  const text = await exchange(wire('free', org.key, [`X-Long: ${'x'.repeat(20_000)}`]))
  t.match(text, /^HTTP\/1\.1 (?:400|431) /)
  t.match(text, /"code":"invalid_request"/)
})

void tap.test(
  'slow requests would hold connections for ever: the time for headers, the whole request, idle and silent sockets is bounded',
  (t) => {
    const app = createCallServer({
      open: new OpenCalls(),
      serve: () => undefined,
      bounds: { headSeconds: 15, requestSeconds: 60, connections: 1_000 },
      onError: (error) => t.fail(String(error)),
      silenceMs: 123_000,
    })
    const { headersTimeout, requestTimeout, keepAliveTimeout, timeout } = app.server
    t.ok(headersTimeout > 0 && headersTimeout <= 30_000, `headers: ${headersTimeout}`)
    t.ok(requestTimeout >= headersTimeout && requestTimeout <= 120_000, `whole request: ${requestTimeout}`)
    t.ok(keepAliveTimeout >= 72_000, `idle, above a load balancer’s: ${keepAliveTimeout}`)
    t.equal(timeout, 123_000, 'as long as a call may be silent')
    app.use(() => undefined, 45_000)
    t.equal(app.server.timeout, 45_000, 'as long as a reload says')
    t.end()
  },
)
