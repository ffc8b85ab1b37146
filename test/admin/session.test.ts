import { createHash } from 'node:crypto'
import t from 'tap'
import * as keys from '../../src/store/keys.ts'
import { until } from '../support/until.ts'
import { startAdmin, type SignedIn } from './harness.ts'

const admin = await startAdmin()
const COOKIE = /^(\S+?)=([A-Za-z0-9_-]{43}); Path=\/; HttpOnly; SameSite=Strict$/

const tokenOf = ({ cookie }: SignedIn): string => cookie.slice(cookie.indexOf('=') + 1)
const storedAt = (session: SignedIn): string =>
  keys.session(createHash('sha256').update(tokenOf(session)).digest('hex'))

/** Status of who-am-I, which is what a page asks first. */
async function whoAmI(session: SignedIn): Promise<number> {
  return (await admin.send('GET', '/v1/session', session)).status
}

void t.test('a key of scope admin opens a session, which says who it is and is closed again', async (t) => {
  const org = await admin.org(['ada'], ['bob'])
  const key = await admin.adminKey(org, 'ada')
  const before = Date.now()
  const opened = await admin.send('POST', '/v1/session', {}, { key })
  t.equal(opened.status, 201)
  t.same(Object.keys(opened.body).sort(), ['csrf', 'expiresAt', 'name', 'org', 'role', 'user'])
  t.match(opened.body, { org, user: 'ada', name: null, role: 'admin', csrf: /^[A-Za-z0-9_-]{43}$/ })
  const idleMs = Date.parse(String(opened.body['expiresAt'])) - before
  t.ok(idleMs > 1_795_000 && idleMs < 1_860_000, `30 minutes: ${idleMs}`)
  t.match(opened.headers.get('set-cookie'), COOKIE, 'for this browser alone, until it closes')
  const session = await admin.signIn(key)
  const read = await admin.send('GET', '/v1/session', { cookie: session.cookie })
  t.match(read.body, { org, user: 'ada', role: 'admin', csrf: session['x-tollgate-csrf'] })
  t.equal(read.headers.get('cache-control'), 'no-store')
  t.match((await admin.send('GET', `/v1/orgs/${org}/members`, session)).body.items, [{}, {}])

  const closed = await admin.send('DELETE', '/v1/session', session)
  t.equal(closed.status, 204)
  t.match(
    closed.headers.get('set-cookie'),
    /^tollgate_session=; Max-Age=0; Path=\/; Expires=Thu, 01 Jan 1970/,
  )
  t.equal(await whoAmI(session), 401)
  t.equal(await admin.redis.exists(storedAt(session)), 0)
})

void t.test('the store has a session’s hash and a lifetime, and neither its token nor its key', async (t) => {
  const org = await admin.org(['ada'])
  const key = await admin.adminKey(org, 'ada')
  const session = await admin.signIn(key)
  const ttl = await admin.redis.pttl(storedAt(session))
  t.ok(ttl > 0 && ttl <= 1_800_000, String(ttl))
  for (const name of await admin.redis.keys('*')) {
    t.notOk(name.includes(tokenOf(session)), name)
    if ((await admin.redis.type(name)) !== 'string') continue
    const value = (await admin.redis.get(name)) ?? ''
    t.notOk(value.includes(tokenOf(session)) || value.includes(key), `${name}: ${value}`)
    t.notOk(value.includes(session['x-tollgate-csrf']), name)
  }
})

