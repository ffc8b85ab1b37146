/**
 * Requests that two readers could understand differently, beside those of test/e2e/traps-forwarding.test.ts: refused, and
 * nothing of them reaches a provider; or read in exactly one way.
 */
import t from 'tap'
import { createOrg } from '../support/gateway.ts'
import { chatBody } from '../support/origin.ts'
import { exchange, requestBytes, statusOf } from '../support/wire.ts'
import { openStage } from '../support/stage.ts'

const { origin, start } = await openStage()
const upstream = (family: string, prefix: string): object => ({
  family,
  prefix,
  url: origin.url,
  apiKey: 'sk-p',
})
const gateway = await start({
  config: {
    log: { calls: { sample: 1 } },
    upstreams: {
      openai: upstream('openai', '/openai'),
      anthropic: upstream('anthropic', '/anthropic'),
      gemini: upstream('gemini', '/gemini'),
      // Seven characters, as many as `http://` has.
      models: upstream('openai', '/models'),
    },
    prices: {
      models: { 'test-model': { input: 10, output: 100 }, 'claude-test': { input: 10, output: 100 } },
    },
  },
})
const org = await createOrg(gateway)
const other = await createOrg(gateway)

const CHAT = '/openai/v1/chat/completions'
const BODY = chatBody()
const SIZE = BODY.length.toString(16)
const CLOSE = 'Connection: close'

interface Sent {
  readonly text: string
  readonly status: number
  /** How many requests reached the provider. */
  readonly reached: number
}

async function send(bytes: string | Buffer): Promise<Sent> {
  const before = origin.received.length
  const text = await exchange(gateway.dataUrl, bytes)
  return { text, status: statusOf(text), reached: origin.received.length - before }
}

const post = (headers: readonly string[], body = BODY, path = CHAT): string =>
  requestBytes({ path, key: org.key, headers: [CLOSE, ...headers], body })
const get = (path: string, method = 'GET', headers: readonly string[] = []): string =>
  requestBytes({ method, path, key: org.key, headers: [CLOSE, ...headers] })
const chunked = (chunks: string): string => post(['Transfer-Encoding: chunked'], chunks)

