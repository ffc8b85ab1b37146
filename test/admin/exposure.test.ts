/** What an answer lets a browser do, and what the log keeps to itself. */
import { createConnection } from 'node:net'
import t from 'tap'
import { createOrg, OPERATOR_TOKEN, startGateway } from '../support/gateway.ts'
import { startOrigin } from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'
import { startAdmin } from './harness.ts'

const admin = await startAdmin()

const WANTED = {
  'content-security-policy':
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cache-control': 'no-store',
}

void t.test(
  'no answer can be framed, sniffed, stored or read by another site: data, errors, whoever noticed them',
  async (t) => {
    const org = await admin.org(['ada'])
    const session = await admin.signIn(await admin.adminKey(org, 'ada'))
    const asked: [string, string, Readonly<Record<string, string>>, unknown?][] = [
      ['GET', `/v1/orgs/${org}`, session],
      ['GET', '/v1/session', session],
      ['GET', '/v1/me?by=day', session],
      ['POST', '/v1/session', {}, { key: 'x' }],
      ['GET', `/v1/orgs/${org}`, {}],
      ['GET', '/v1/orgs', session],
      ['PUT', `/v1/orgs/${org}/members/new`, { cookie: session.cookie }, {}],
      ['POST', `/v1/orgs/${org}/keys`, session, '{"broken'],
      ['GET', '/v1/nothing', session],
      ['GET', '/v1/orgs/%zz', session],
      ['GET', `/v1/orgs/${org}/members/${'y'.repeat(1_000)}`, session],
      ['GET', '/healthz', {}],
      ['GET', '/readyz', {}],
      ['GET', '/openapi.json', {}],
    ]
    for (const [method, path, headers, body] of asked) {
      const answer = await admin.send(method, path, headers, body)
      for (const [name, value] of Object.entries(WANTED))
        t.equal(answer.headers.get(name), value, `${method} ${path.slice(0, 40)} ${answer.status}: ${name}`)
      t.equal(answer.headers.get('access-control-allow-origin'), null)
    }
  },
)

void t.test(
  'another site’s page gets no leave to ask: a preflight is a 404 without any CORS header',
  async (t) => {
    const answer = await admin.send('OPTIONS', '/v1/orgs', {
      origin: 'https://evil.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization',
    })
    t.equal(answer.status, 404)
    t.same(
      [...answer.headers.keys()].filter((name) => name.startsWith('access-control')),
      [],
    )
  },
)

void t.test('no credential is ever in the log: tokens, keys, cookies, csrf, right or wrong', async (t) => {
  const [redis, origin] = [await startRedis(), await startOrigin()]
  const gateway = await startGateway({
    redisUrl: redis.url,
    upstreamUrl: origin.url,
    config: { log: { level: 'debug' } },
  })
  t.teardown(async () => {
    await gateway.stop()
    await origin.stop()
    await redis.stop()
  })
  const org = await createOrg(gateway)
  const key = await org.createKey({ name: 'page', user: 'ada', scope: 'admin' })
  const json = { 'content-type': 'application/json' }
  const signIn = (body: string, headers = {}): Promise<Response> =>
    fetch(`${gateway.adminUrl}/v1/session`, { method: 'POST', headers: { ...json, ...headers }, body })
  const opened = await signIn(JSON.stringify({ key }))
  t.equal(opened.status, 201, 'a member may sign in')
  const { csrf } = (await opened.json()) as { csrf: string }
  const cookie = (opened.headers.get('set-cookie') ?? '').split(';', 1)[0] ?? ''
  const wrong = 'tg_wrong-and-secret'
  await signIn(JSON.stringify({ key: wrong }))
  await signIn(`{"key":"${wrong}"`, { cookie })
  const tries: [string, Record<string, string>][] = [
    ['/v1/me', { cookie, 'x-tollgate-csrf': csrf }],
    [`/v1/orgs/${org.id}`, { cookie }],
    ['/v1/orgs', { authorization: `Bearer ${OPERATOR_TOKEN}` }],
    ['/v1/orgs', { authorization: `Bearer ${wrong}` }],
    [`/v1/orgs/%zz?key=${wrong}`, { cookie, authorization: `Basic ${wrong}` }],
    [`/v1/nothing?key=${key}`, { cookie }],
  ]
  for (const [path, headers] of tries) await (await fetch(gateway.adminUrl + path, { headers })).text()
  const socket = createConnection(Number(new URL(gateway.adminUrl).port), '127.0.0.1')
  socket.end(`GET /v1/me HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${wrong}\r\nbroken\r\n\r\n`)
  await new Promise((resolve) => socket.resume().once('close', resolve))
  await gateway.stop()
  const log = gateway.log.join('\n')
  t.ok(log.includes('tollgate is ready'), 'there is a log')
  const secrets = [key, wrong, OPERATOR_TOKEN, csrf, cookie.split('=')[1] ?? 'no cookie']
  for (const secret of secrets) t.notOk(log.includes(secret), secret.slice(0, 6))
})