void t.test(
  'what is no key of scope admin of a member opens nothing, and is told nothing else',
  async (t) => {
    const org = await admin.org(['ada'], ['bob'])
    const made = async (body: object): Promise<{ id: string; key: string }> =>
      (await admin.call('POST', `/v1/orgs/${org}/keys`, body)).body as unknown as { id: string; key: string }
    const revoked = await made({ name: 'revoked', user: 'ada', scope: 'admin' })
    await admin.call('DELETE', `/v1/orgs/${org}/keys/${revoked.id}`)
    const removed = await admin.adminKey(org, 'bob')
    await admin.call('DELETE', `/v1/orgs/${org}/members/bob`)
    const wrong: [string, string][] = [
      ['a traffic key, though it is an admin’s', (await made({ name: 'k', user: 'ada' })).key],
      ['an app’s', (await made({ name: 'k', app: true })).key],
      ['a revoked one', revoked.key],
      ['of a removed member', removed],
      ['an unknown one', 'tg_1111111111111111111111111111112FnLaB'],
      ['no key at all', 'x'],
      ['the operator’s token', 'operator-token-of-the-tests'],
    ]
    const details = new Set<unknown>()
    for (const [what, key] of wrong) {
      const answer = await admin.send('POST', '/v1/session', {}, { key })
      t.match(answer.body, { status: 401, code: 'invalid_credentials' }, what)
      t.equal(answer.headers.get('set-cookie'), null, what)
      details.add(answer.body['detail'])
    }
    t.equal(details.size, 1)
    for (const body of [{}, { key: '' }, { key: 7 }, { key: 'x', org }, 'nonsense']) {
      t.equal((await admin.send('POST', '/v1/session', {}, body)).status, 400, JSON.stringify(body))
    }
  },
)

void t.test(
  'signing in makes a new session and closes the one before: none can be foisted on anybody',
  async (t) => {
    const org = await admin.org(['ada', 'eve'])
    const key = await admin.adminKey(org, 'ada')
    const planted = await admin.signIn(await admin.adminKey(org, 'eve'))
    const opened = await admin.send('POST', '/v1/session', { cookie: planted.cookie }, { key })
    t.equal(opened.status, 201)
    t.not(COOKIE.exec(opened.headers.get('set-cookie') ?? '')?.[2], tokenOf(planted))
    t.equal(await whoAmI(planted), 401)
    const made = { cookie: 'tollgate_session=' + 'A'.repeat(43) }
    const again = await admin.send('POST', '/v1/session', made, { key })
    t.not(COOKIE.exec(again.headers.get('set-cookie') ?? '')?.[2], 'A'.repeat(43), 'nor an invented one')
  },
)

void t.test('CSRF: a session changes nothing without its own csrf, and reads without', async (t) => {
  const org = await admin.org(['ada', 'eve'])
  const [ada, eve] = [
    await admin.signIn(await admin.adminKey(org, 'ada')),
    await admin.signIn(await admin.adminKey(org, 'eve')),
  ]
  const own = ada['x-tollgate-csrf']
  const path = `/v1/orgs/${org}/members/new`
  const wrong: Readonly<Record<string, string>>[] = [
    {},
    { 'x-tollgate-csrf': '' },
    { 'x-tollgate-csrf': eve['x-tollgate-csrf'] },
    { 'x-tollgate-csrf': own.slice(1) },
    { 'x-tollgate-csrf': `${own}x` },
    { 'x-tollgate-csrf': own.toLowerCase() },
    { 'x-csrf-token': own },
  ]
  for (const headers of wrong) {
    for (const [method, at, body] of [
      ['PUT', path, {}],
      ['DELETE', path, undefined],
      ['PATCH', `/v1/orgs/${org}`, { name: 'Changed' }],
      ['POST', `/v1/orgs/${org}/keys`, { name: 'k', user: 'ada' }],
      ['DELETE', '/v1/session', undefined],
    ] as const) {
      const answer = await admin.send(method, at, { cookie: ada.cookie, ...headers }, body)
      t.match(
        answer.body,
        { status: 403, code: 'csrf_required' },
        `${method} ${at} ${JSON.stringify(headers)}`,
      )
    }
  }
  t.equal((await admin.call('GET', path)).status, 404, 'nothing was changed')
  t.equal((await admin.send('GET', `/v1/orgs/${org}`, { cookie: ada.cookie })).status, 200)
  t.equal((await admin.send('PUT', path, ada, {})).status, 201)
})

