/** Family generic: any API at all, at a flat price a call; nothing is read of what goes through. */
import { createHash, randomBytes } from 'node:crypto'
import { createServer, request as httpRequest } from 'node:http'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import * as keys from '../../src/store/keys.ts'
import { halfOverPeriod } from '../support/billing.ts'
import { createOrg, startGateway, type TestOrg } from '../support/gateway.ts'
import { books, openClient } from '../support/ledger.ts'
import { startOrigin } from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'

const PROVIDERS_KEY = 'sk-the-providers-own'
const redis = await startRedis()
const store = await openClient({ url: redis.url })
/** Of the bodies that reached the origin, byte by byte. */
const hashes: string[] = []
const origin = await startOrigin((handler) =>
  createServer((request, response) => {
    const hash = createHash('sha256')
    request.on('data', (chunk: Buffer) => hash.update(chunk))
    request.on('end', () => hashes.push(hash.digest('hex')))
    handler(request, response)
  }),
)
const gateway = await startGateway({
  redisUrl: redis.url,
  upstreamUrl: origin.url,
  config: {
    upstreams: {
      tools: {
        family: 'generic',
        prefix: '/tools',
        url: `${origin.url}/base`,
        apiKey: PROVIDERS_KEY,
        routes: [
          { method: 'GET', path: '/v1/search', creditsPerCall: 2 },
          { method: 'POST', path: '/v1/things', creditsPerCall: 0.5 },
          { method: 'POST', path: '/v1/things:batch', creditsPerCall: 0.000001 },
          { method: 'POST', path: '/v1/free', creditsPerCall: 0 },
        ],
      },
    },
  },
})
t.teardown(async () => {
  await gateway.stop()
  store.disconnect()
  await origin.stop()
  await redis.stop()
})
t.beforeEach(() => {
  origin.received.length = 0
  hashes.length = 0
  origin.answer = (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end('{"found":[]}')
  }
})

const SEARCH = 2_000_000
const THING = 500_000

type Init = Omit<RequestInit, 'headers'> & { readonly headers?: Readonly<Record<string, string>> }

/** Calls a route and takes the answer in whole. */
async function call(
  org: TestOrg | null,
  method: string,
  path: string,
  init: Init = {},
): Promise<Response & { readonly bytes: Buffer }> {
  const credential: Record<string, string> = org === null ? {} : { authorization: `Bearer ${org.key}` }
  const response = await fetch(`${gateway.dataUrl}/tools${path}`, {
    method,
    redirect: 'manual',
    ...init,
    headers: { ...credential, ...init.headers },
  })
  const bytes = Buffer.from(await response.arrayBuffer())
  return Object.assign(response, { bytes })
}

/** Asserts what ada was charged for each route, in microcredits and calls, and that it adds up everywhere. */
async function charged(
  t: Test,
  org: TestOrg,
  routes: Readonly<Record<string, readonly [cost: number, calls: number]>>,
): Promise<void> {
  const cost = Object.values(routes).reduce((sum, [each]) => sum + each, 0)
  t.equal(await org.usedWhenIdle(), cost / 1e6, '/users')
  const me = await fetch(`${gateway.dataUrl}/tollgate/v1/me`, {
    headers: { authorization: `Bearer ${org.key}` },
  })
  t.match(await me.json(), { used: cost / 1e6, counted: cost / 1e6, held: 0 }, '/tollgate/v1/me')
  t.match(await books(store, org.id, ['ada']), {
    used: cost,
    held: 0,
    usersUsed: cost,
    usersHeld: 0,
    openHolds: 0,
    days: cost,
    models: cost,
    leases: 0,
  })
  const lines = await store.hgetall(keys.user(org.id, 1, 'ada'))
  const kept = Object.entries(lines).flatMap(([field, line]) =>
    field.startsWith('m:') ? [[field, line]] : [],
  )
  const expected = Object.entries(routes).map(([route, [each, calls]]) => [
    `m:chat|${route}`,
    `${each} ${calls} 0 0`,
  ])
  t.same(Object.fromEntries(kept), Object.fromEntries(expected), 'usage is kept by method and path')
}

