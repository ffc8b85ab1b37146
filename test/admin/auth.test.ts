import t from 'tap'
import { until } from '../support/until.ts'
import { OPERATOR, startAdmin } from './harness.ts'

const admin = await startAdmin()

/** Every route, with a body that would be valid, and whether admins of the organization may use it. */
const routes = (
  org: string,
): [method: string, path: string, body: unknown, access: 'operator' | 'admin'][] => [
  ['GET', '/v1/orgs', undefined, 'operator'],
  ['POST', '/v1/orgs', { id: `${org}-new` }, 'operator'],
  ['GET', `/v1/orgs/${org}`, undefined, 'admin'],
  ['PATCH', `/v1/orgs/${org}`, { name: 'New name' }, 'admin'],
  ['PATCH', `/v1/orgs/${org}`, { allowance: 5 }, 'operator'],
  ['PATCH', `/v1/orgs/${org}`, { admission: 'strict' }, 'operator'],
  ['PATCH', `/v1/orgs/${org}`, { autoEnroll: true }, 'operator'],
  ['PATCH', `/v1/orgs/${org}`, { maxMembers: 5 }, 'operator'],
  ['PATCH', `/v1/orgs/${org}`, { billing: { every: 'week' } }, 'operator'],
  ['PATCH', `/v1/orgs/${org}`, { name: 'New name', allowance: 5 }, 'operator'],
  ['GET', `/v1/orgs/${org}/members`, undefined, 'admin'],
  ['PUT', `/v1/orgs/${org}/members/new`, {}, 'admin'],
  ['GET', `/v1/orgs/${org}/members/new`, undefined, 'admin'],
  ['DELETE', `/v1/orgs/${org}/members/new`, undefined, 'admin'],
  ['POST', `/v1/orgs/${org}/keys`, { name: 'k', user: 'ada' }, 'admin'],
  ['GET', `/v1/orgs/${org}/keys`, undefined, 'admin'],
  ['DELETE', `/v1/orgs/${org}/keys/none`, undefined, 'admin'],
  ['PUT', `/v1/orgs/${org}/user-limits`, { enabled: true, default: 5 }, 'admin'],
  ['GET', `/v1/orgs/${org}/user-limits`, undefined, 'admin'],
  ['PUT', `/v1/orgs/${org}/user-limits/custom/bob`, { limit: 5 }, 'admin'],
  ['GET', `/v1/orgs/${org}/user-limits/custom`, undefined, 'admin'],
  ['GET', `/v1/orgs/${org}/user-limits/custom/bob`, undefined, 'admin'],
  ['DELETE', `/v1/orgs/${org}/user-limits/custom/bob`, undefined, 'admin'],
  ['GET', `/v1/orgs/${org}/users`, undefined, 'admin'],
  ['DELETE', `/v1/orgs/${org}`, undefined, 'operator'],
]
const name = (method: string, path: string, body: unknown): string =>
  body === undefined ? `${method} ${path}` : `${method} ${path} ${JSON.stringify(body)}`

void t.test('A1: an admin gets 403 where only the operator may, and nothing is changed', async (t) => {
  const org = await admin.org(['ada'], ['bob'])
  const key = await admin.adminKey(org, 'ada')
  for (const [method, path, body, access] of routes(org)) {
    const { status, body: answer } = await admin.call(method, path, body, key)
    if (access === 'operator')
      t.match({ status, code: answer['code'] }, { status: 403, code: 'forbidden' }, name(method, path, body))
    else
      t.ok(
        status < 400 || (status === 404 && path.endsWith('/none')),
        `${name(method, path, body)}: ${status}`,
      )
  }
  t.match((await admin.call('GET', `/v1/orgs/${org}`)).body, {
    name: 'New name',
    allowance: 0,
    admission: 'straddle',
  })
})

void t.test('A1: a member gets 403, everywhere', async (t) => {
  const org = await admin.org(['ada'], ['bob'])
  const key = await admin.adminKey(org, 'bob')
  for (const [method, path, body] of routes(org)) {
    t.equal((await admin.call(method, path, body, key)).status, 403, name(method, path, body))
  }
})