void t.test(
  'CSRF: what a browser says of another site’s page is refused, whatever it sends along',
  async (t) => {
    const org = await admin.org(['ada'])
    const key = await admin.adminKey(org, 'ada')
    const session = await admin.signIn(key)
    const { host, origin } = new URL(admin.url)
    const elsewhere: Readonly<Record<string, string>>[] = [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: `https://evil.example/${host}` },
      { origin: `http://${host}.evil.example` },
      { origin, 'sec-fetch-site': 'cross-site' },
      { origin, 'sec-fetch-site': 'same-site' },
    ]
    for (const headers of elsewhere) {
      const what = JSON.stringify(headers)
      const put = await admin.send('PUT', `/v1/orgs/${org}/members/new`, { ...session, ...headers }, {})
      t.match(put.body, { status: 403, code: 'cross_origin' }, what)
      const signIn = await admin.send('POST', '/v1/session', headers, { key })
      t.match(signIn.body, { status: 403, code: 'cross_origin' }, `${what}: nor may it sign anybody in`)
      t.equal(signIn.headers.get('set-cookie'), null)
    }
    const ours: Readonly<Record<string, string>>[] = [
      { origin },
      { origin, 'sec-fetch-site': 'same-origin' },
      { 'sec-fetch-site': 'none' },
    ]
    for (const headers of ours) {
      const put = await admin.send('PUT', `/v1/orgs/${org}/members/new`, { ...session, ...headers }, {})
      t.ok(put.status < 300, JSON.stringify(headers))
      t.equal((await admin.send('POST', '/v1/session', headers, { key })).status, 201)
    }
  },
)

void t.test('a bearer goes before a cookie, and needs no csrf', async (t) => {
  const org = await admin.org(['ada'])
  const session = await admin.signIn(await admin.adminKey(org, 'ada'))
  const both = { cookie: session.cookie, authorization: 'Bearer operator-token-of-the-tests' }
  t.equal((await admin.send('PATCH', `/v1/orgs/${org}`, both, { allowance: 7 })).status, 200)
  const wrong = { ...session, authorization: 'Bearer x' }
  t.equal((await admin.send('GET', '/v1/session', wrong)).status, 401, 'also when it is wrong')
})

void t.test(
  'A4: a session ends at the very next request with its key, its user or its organization',
  async (t) => {
    const org = await admin.org(['ada', 'bob', 'eve'])
    const open = async (user: string): Promise<SignedIn> => admin.signIn(await admin.adminKey(org, user))

    const revoked = await open('ada')
    t.equal(await whoAmI(revoked), 200)
    for (const { id } of (await admin.call('GET', `/v1/orgs/${org}/keys`)).body.items ?? [])
      await admin.call('DELETE', `/v1/orgs/${org}/keys/${String(id)}`)
    t.equal(await whoAmI(revoked), 401, 'its key was revoked')

    const removed = await open('bob')
    t.equal(await whoAmI(removed), 200)
    await admin.call('DELETE', `/v1/orgs/${org}/members/bob`)
    t.equal(await whoAmI(removed), 401, 'its user was removed')
    await admin.call('PUT', `/v1/orgs/${org}/members/bob`, { role: 'admin' })
    t.equal(await whoAmI(removed), 401, '… and comes back without it')

    const deleted = await open('eve')
    t.equal(await whoAmI(deleted), 200)
    await admin.call('DELETE', `/v1/orgs/${org}`)
    t.equal(await whoAmI(deleted), 401, 'its organization was deleted')
    await admin.call('POST', '/v1/orgs', { id: org })
    await admin.call('PUT', `/v1/orgs/${org}/members/eve`, { role: 'admin' })
    t.equal(await whoAmI(deleted), 401, 'another one of the same id is another one')
  },
)