for (const status of [200, 201, 202, 204, 206]) {
  void t.test(`C2: an answer with ${status} costs the flat price, whatever it says of usage`, async (t) => {
    const org = await createOrg(gateway, { limit: 1_000 })
    const body = '{"usage":{"prompt_tokens":1000000,"completion_tokens":1000000},"model":"gpt-4o"}'
    origin.answer = (_request, response) => {
      response.writeHead(status, { 'content-type': 'application/json', 'x-of-the-provider': 'kept' })
      response.end(status === 204 ? undefined : body)
    }
    const found = await call(org, 'GET', '/v1/search?q=x')
    t.equal(found.status, status)
    t.equal(found.bytes.toString(), status === 204 ? '' : body)
    t.equal(found.headers.get('x-of-the-provider'), 'kept')
    t.equal(found.headers.get('x-tollgate-credits-remaining'), '998', 'as at admission, with its own hold')
    t.ok(found.headers.get('x-request-id'))
    for (let turn = 0; turn < 3; turn += 1) {
      await call(org, 'POST', '/v1/things', { body: '{}', headers: { 'content-type': 'application/json' } })
    }
    await call(org, 'POST', '/v1/things:batch', { body: 'x' })
    await charged(t, org, {
      'GET /v1/search': [SEARCH, 1],
      'POST /v1/things': [3 * THING, 3],
      'POST /v1/things:batch': [1, 1],
    })
    t.equal(origin.received.length, 5)
  })
}

for (const status of [302, 304, 400, 401, 402, 404, 429, 500, 503]) {
  void t.test(`C5: an answer with ${status} is passed on as it is, once, and costs nothing`, async (t) => {
    const org = await createOrg(gateway)
    origin.answer = (_request, response) => {
      response.writeHead(status, { 'content-type': 'text/plain', location: '/elsewhere', 'retry-after': '7' })
      response.end(status === 304 ? undefined : 'the provider’s own words')
    }
    for (const [method, path] of [
      ['GET', '/v1/search'],
      ['POST', '/v1/things'],
    ] as const) {
      const answer = await call(org, method, path)
      t.equal(answer.status, status)
      t.equal(answer.bytes.toString(), status === 304 ? '' : 'the provider’s own words')
      t.equal(answer.headers.get('retry-after'), '7')
    }
    t.equal(origin.received.length, 2, 'no retries')
    await charged(t, org, {})
  })
}

void t.test('E2: refusals are problem details (RFC 9457), and reach no provider', async (t) => {
  const org = await createOrg(gateway, { limit: 1 })
  await call(org, 'GET', '/v1/search')
  await charged(t, org, { 'GET /v1/search': [SEARCH, 1] })
  origin.received.length = 0
  const cases: readonly (readonly [
    answer: ReturnType<typeof call>,
    status: number,
    code: string,
    details: object,
  ])[] = [
    [call(null, 'GET', '/v1/search'), 401, 'invalid_api_key', {}],
    [
      call({ ...org, key: 'tg_made_up' }, 'POST', '/v1/free'),
      401,
      'invalid_api_key',
      { title: 'invalid api key', detail: /^This API key has a typing error, / },
    ],
    [
      call(org, 'POST', '/v1/things'),
      402,
      'user_credit_limit_reached',
      {
        detail:
          /^You have reached your personal credit limit: 2 of 1 credits are used in this billing period\. /,
        limit: 1,
        used: 2,
        counted: 2,
        held: 0,
        required: 0.5,
        resets_at: halfOverPeriod().end,
      },
    ],
    [
      call(org, 'GET', '/v1/search', { headers: { 'x-tollgate-source': 'workflow' } }),
      403,
      'source_not_allowed',
      { param: 'x-tollgate-source' },
    ],
    [
      call(org, 'POST', '/v1/things', { body: 'x', headers: { 'content-type': 'made-up' } }),
      400,
      'invalid_request',
      { param: 'content-type', detail: 'The content-type is not a media type.' },
    ],
    [call(org, 'GET', '/v1/other'), 404, 'route_not_allowed', { detail: /creditsPerCall/ }],
  ]
  for (const [answer, status, code, details] of cases) {
    const { status: found, headers, bytes } = await answer
    t.equal(found, status, code)
    t.equal(headers.get('content-type'), 'application/problem+json')
    t.equal(headers.get('cache-control'), 'no-store')
    t.equal(headers.get('x-should-retry'), status === 402 ? 'false' : null)
    t.notOk(headers.get('retry-after'))
    t.match(
      JSON.parse(bytes.toString()),
      { type: 'about:blank', status, code, request_id: headers.get('x-request-id'), ...details },
      code,
    )
  }
  t.same(origin.received, [], 'nothing reached the provider')
  await charged(t, org, { 'GET /v1/search': [SEARCH, 1] })
})

