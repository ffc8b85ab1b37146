import t from 'tap'
import { startAdmin } from './harness.ts'

const admin = await startAdmin()

void t.test('a member is added with 201, replaced with 200, read and removed', async (t) => {
  const org = await admin.org()
  const path = `/v1/orgs/${org}/members/ada`
  const ada = { email: 'ada@example.com', name: 'Ada', role: 'admin' }
  const added = await admin.call('PUT', path, ada)
  t.equal(added.status, 201)
  t.same(added.body, { user: 'ada', ...ada })
  t.same((await admin.call('GET', path)).body, { user: 'ada', ...ada })
  const replaced = await admin.call('PUT', path, { name: 'Countess' })
  t.equal(replaced.status, 200)
  t.same(
    replaced.body,
    { user: 'ada', email: null, name: 'Countess', role: 'member' },
    'PUT replaces all of it',
  )
  t.equal((await admin.call('DELETE', path)).status, 204)
  t.match((await admin.call('GET', path)).body, { status: 404, code: 'not_found' })
  t.equal((await admin.call('DELETE', path)).status, 404)
})

void t.test('every user id of the contract can be named in a path', async (t) => {
  const org = await admin.org()
  for (const user of ['a.b_c@d+e|f:g-h', 'auth0|123', 'x'.repeat(128), '...']) {
    const path = `/v1/orgs/${org}/members/${encodeURIComponent(user)}`
    t.equal((await admin.call('PUT', path, { name: 'N' })).status, 201, user)
    t.match((await admin.call('GET', path)).body, { user, name: 'N' })
  }
  const everything = Array.from('x'.repeat(128), () => '%78').join('')
  t.equal(
    (await admin.call('GET', `/v1/orgs/${org}/members/${everything}`)).status,
    200,
    'also percent-encoded',
  )
})

void t.test('what is wrong is refused with 400 that names the field', async (t) => {
  const org = await admin.org()
  const users = ['a{b}', 'a b', 'ä', 'x'.repeat(129), 'a\nb', 'a*']
  for (const user of users) {
    const answer = await admin.call('PUT', `/v1/orgs/${org}/members/${encodeURIComponent(user)}`, {})
    t.match(answer.body, { status: 400, errors: [{ field: 'user' }] }, user)
  }
  for (const [body, field] of [
    [{ role: 'owner' }, 'role'],
    [{ email: 'nobody' }, 'email'],
    [{ email: 'a@b@c' }, 'email'],
    [{ email: 'a@b\r\nbcc: c@d' }, 'email'],
    [{ email: `${'x'.repeat(250)}@example.com` }, 'email'],
    [{ name: '' }, 'name'],
    [{ name: 'a\u0000b' }, 'name'],
    [{ user: 'ada' }, 'user'],
    [{ nickname: 'A' }, 'nickname'],
  ] as const) {
    const answer = await admin.call('PUT', `/v1/orgs/${org}/members/ada`, body)
    t.match(answer.body, { status: 400, errors: [{ field }] }, JSON.stringify(body))
  }
  t.same((await admin.call('GET', `/v1/orgs/${org}/members`)).body, { items: [], next: null })
})

void t.test('A1: only the operator may remove or demote the last admin; an admin gets 409', async (t) => {
  const org = await admin.org(['ada'], ['bob'])
  const key = await admin.adminKey(org, 'ada')
  const path = `/v1/orgs/${org}/members/ada`
  t.match((await admin.call('DELETE', path, undefined, key)).body, { status: 409, code: 'last_admin' })
  t.match((await admin.call('PUT', path, { role: 'member' }, key)).body, { status: 409, code: 'last_admin' })
  t.match((await admin.call('GET', path)).body, { role: 'admin' })
  t.equal((await admin.call('PUT', path, { role: 'admin', name: 'Still admin' }, key)).status, 200)
  t.equal((await admin.call('DELETE', `/v1/orgs/${org}/members/bob`, undefined, key)).status, 204)

  await admin.call('PUT', `/v1/orgs/${org}/members/eve`, { role: 'admin' }, key)
  t.equal(
    (await admin.call('PUT', path, { role: 'member' }, key)).status,
    200,
    'with another admin it is allowed',
  )
  t.equal((await admin.call('DELETE', `/v1/orgs/${org}/members/eve`)).status, 204, 'the operator may')
})

void t.test('members are searched by ?q= and paged', async (t) => {
  const org = await admin.org([], ['ann', 'anna', 'bob', 'hannah', 'zoe'])
  const list = async (query: string): Promise<{ users: unknown[]; next: unknown }> => {
    const { body } = await admin.call('GET', `/v1/orgs/${org}/members?${query}`)
    return { users: (body.items ?? []).map(({ user }) => user), next: body['next'] }
  }
  t.same(await list('q=ANN'), { users: ['ann', 'anna', 'hannah'], next: null })
  t.same((await list('q=of+zoe')).users, ['zoe'])
  t.same((await list('q=%25')).users, [])
  const first = await list('q=ann&limit=2')
  t.same(first.users, ['ann', 'anna'])
  t.same(await list(`q=ann&limit=2&cursor=${String(first.next)}`), { users: ['hannah'], next: null })
  t.match((await admin.call('GET', `/v1/orgs/${org}/members?q=`)).body, {
    status: 400,
    errors: [{ field: 'q' }],
  })
})

void t.test('members are listed by ?role=, and searched and paged among them', async (t) => {
  const org = await admin.org(['ada', 'grace', 'hedy'], ['bob', 'zoe'])
  const list = async (query: string): Promise<{ users: unknown[]; next: unknown }> => {
    const { body } = await admin.call('GET', `/v1/orgs/${org}/members?${query}`)
    return { users: (body.items ?? []).map(({ user }) => user), next: body['next'] }
  }
  t.same(await list('role=admin'), { users: ['ada', 'grace', 'hedy'], next: null })
  t.same(await list('role=member'), { users: ['bob', 'zoe'], next: null })
  t.same(await list('role=admin&q=RA'), { users: ['grace'], next: null })
  const first = await list('role=admin&limit=2')
  t.same(first.users, ['ada', 'grace'])
  t.same(await list(`role=admin&limit=2&cursor=${String(first.next)}`), { users: ['hedy'], next: null })
})

void t.test('A4: who is removed and added again finds the own limit and use as they were', async (t) => {
  const org = await admin.org(['ada'], ['bob'])
  await admin.call('PUT', `/v1/orgs/${org}/user-limits`, { enabled: true, default: 100 })
  await admin.call('PUT', `/v1/orgs/${org}/user-limits/custom/bob`, { limit: 5 })
  await admin.used(org, 'bob', 7)
  await admin.call('DELETE', `/v1/orgs/${org}/members/bob`)
  t.same((await admin.call('GET', `/v1/orgs/${org}/users?exceeding=true`)).body.items, [])
  await admin.call('PUT', `/v1/orgs/${org}/members/bob`, {})
  const [bob] = (await admin.call('GET', `/v1/orgs/${org}/users?exceeding=true`)).body.items ?? []
  t.match(bob, { user: 'bob', used: 7, limit: 5 })
})

void t.test(
  'A3: no admin can be called operator, whom the audit log could not tell from the operator',
  async (t) => {
    const org = await admin.org()
    const path = `/v1/orgs/${org}/members/operator`
    const refused = await admin.call('PUT', path, { role: 'admin' })
    t.equal(refused.status, 400)
    t.match(refused.body, { code: 'invalid_request', errors: [{ field: 'role' }] })
    t.equal((await admin.call('PUT', path, { role: 'member' })).status, 201)
  },
)