void t.test('A1: a session is worth what its user is worth right now', async (t) => {
  const org = await admin.org(['ada', 'bob'])
  const session = await admin.signIn(await admin.adminKey(org, 'bob'))
  const list = async (): Promise<number> =>
    (await admin.send('GET', `/v1/orgs/${org}/members`, session)).status
  t.equal(await list(), 200)
  await admin.call('PUT', `/v1/orgs/${org}/members/bob`, { role: 'member' })
  t.equal(await list(), 403)
  t.match((await admin.send('GET', '/v1/session', session)).body, { role: 'member' })
  t.equal((await admin.send('GET', '/v1/me', session)).status, 200)
  await admin.call('PUT', `/v1/orgs/${org}/members/bob`, { role: 'admin' })
  t.equal(await list(), 200)
})

void t.test(
  'a session ends when it was idle, each request counts, and at its absolute end in any case',
  async (t) => {
    const idleMs = 60_000
    const own = await startAdmin({ sessionLife: { idleMs, absoluteMs: 90_000 } })
    const org = await own.org(['ada'])
    const session = await own.signIn(await own.adminKey(org, 'ada'))
    const at = storedAt(session)
    const read = async (): Promise<number> => (await own.send('GET', '/v1/session', session)).status

    // Nobody waits here: what time would have come to is written into the store.
    await own.redis.pexpire(at, 5_000)
    t.equal(await read(), 200)
    t.ok((await own.redis.pttl(at)) > 5_000, 'a request begins the idle time anew')
    const stored = JSON.parse((await own.redis.get(at)) ?? '') as { endsAt: number }
    const left = stored.endsAt - Date.now()
    t.ok(left > idleMs && left <= 90_000, `${left} ms to its absolute end`)
    const soon = { ...stored, endsAt: Date.now() + 30_000 }
    await own.redis.set(at, JSON.stringify(soon), 'KEEPTTL')
    const answer = await own.send('GET', '/v1/session', session)
    t.equal(Date.parse(String(answer.body['expiresAt'])), soon.endsAt, 'nothing moves its absolute end')
    await own.redis.set(at, JSON.stringify({ ...stored, endsAt: Date.now() }), 'KEEPTTL')
    t.equal(await read(), 401, 'at its end it is over, however busy it was')
    t.equal(await own.redis.exists(at), 0)

    const idle = await own.signIn(await own.adminKey(org, 'ada'))
    await own.redis.pexpire(storedAt(idle), 1)
    await until(async () => (await own.redis.exists(storedAt(idle))) === 0)
    t.equal((await own.send('GET', '/v1/session', idle)).status, 401)
  },
)

void t.test(
  'with an https address the cookie is Secure and bound to the host, and that address is our own',
  async (t) => {
    const behind = await startAdmin({ publicUrl: 'https://tollgate.example.com/' })
    const org = await behind.org(['ada'])
    const key = await behind.adminKey(org, 'ada')
    const opened = await behind.send(
      'POST',
      '/v1/session',
      { origin: 'https://tollgate.example.com' },
      { key },
    )
    t.equal(opened.status, 201)
    t.match(
      opened.headers.get('set-cookie'),
      /^__Host-tollgate_session=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    )
    const session = await behind.signIn(key)
    t.equal((await behind.send('GET', '/v1/session', session)).status, 200)
    const plain = { cookie: session.cookie.replace('__Host-', '') }
    t.equal((await behind.send('GET', '/v1/session', plain)).status, 401, 'by no other name')
    const other = await behind.send('POST', '/v1/session', { origin: 'https://example.com' }, { key })
    t.equal(other.status, 403)
  },
)

void t.test('D1: without the store a session is 503, never 401', async (t) => {
  const own = await startAdmin()
  const org = await own.org(['ada'])
  const key = await own.adminKey(org, 'ada')
  const session = await own.signIn(key)
  await own.server.kill()
  await until(() => own.redis.status !== 'ready')
  t.equal((await own.send('GET', '/v1/session', session)).status, 503)
  t.equal((await own.send('POST', '/v1/session', {}, { key })).status, 503)
  t.equal((await own.send('GET', '/v1/me', session)).status, 503)
})