void t.test(
  'E1c: strict: a price that does not fit into what is left is refused, one that fits passes',
  async (t) => {
    const org = await createOrg(gateway, { limit: 1, admission: 'strict' })
    const refused = await call(org, 'GET', '/v1/search')
    t.equal(refused.status, 402)
    t.match(JSON.parse(refused.bytes.toString()), {
      code: 'request_exceeds_credit_limit',
      required: 2,
      counted: 0,
    })
    for (const status of [200, 200, 402]) t.equal((await call(org, 'POST', '/v1/things')).status, status)
    await charged(t, org, { 'POST /v1/things': [2 * THING, 2] })
  },
)

void t.test(
  'L3: with a limit of 0 a route whose price is 0 passes, and every other is refused',
  async (t) => {
    const org = await createOrg(gateway, { limit: 0 })
    for (let turn = 0; turn < 2; turn += 1) {
      t.equal((await call(org, 'POST', '/v1/free', { body: 'anything' })).status, 200)
    }
    t.equal((await call(org, 'GET', '/v1/search')).status, 402)
    t.equal((await call(org, 'POST', '/v1/things:batch')).status, 402)
    t.equal(origin.received.length, 2)
    await charged(t, org, { 'POST /v1/free': [0, 2] })
  },
)

void t.test('every other route is refused with 404, however it is written', async (t) => {
  const org = await createOrg(gateway)
  const { hostname, port } = new URL(gateway.dataUrl)
  // As they stand on the wire: fetch would tidy them up.
  const statusOf = (method: string, path: string): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${org.key}` }
      httpRequest({ hostname, port, method, path: `/tools${path}`, headers }, (answer) => {
        answer.resume()
        answer.on('end', () => resolve(answer.statusCode))
      })
        .on('error', reject)
        .end()
    })
  for (const [method, path] of [
    ['POST', '/v1/search'],
    ['HEAD', '/v1/search'],
    ['OPTIONS', '/v1/search'],
    ['GET', '/v1/search/'],
    ['GET', '/v1/search/deeper'],
    ['GET', '//v1/search'],
    ['GET', '/v1//search'],
    ['GET', '/V1/search'],
    ['GET', '/v1/%73earch'],
    ['GET', '/v1/search%2f'],
    ['GET', '/v1/other/../search'],
    ['GET', '/v1/search;x=1'],
    ['GET', '/base/v1/search'],
    ['GET', ''],
    ['GET', '/'],
    ['DELETE', '/v1/things'],
    ['POST', '/v1/things:other'],
    ['POST', '/v1/things::batch'],
    ['POST', '/v1/thingsXbatch'],
  ] as const) {
    t.equal(await statusOf(method, path), 404, `${method} ${path}`)
  }
  t.same(origin.received, [], 'nothing reached the provider')
  await charged(t, org, {})
})

for (const [query, kept] of [
  ['?q=a&page=2', '?q=a&page=2'],
  ['?q=%C3%BC+%26%3d&&empty=&flag', '?q=%C3%BC+%26%3d&empty=&flag'],
  ['?q=a?b/c:d', '?q=a?b/c:d'],
  ['?key=KEY&q=a', '?q=a'],
  ['?q=a&key=KEY&keys=1&monkey=2', '?q=a&keys=1&monkey=2'],
  ['?key=KEY', ''],
  ['?', ''],
] as const) {
  void t.test(`the query ${query} reaches the provider as ${kept === '' ? 'none' : kept}`, async (t) => {
    const org = await createOrg(gateway)
    const withKey = query.includes('KEY')
    const path = `/v1/search${query.replace('KEY', org.key)}`
    t.equal((await call(withKey ? null : org, 'GET', path)).status, 200)
    const [received] = origin.received
    t.equal(received?.url, `/base/v1/search${kept}`)
    t.equal(received?.headers.authorization, `Bearer ${PROVIDERS_KEY}`)
    t.notMatch(JSON.stringify(received), org.key, 'the caller’s key goes nowhere')
    await charged(t, org, { 'GET /v1/search': [SEARCH, 1] })
  })
}

const binary = randomBytes(200_000)
const BODIES: Readonly<Record<string, { body: Buffer; headers: Readonly<Record<string, string>> }>> = {
  'binary data': { body: binary, headers: { 'content-type': 'application/octet-stream' } },
  'a multipart form': {
    body: Buffer.concat([
      Buffer.from('--b\r\ncontent-disposition: form-data; name="f"; filename="x"\r\n\r\n'),
      binary,
      Buffer.from('\r\n--b--\r\n'),
    ]),
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
  },
  'JSON in gzip': {
    body: gzipSync('{"model":"gpt-4o","stream":true}'),
    headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
  },
  'broken JSON': {
    body: Buffer.from('{"a":1,"a":'),
    headers: { 'content-type': 'application/json; charset=utf-8' },
  },
  'text in Latin-1': {
    body: Buffer.from('Grüße', 'latin1'),
    headers: { 'content-type': 'text/plain; charset=iso-8859-1' },
  },
  'a form': {
    body: Buffer.from('a=1&b=%20'),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  },
  'a type that nobody knows': { body: binary, headers: { 'content-type': 'application/x-made-up; v="1"' } },
  'no type at all': { body: binary, headers: {} },
  nothing: { body: Buffer.alloc(0), headers: {} },
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

for (const [name, { body, headers }] of Object.entries(BODIES)) {
  void t.test(
    `a request’s body of ${name} reaches the provider unchanged, and comes back unchanged`,
    async (t) => {
      const org = await createOrg(gateway)
      // The same bytes with the same headers, also those that nobody asked for.
      origin.answer = (_request, response) => {
        response.writeHead(200, headers)
        response.end(body)
      }
      const answer = await new Promise<{
        status: number | undefined
        encoding: string | undefined
        bytes: Buffer
      }>((resolve, reject) => {
        const { hostname, port } = new URL(gateway.dataUrl)
        const sent = httpRequest(
          {
            hostname,
            port,
            method: 'POST',
            path: '/tools/v1/things',
            headers: { authorization: `Bearer ${org.key}`, 'content-length': body.length, ...headers },
          },
          (response) => {
            const chunks: Buffer[] = []
            response.on('data', (chunk: Buffer) => chunks.push(chunk))
            response.on('end', () =>
              resolve({
                status: response.statusCode,
                encoding: response.headers['content-encoding'],
                bytes: Buffer.concat(chunks),
              }),
            )
          },
        )
        sent.on('error', reject).end(body)
      })
      t.equal(answer.status, 200)
      t.same(hashes, [sha256(body)], 'what the provider got')
      t.equal(sha256(answer.bytes), sha256(body), 'what the caller got')
      t.equal(answer.encoding, headers['content-encoding'])
      const [received] = origin.received
      t.equal(received?.headers['content-type'], headers['content-type'])
      t.equal(received?.headers['content-encoding'], headers['content-encoding'])
      t.equal(received?.headers['content-length'], String(body.length))
      await charged(t, org, { 'POST /v1/things': [THING, 1] })
    },
  )
}

void t.test('a request’s body in chunks reaches the provider unchanged', async (t) => {
  const org = await createOrg(gateway)
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let from = 0; from < binary.length; from += 7_777)
        controller.enqueue(binary.subarray(from, from + 7_777))
      controller.close()
    },
  })
  t.equal((await call(org, 'POST', '/v1/things', { body: stream, duplex: 'half' })).status, 200)
  t.same(hashes, [sha256(binary)])
  await charged(t, org, { 'POST /v1/things': [THING, 1] })
})

void t.test('an event stream comes through event by event, at the flat price', async (t) => {
  const org = await createOrg(gateway)
  let finish: () => void = () => undefined
  origin.answer = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: {"usage":{"prompt_tokens":5}}\n\n')
    finish = () => response.end('data: last\n\n')
  }
  const answer = await fetch(`${gateway.dataUrl}/tools/v1/search`, { headers: { 'x-api-key': org.key } })
  const reader = answer.body?.getReader()
  const first = await reader?.read()
  t.equal(Buffer.from(first?.value ?? []).toString(), 'data: {"usage":{"prompt_tokens":5}}\n\n')
  finish()
  const second = await reader?.read()
  t.equal(Buffer.from(second?.value ?? []).toString(), 'data: last\n\n')
  t.equal((await reader?.read())?.done, true)
  await charged(t, org, { 'GET /v1/search': [SEARCH, 1] })
})