void t.test(
  'A1: a stranger gets 401, everywhere, and is told nothing else, not even of a wrong body',
  async (t) => {
    const org = await admin.org(['ada'], ['bob'])
    const traffic = (await admin.call('POST', `/v1/orgs/${org}/keys`, { name: 'k', user: 'ada' })).body[
      'key'
    ] as string
    const strangers: [string, string | null][] = [
      ['nobody', null],
      ['a wrong token', 'x'],
      ['a longer token', `${OPERATOR}x`],
      ['a traffic key, though it is an admin’s', traffic],
      ['a well-formed key that is unknown', 'tg_1111111111111111111111111111112FnLaB'],
    ]
    for (const [who, token] of strangers) {
      for (const [method, path] of routes(org)) {
        const body = method === 'GET' || method === 'DELETE' ? undefined : '{"nonsense":'
        const answer = await admin.call(method, path, body, token)
        t.match(answer.body, { status: 401, code: 'invalid_credentials' }, `${who}: ${method} ${path}`)
        t.equal(answer.headers.get('www-authenticate'), 'Bearer')
      }
    }
  },
)

void t.test('A1: another org’s admin gets 404, the same as for an org that does not exist', async (t) => {
  const [org, other] = [await admin.org(['ada'], ['bob']), await admin.org(['eve'])]
  const key = await admin.adminKey(other, 'eve')
  for (const [method, path, body] of routes(org)) {
    if (!path.startsWith(`/v1/orgs/${org}`)) continue
    const answer = await admin.call(method, path, body, key)
    const none = await admin.call(method, path.replace(org, 'none'), body, key)
    t.equal(answer.status, 404, name(method, path, body))
    t.same(answer.body, none.body)
  }
})

void t.test(
  'A1: who was demoted or removed is no admin at the very next call, whatever a cache says',
  async (t) => {
    const org = await admin.org(['ada', 'bob'])
    const key = await admin.adminKey(org, 'bob')
    const status = async (): Promise<number> =>
      (await admin.call('GET', `/v1/orgs/${org}`, undefined, key)).status
    t.equal(await status(), 200)
    await admin.call('PUT', `/v1/orgs/${org}/members/bob`, { role: 'member' })
    t.equal(await status(), 403)
    await admin.call('DELETE', `/v1/orgs/${org}/members/bob`)
    t.equal(await status(), 401)
    await admin.call('PUT', `/v1/orgs/${org}/members/bob`, { role: 'admin' })
    t.equal(await status(), 200)
  },
)

void t.test('a revoked admin key gets 401', async (t) => {
  const org = await admin.org(['ada'])
  const key = await admin.adminKey(org, 'ada')
  const status = async (): Promise<number> =>
    (await admin.call('GET', `/v1/orgs/${org}`, undefined, key)).status
  t.equal(await status(), 200)
  const listed = (await admin.call('GET', `/v1/orgs/${org}/keys`)).body.items ?? []
  t.equal((await admin.call('DELETE', `/v1/orgs/${org}/keys/${String(listed[0]?.['id'])}`)).status, 204)
  await until(async () => (await status()) === 401, { timeoutMs: 1_000 })
})

void t.test('credentials are taken as Bearer, in any case, and as nothing else', async (t) => {
  const status = async (authorization: string): Promise<number> =>
    (await fetch(`${admin.url}/v1/orgs`, { headers: { authorization } })).status
  t.equal(await status(`bearer ${OPERATOR}`), 200)
  for (const wrong of [OPERATOR, `Basic ${OPERATOR}`, `Bearer ${OPERATOR} x`, 'Bearer', 'Bearer ']) {
    t.equal(await status(wrong), 401, wrong)
  }
})

void t.test('without an operator token nobody is the operator', async (t) => {
  const closed = await startAdmin({ operatorToken: null })
  for (const token of ['', 'null', 'undefined', OPERATOR]) {
    t.equal((await closed.call('GET', '/v1/orgs', undefined, token)).status, 401)
  }
})

void t.test('a route that does not say who may use it cannot be registered', async (t) => {
  const { default: Fastify } = await import('fastify')
  const { useAuth } = await import('../../src/admin/auth.ts')
  const { createSessionCookie } = await import('../../src/admin/session-cookie.ts')
  const app = Fastify()
  useAuth(app, {
    operatorToken: null,
    keyCache: { lookup: () => Promise.resolve(null) },
    directory: { getMember: () => Promise.resolve(null), readSession: () => Promise.resolve(null) },
    throttle: { attempt: () => Promise.resolve({ status: 'failed' }) },
    cookie: createSessionCookie(null),
    sessionLife: { idleMs: 1, absoluteMs: 1 },
    publicUrl: null,
  })
  t.throws(() => app.get('/v1/forgotten', () => 'open'), /does not say who may use it/)
  t.throws(
    () => app.get('/v1/forgotten', { config: { access: 'public' } }, () => 'open'),
    /does not say who may use it/,
    'nor can it be open to all among those that are guarded',
  )
})