const REFUSED: Readonly<Record<string, string>> = {
  // --- Chunks --------------------------------------------------------------------------------------------------------
  'a line of a chunk’s size that ends in LF': chunked(`${SIZE};a\n${BODY}\r\n0\r\n\r\n`),
  'lines of chunks that all end in LF': chunked(`${SIZE}\n${BODY}\n0\n\n`),
  'a space behind a chunk’s size': chunked(`${SIZE} \r\n${BODY}\r\n0\r\n\r\n`),
  'a space in front of a chunk’s size': chunked(` ${SIZE}\r\n${BODY}\r\n0\r\n\r\n`),
  'a negative chunk': chunked(`-1\r\n${BODY}\r\n0\r\n\r\n`),
  'a chunk of 2^72 bytes': chunked(`fffffffffffffffff\r\n${BODY}\r\n0\r\n\r\n`),
  'a chunk without an end': chunked(`${SIZE}\r\n${BODY}0\r\n\r\n`),
  'a chunk extension of 20 KB': chunked(`${SIZE};${'a'.repeat(20_000)}\r\n${BODY}\r\n0\r\n\r\n`),
  'a length in the trailers': chunked(`${SIZE}\r\n${BODY}\r\n0\r\nContent-Length: 3\r\n\r\n`),
  'trailers of 40 KB': chunked(`${SIZE}\r\n${BODY}\r\n0\r\n${'X-A: b\r\n'.repeat(5_000)}\r\n`),
  // --- Framing -------------------------------------------------------------------------------------------------------
  'chunked twice': post(['Transfer-Encoding: chunked, chunked'], `${SIZE}\r\n${BODY}\r\n0\r\n\r\n`),
  'two headers that both say chunked': post(
    ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
    `${SIZE}\r\n${BODY}\r\n0\r\n\r\n`,
  ),
  'a vertical tab in front of chunked': post(
    ['Transfer-Encoding: \x0bchunked'],
    `${SIZE}\r\n${BODY}\r\n0\r\n\r\n`,
  ),
  'chunks in HTTP/1.0': requestBytes({
    path: CHAT,
    key: org.key,
    version: '1.0',
    headers: ['Transfer-Encoding: chunked', 'Connection: keep-alive'],
    body: `${SIZE}\r\n${BODY}\r\n0\r\n\r\n${get('/openai/v1/models')}`,
  }),
  'chunks in HTTP/1.0 on a free path': requestBytes({
    method: 'GET',
    path: '/openai/v1/models',
    key: org.key,
    version: '1.0',
    headers: ['Transfer-Encoding: chunked', 'Connection: keep-alive'],
    body: `0\r\n\r\n${get('/openai/v1/models')}`,
  }),
  'two lengths that agree': post([`Content-Length: ${BODY.length}`, `Content-Length: ${BODY.length}`]),
  'a length of 10^20': post(['Content-Length: 99999999999999999999']),
  'a length in hex': post(['Content-Length: 0x10']),
  'a negative length': post(['Content-Length: -1']),
  'an empty length': post(['Content-Length: ']),
  // --- Heads ---------------------------------------------------------------------------------------------------------
  'LF alone everywhere': post([]).replaceAll('\r\n', '\n'),
  'NUL in a header': post(['X-A: a\0b']),
  'CR in a header': post(['X-A: a\rX-B: b']),
  'DEL in a header': post(['X-A: a\x7fb']),
  'a header without a name': post([': x']),
  'a header that begins with a space': post([' X-A: b']),
  'a tab in front of the colon': post(['X-A\t: b']),
  'HTTP/1.2': post([]).replace('HTTP/1.1', 'HTTP/1.2'),
  'two spaces in the first line': get('/openai/v1/models HTTP/1.1 '),
  'HTTP/2 without being asked': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'an authority as its target': get('evil.example:443'),
  'an asterisk as its target': get('*', 'OPTIONS'),
}
for (const [name, bytes] of Object.entries(REFUSED)) {
  void t.test(
    `smuggling: ${name} → 400 with a code, one answer, the connection ends, nothing is forwarded`,
    async (t) => {
      const { text, status, reached } = await send(bytes)
      t.equal(status, 400, text)
      t.match(text, /"code":"invalid_request"/)
      t.equal(text.split('HTTP/1.1 ').length, 2, 'one answer')
      t.equal(reached, 0)
    },
  )
}

const NOT_ALLOWED: Readonly<Record<string, string>> = {
  'an absolute target': post([], BODY, `http://evil.example${CHAT}`),
  'an absolute target on a free path': get('http://evil.example/openai/v1/models'),
  'an absolute target as long as a prefix': get('https://v1/models/v1/models'),
  'an absolute target that is a route behind its scheme': get('https://v1/models/gpt'),
  TRACE: get('/openai/v1/models', 'TRACE'),
  'a metered path with a slash behind it': post([], BODY, `${CHAT}/`),
  'a metered path with two slashes': post([], BODY, '/openai//v1/chat/completions'),
  'a metered path with a dot segment': post([], BODY, '/openai/v1/x/../chat/completions'),
  'a metered path with an escaped dot segment': post([], BODY, '/openai/v1/x/%2e%2e/chat/completions'),
  'a metered path with an escaped slash': post([], BODY, '/openai/v1/chat%2Fcompletions'),
  'a metered path with an escaped letter': post([], BODY, '/openai/v1/ch%61t/completions'),
  'a metered path with a backslash': post([], BODY, '/openai/v1/chat\\completions'),
  'a metered path with a parameter': post([], BODY, `${CHAT};x=1`),
  'a metered path with NUL': post([], BODY, `${CHAT}%00`),
  'a metered path with an overlong slash': post([], BODY, '/openai/v1/chat%c0%afcompletions'),
  'a model that climbs (Gemini)': post([], BODY, '/gemini/v1beta/models/..:generateContent'),
  'a model with an escaped slash (Gemini)': post([], BODY, '/gemini/v1beta/models/a%2Fb:generateContent'),
}
for (const [name, bytes] of Object.entries(NOT_ALLOWED)) {
  void t.test(`path tricks: ${name} is no route: refused, nothing is forwarded`, async (t) => {
    const { text, status, reached } = await send(bytes)
    t.ok([400, 404].includes(status), text)
    t.match(
      text,
      /"(?:code|reason)":"(?:route_not_allowed|invalid_request|ROUTE_NOT_ALLOWED|INVALID_REQUEST|model_not_priced|MODEL_NOT_PRICED)"/,
    )
    t.equal(reached, 0)
  })
}

