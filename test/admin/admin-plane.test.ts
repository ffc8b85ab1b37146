import { createConnection } from 'node:net'
import t from 'tap'
import { until } from '../support/until.ts'
import { OPERATOR, startAdmin } from './harness.ts'

const admin = await startAdmin()

/** Sends a body as it is; `type` null sends no content type. */
async function raw(
  body: string | Uint8Array,
  type: string | null = 'application/json',
): Promise<[number, string, object]> {
  const response = await fetch(`${admin.url}/v1/orgs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${OPERATOR}`, ...(type !== null && { 'content-type': type }) },
    body,
  })
  const json = (await response.json()) as { code: string }
  return [response.status, json.code, { ...json, contentType: response.headers.get('content-type') }]
}

void t.test('a body that is not JSON of the right size is a problem with a code', async (t) => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
  const cases: [string, string | Uint8Array, string | null, number, string][] = [
    ['malformed', '{"id":', 'application/json', 400, 'invalid_request'],
    ['empty', '', 'application/json', 400, 'invalid_request'],
    [
      'a forged prototype',
      '{"id":"x","__proto__":{"admin":true}}',
      'application/json',
      400,
      'invalid_request',
    ],
    [
      'a forged constructor',
      '{"id":"x","constructor":{"prototype":{}}}',
      'application/json',
      400,
      'invalid_request',
    ],
    ['too large', `{"id":"${'x'.repeat(1_048_576)}"}`, 'application/json', 413, 'body_too_large'],
    ['text', '{"id":"x"}', 'text/plain', 415, 'unsupported_media_type'],
    ['a form', 'id=x', 'application/x-www-form-urlencoded', 415, 'unsupported_media_type'],
    ['of no type', bytes('{"id":"x"}'), null, 415, 'unsupported_media_type'],
  ]
  for (const [what, body, type, status, code] of cases) {
    const [gotStatus, gotCode, problem] = await raw(body, type)
    t.same([gotStatus, gotCode], [status, code], what)
    t.match(problem, {
      type: `urn:tollgate:problem:${code}`,
      title: String,
      detail: String,
      contentType: /^application\/problem\+json/,
    })
  }
  t.equal((await admin.call('GET', '/v1/orgs/x')).status, 404)
})

void t.test('a POST without a body is a problem that names the body', async (t) => {
  const answer = await admin.call('POST', '/v1/orgs')
  t.match(answer.body, { status: 400, errors: [{ field: 'body' }] })
})

void t.test('DELETE with a content type and no body is a DELETE', async (t) => {
  const org = await admin.org()
  const response = await fetch(`${admin.url}/v1/orgs/${org}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${OPERATOR}`, 'content-type': 'application/json' },
  })
  t.equal(response.status, 204)
})

void t.test('an unknown route, a wrong method and a path that cannot be decoded are problems', async (t) => {
  for (const [method, path, status] of [
    ['GET', '/v1/nothing', 404],
    ['GET', '/nowhere', 404],
    ['POST', '/healthz', 404],
    ['PUT', '/v1/orgs', 404],
    ['GET', '/v1/orgs/%zz', 400],
    ['GET', `/v1/orgs/x/members/${'y'.repeat(1_000)}`, 400],
  ] as const) {
    const answer = await admin.call(method, path)
    t.equal(answer.status, status, `${method} ${path.slice(0, 40)}`)
    t.match(answer.headers.get('content-type'), /^application\/problem\+json/)
    t.match(answer.body, { status: answer.status, code: String, title: String })
  }
})

void t.test('/healthz, /readyz and /metrics need no credentials', async (t) => {
  t.equal((await admin.call('GET', '/healthz', undefined, null)).status, 200)
  t.equal((await admin.call('GET', '/readyz', undefined, null)).status, 200)
  admin.readiness.ready = false
  admin.readiness.reason = 'stopping'
  const notReady = await admin.call('GET', '/readyz', undefined, null)
  t.equal(notReady.status, 503)
  t.match(notReady.body, { reason: 'stopping' })
  t.equal(
    (await admin.call('GET', '/healthz', undefined, null)).status,
    200,
    'the process is up all the same',
  )
  const metrics = await admin.call('GET', '/metrics', undefined, null)
  t.same([metrics.status, metrics.body['text']], [200, 'tollgate_store_up 1\n'])
  t.equal(metrics.headers.get('content-type'), 'text/plain; version=0.0.4')
})

void t.test(
  'a request that is never finished is cut off, and an idle connection outlives a load balancer’s',
  (t) => {
    t.equal(admin.app.server.requestTimeout, 30_000)
    t.equal(admin.app.server.timeout, 120_000)
    t.ok(admin.app.server.keepAliveTimeout >= 72_000)
    t.end()
  },
)

void t.test('what is not HTTP gets 400 and the connection is closed', async (t) => {
  const socket = createConnection(Number(new URL(admin.url).port), '127.0.0.1')
  let answer = ''
  socket.on('data', (chunk) => (answer += chunk.toString()))
  socket.write('NONSENSE\r\n\r\n')
  await new Promise((resolve) => socket.once('close', resolve))
  t.match(answer, /^HTTP\/1\.1 400 /)
})

void t.test(
  'D1: with the store down every route is 503 with retry-after 1, an unknown key is never 401, and it comes back',
  async (t) => {
    const org = await admin.org(['ada'])
    const key = await admin.adminKey(org, 'ada')
    await admin.server.kill()
    await until(() => admin.redis.status !== 'ready')
    const calls: [string, string, unknown, string?][] = [
      ['GET', '/v1/orgs', undefined],
      ['POST', '/v1/orgs', { id: 'new' }],
      ['GET', `/v1/orgs/${org}`, undefined],
      ['PATCH', `/v1/orgs/${org}`, { name: 'x' }],
      ['PUT', `/v1/orgs/${org}/members/ada`, {}],
      ['POST', `/v1/orgs/${org}/keys`, { name: 'k', app: true }],
      ['PUT', `/v1/orgs/${org}/user-limits`, { enabled: true, default: 1 }],
      ['GET', `/v1/orgs/${org}/users`, undefined],
      ['GET', `/v1/orgs/${org}`, undefined, key],
      ['GET', `/v1/orgs/${org}`, undefined, 'tg_1111111111111111111111111111112FnLaB'],
    ]
    for (const [method, path, body, token] of calls) {
      const answer = await admin.call(method, path, body, token)
      t.match(answer.body, { status: 503, code: 'credit_store_unavailable' }, `${method} ${path}`)
      t.equal(answer.headers.get('retry-after'), '1')
    }
    t.equal((await admin.call('GET', `/v1/orgs/${org}`, undefined, 'tg_malformed')).status, 401)
    await admin.server.restart()
    await until(async () => (await admin.call('GET', '/v1/orgs')).status === 200)
  },
)
