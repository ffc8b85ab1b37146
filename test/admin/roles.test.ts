/** Who may use which route (A1, A4): asked of every route that is registered, so that none can be forgotten. */
import t from 'tap'
import { OPERATOR, startAdmin, type Answer, type Route } from './harness.ts'

const admin = await startAdmin()
const ROUTES = admin.routes.filter(({ url }) => url.startsWith('/v1/'))
type Headers = Readonly<Record<string, string>>

/** Whom an access lets in; everybody else is refused with 403. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  operator: ['operator'],
  admin: ['operator', 'admin', 'admin, signed in'],
  member: ['admin', 'admin, signed in', 'member', 'member, signed in'],
  session: ['admin, signed in', 'member, signed in'],
}

interface Cast {
  readonly org: string
  readonly known: Readonly<Record<string, Headers>>
  readonly strangers: Readonly<Record<string, Headers>>
  readonly others: Readonly<Record<string, Headers>>
}

const bearer = (token: string): Headers => ({ authorization: `Bearer ${token}` })

/** An organization of its own for each route, since some routes end it. */
async function cast(): Promise<Cast> {
  const [org, other] = [await admin.org(['ada', 'zoe'], ['bob', 'carl']), await admin.org(['eve'])]
  const made = async (body: object): Promise<{ id: string; key: string }> =>
    (await admin.call('POST', `/v1/orgs/${org}/keys`, body)).body as unknown as { id: string; key: string }
  const keyOf = Object.fromEntries(
    await Promise.all(
      ['ada', 'bob', 'carl', 'zoe'].map(async (user) => [user, await admin.adminKey(org, user)] as const),
    ),
  ) as Record<'ada' | 'bob' | 'carl' | 'zoe', string>
  const eve = await admin.adminKey(other, 'eve')
  const revoked = await made({ name: 'revoked', user: 'ada', scope: 'admin' })
  const strangers = {
    nobody: {},
    'a wrong token': bearer(`${OPERATOR}x`),
    'a traffic key, though it is an admin’s': bearer((await made({ name: 'k', user: 'ada' })).key),
    'an app’s key': bearer((await made({ name: 'k', app: true })).key),
    'an unknown key': bearer('tg_1111111111111111111111111111112FnLaB'),
    'a revoked key': bearer(revoked.key),
    'a session of a revoked key': await admin.signIn(revoked.key),
    'a removed member': bearer(keyOf.carl),
    'a removed member, signed in': await admin.signIn(keyOf.carl),
    'a removed admin': bearer(keyOf.zoe),
    'a removed admin, signed in': await admin.signIn(keyOf.zoe),
    'an invented session': { cookie: `tollgate_session=${'A'.repeat(43)}`, 'x-tollgate-csrf': 'x' },
  }
  await admin.call('DELETE', `/v1/orgs/${org}/keys/${revoked.id}`)
  for (const user of ['carl', 'zoe']) await admin.call('DELETE', `/v1/orgs/${org}/members/${user}`)
  return {
    org,
    known: {
      operator: bearer(OPERATOR),
      admin: bearer(keyOf.ada),
      'admin, signed in': await admin.signIn(keyOf.ada),
      member: bearer(keyOf.bob),
      'member, signed in': await admin.signIn(keyOf.bob),
    },
    strangers,
    others: { 'another org’s admin': bearer(eve), '… signed in': await admin.signIn(eve) },
  }
}

/** Asks without what the route is about: who is let in is told that it is missing, and nothing is changed for the next one. */
async function ask({ method, url }: Route, org: string, headers: Headers): Promise<Answer> {
  const path = url.replace(':org', org).replaceAll(/:[a-z]+/gi, 'none')
  const takesBody = ['POST', 'PUT', 'PATCH'].includes(method)
  return admin.send(method, path, headers, takesBody ? '"nonsense"' : undefined)
}

/** The code of a refusal, which says more than its status; answers to HEAD have no body. */
const codeOf = ({ body }: Answer, { method }: Route): unknown =>
  method === 'HEAD' ? undefined : body['code']

void t.test('these tests would look at nothing: the routes are found, and each says who may use it', (t) => {
  t.ok(ROUTES.length > 30, `${ROUTES.length} routes`)
  const open = ROUTES.filter(({ access }) => access === 'public')
  t.same(
    open.map(({ method, url }) => `${method} ${url}`),
    ['POST /v1/session'],
    'only signing in needs no credentials',
  )
  for (const { method, url, access = 'none' } of ROUTES)
    t.ok(access === 'public' || access in ALLOWED, `${method} ${url}: ${access}`)
  for (const { method, url } of admin.routes) {
    if (!url.startsWith('/v1/')) t.ok(['GET', 'HEAD'].includes(method), `${method} ${url} only reads`)
  }
  t.end()
})

for (const route of ROUTES.filter(({ access }) => access !== 'public')) {
  const { method, url, access = '' } = route
  void t.test(`A1, A4: ${method} ${url} is for: ${access}`, async (t) => {
    const { org, known, strangers, others } = await cast()
    for (const [who, headers] of Object.entries(strangers)) {
      const answer = await ask(route, org, headers)
      t.equal(answer.status, 401, who)
      t.equal(answer.headers.get('www-authenticate'), 'Bearer')
      if (method !== 'HEAD') t.equal(codeOf(answer, route), 'invalid_credentials', who)
    }
    if (url.includes(':org')) {
      for (const [who, headers] of Object.entries(others)) {
        const [answer, none] = [await ask(route, org, headers), await ask(route, 'none', headers)]
        t.equal(answer.status, 404, who)
        t.same(answer.body, none.body, `${who}: as if there were none`)
      }
    }
    const refused = Object.keys(known).filter((who) => ALLOWED[access]?.includes(who) === false)
    for (const who of refused) {
      const answer = await ask(route, org, known[who] ?? {})
      t.equal(answer.status, 403, who)
      if (method !== 'HEAD') t.equal(codeOf(answer, route), 'forbidden', who)
    }
    if (url.includes(':org'))
      t.equal((await admin.call('GET', `/v1/orgs/${org}`)).status, 200, 'nothing happened')
    // Those who are let in last, since that may end what the others need.
    for (const who of ALLOWED[access] ?? []) {
      const { status } = await ask(route, org, known[who] ?? {})
      t.ok(status < 500 && ![401, 403, 429].includes(status), `${who}: ${status}`)
    }
  })
}