void t.test('CONNECT opens no tunnel', async (t) => {
  const { text, reached } = await send(get('evil.example:443', 'CONNECT'))
  t.notMatch(text, /^HTTP\/1\.1 2/)
  t.equal(reached, 0)
})

void t.test('an expectation that nobody can meet is refused: 417, nothing is forwarded', async (t) => {
  const { status, reached } = await send(post(['Expect: 200-maybe']))
  t.equal(status, 417)
  t.equal(reached, 0)
})

void t.test('chunks with extensions and trailers are read, and neither reaches the provider', async (t) => {
  const trailers = 'Authorization: Bearer x\r\nX-Tollgate-User: boss\r\n'
  const { status, reached, text } = await send(chunked(`${SIZE};a="b"\r\n${BODY}\r\n000\r\n${trailers}\r\n`))
  t.equal(status, 200, text)
  t.equal(reached, 1)
  const seen = origin.received.at(-1)
  t.equal(seen?.body, BODY)
  t.match(seen?.headers, { authorization: 'Bearer sk-p', 'content-length': String(BODY.length) })
  t.ok((await org.usedWhenIdle()) > 0, 'ada pays, whatever the trailer says')
})

const CREDENTIALS: Readonly<Record<string, readonly string[]>> = {
  'two Authorization headers that differ': [`Authorization: Bearer ${other.key}`],
  'two Authorization headers of which one is no key': ['Authorization: Basic abc'],
  'a bearer and another x-api-key': [`x-api-key: ${other.key}`],
  'a bearer and another x-goog-api-key': [`x-goog-api-key: ${other.key}`],
  'two x-api-key headers': [`x-api-key: ${org.key}`, `x-api-key: ${other.key}`],
}
for (const [name, headers] of Object.entries(CREDENTIALS)) {
  void t.test(`several credentials: ${name} → 401, nobody is charged`, async (t) => {
    const { text, status, reached } = await send(post(headers))
    t.equal(status, 401, text)
    t.match(text, /"code":"invalid_api_key"/)
    t.notMatch(text, other.key)
    t.equal(reached, 0)
  })
}

void t.test(
  'several credentials: a key in the query that differs, however its name is written → 401',
  async (t) => {
    for (const name of ['key', 'k%65y', '%6bey']) {
      const { status, reached } = await send(post([], BODY, `${CHAT}?${name}=${other.key}`))
      t.equal(status, 401, name)
      t.equal(reached, 0)
    }
  },
)

void t.test(
  '?key= stands in no answer, no log, no metric, no audit, and reaches no provider, not as a referer either',
  async (t) => {
    const query = `?key=${org.key}&after=x`
    for (const path of [
      `${CHAT}${query}`,
      `/openai/v1/nowhere${query}`,
      `/openai/v1/%zz${query}`,
      `/nowhere${query}`,
      `${CHAT}#${query}`,
    ]) {
      const { text } = await send(post([`Referer: https://gateway${CHAT}${query}`], BODY, path))
      t.notMatch(text, org.key, path)
    }
    const { status } = await send(
      get(`/openai/v1/models${query}`, 'GET', [`Referer: http://gateway/?key=${org.key}`]),
    )
    t.equal(status, 200)
    t.notMatch(JSON.stringify(origin.received), org.key)
    t.match(origin.received.at(-1)?.url, '/v1/models?after=x')
    await org.usedWhenIdle()
    t.notMatch(gateway.log.join('\n'), org.key)
    t.notMatch(await (await fetch(`${gateway.adminUrl}/metrics`)).text(), org.key)
    t.notMatch(JSON.stringify(await gateway.admin('GET', `/v1/orgs/${org.id}/audit`)), org.key)
  },
)

void t.test('a referer without a key is the caller’s business, and passes', async (t) => {
  await send(post(['Referer: https://app.example/page?monkey=1']))
  t.equal(origin.received.at(-1)?.headers['referer'], 'https://app.example/page?monkey=1')
})

void t.test('headers that are called as what objects have pass as they are, on either way', async (t) => {
  for (const bytes of [
    post(['constructor: abc', 'valueOf: d']),
    get('/openai/v1/models', 'GET', ['constructor: abc', 'valueOf: d']),
  ]) {
    const { status } = await send(bytes)
    t.equal(status, 200)
    t.match(origin.received.at(-1)?.headers, { constructor: 'abc', valueof: 'd' })
  }
})

void t.test('forged names: who pays, and as what, comes from the key alone', async (t) => {
  const forged: readonly (readonly [header: string, status: number])[] = [
    ['x-tollgate-user: boss', 403],
    ['x-tollgate-user: ada, boss', 400],
    ['x-tollgate-user: ad\xc3\xa4', 400],
    ['x-tollgate-user: {ada}', 400],
    ['x-tollgate-source: workflow', 403],
    ['x-tollgate-source: chat, workflow', 403],
    ['x-tollgate-source: __proto__', 403],
    [`x-tollgate-org: ${other.id}`, 200],
    ['x-tollgate-credits: 1000000', 200],
  ]
  const before = await other.usedWhenIdle()
  for (const [header, status] of forged) {
    const sent = await send(post([header]))
    t.equal(sent.status, status, header)
    t.notMatch(JSON.stringify(origin.received.at(-1)?.headers), /x-tollgate/)
    t.equal(sent.reached, status === 200 ? 1 : 0, header)
  }
  t.equal(await other.usedWhenIdle(), before, 'nobody else paid')
  t.match(await org.user(), { held: 0 })
})

const TYPES: readonly (readonly [type: string, status: number])[] = [
  ['application/json; charset=utf-8', 200],
  ['application/json;odata=verbose;charset="UTF-8"', 200],
  ['application/json; charset=iso-8859-1', 200],
  ['APPLICATION/JSON', 200],
  ['application/json; charset=utf-7', 400],
  ['application/json; charset=utf-16', 400],
  ['application/json; charset=utf-8; charset=utf-7', 400],
  ["application/json; charset*=utf-8''utf-7", 400],
  ['application/json, text/plain', 400],
  ['application/jsonp', 400],
  ['multipart/form-data; boundary=x', 400],
  ['application/x-www-form-urlencoded', 400],
]
for (const [type, status] of TYPES) {
  void t.test(`content-type lies: ${type} → ${status}`, async (t) => {
    const sent = await send(post([`Content-Type: ${type}`]))
    t.equal(sent.status, status, sent.text)
    t.equal(sent.reached, status === 200 ? 1 : 0)
  })
}
void t.test('content-type lies: two of them → 400', async (t) => {
  const { status, reached } = await send(post(['Content-Type: application/json', 'Content-Type: text/plain']))
  t.equal(status, 400)
  t.equal(reached, 0)
})

for (const [name, headers, want] of [
  ['gzip, which it is not', ['Content-Encoding: gzip'], 400],
  ['br, which it is not', ['Content-Encoding: br'], 400],
  ['zstd, which it is not', ['Content-Encoding: zstd'], 400],
  ['deflate, which it is not', ['Content-Encoding: deflate'], 400],
  ['identity and gzip', ['Content-Encoding: identity', 'Content-Encoding: gzip'], 415],
  ['three times gzip', ['Content-Encoding: gzip, gzip, gzip'], 415],
  ['compress', ['Content-Encoding: compress'], 415],
  ['an empty name', ['Content-Encoding: '], 415],
] as const) {
  void t.test(`a request packed as ${name} → ${want}`, async (t) => {
    const { status, reached } = await send(post(headers))
    t.equal(status, want)
    t.equal(reached, 0)
  })
}
