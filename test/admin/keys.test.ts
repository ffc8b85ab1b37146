import t from 'tap'
import { isWellFormedKey } from '../../src/core/virtual-key.ts'
import { hashKey } from '../../src/directory/virtual-keys.ts'
import * as keys from '../../src/store/keys.ts'
import { startAdmin } from './harness.ts'

const admin = await startAdmin()

void t.test('a key is shown in the answer to POST and never again', async (t) => {
  const org = await admin.org([], ['ada'])
  const made = await admin.call('POST', `/v1/orgs/${org}/keys`, { name: 'Laptop', user: 'ada' })
  t.equal(made.status, 201)
  t.equal(made.headers.get('cache-control'), 'no-store')
  const { key, ...listed } = made.body
  t.ok(isWellFormedKey(String(key)))
  t.match(listed, { name: 'Laptop', user: 'ada', app: false, sources: ['chat'], scope: 'traffic' })
  t.equal(listed['hint'], `${String(key).slice(0, 7)}…`)
  t.match(listed['createdAt'], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z$/)
  const list = await admin.call('GET', `/v1/orgs/${org}/keys`)
  t.same(list.body, { items: [listed], next: null })
})

void t.test('keys of users, apps and admins are made as the contract shows', async (t) => {
  const org = await admin.org(['boss'], ['u1'])
  const cases: [object, object][] = [
    [
      { name: 'k', user: 'u1' },
      { user: 'u1', app: false, sources: ['chat'], scope: 'traffic' },
    ],
    [
      { name: 'k', app: true, sources: ['workflow'], user: null },
      { user: null, app: true, sources: ['workflow'], scope: 'traffic' },
    ],
    [
      { name: 'k', app: true, sources: ['workflow', 'chat'], user: 'u1' },
      { user: 'u1', app: true, sources: ['workflow', 'chat'] },
    ],
    [
      { name: 'k', user: 'boss', scope: 'admin' },
      { user: 'boss', app: false, scope: 'admin' },
    ],
  ]
  for (const [body, wanted] of cases) {
    const made = await admin.call('POST', `/v1/orgs/${org}/keys`, body)
    t.match(made.body, wanted, JSON.stringify(body))
    t.ok(await admin.redis.exists(keys.virtualKey(hashKey(String(made.body['key'])))))
  }
  t.equal((await admin.call('GET', `/v1/orgs/${org}/keys`)).body.items?.length, cases.length)
})

void t.test('what is wrong or contradicts itself is refused, and makes no key', async (t) => {
  const org = await admin.org(['boss'], ['u1'])
  const cases: [object, number, string][] = [
    [{ user: 'u1' }, 400, 'name'],
    [{ name: 'k' }, 400, 'user'],
    [{ name: 'k', user: null }, 400, 'user'],
    [{ name: 'k', user: 'a b' }, 400, 'user'],
    [{ name: 'k', user: 'nobody' }, 422, 'user'],
    [{ name: 'k', app: true, user: 'nobody' }, 422, 'user'],
    [{ name: 'k', user: 'u1', sources: [] }, 400, 'sources'],
    [{ name: 'k', user: 'u1', sources: ['chat', 'chat'] }, 400, 'sources'],
    [{ name: 'k', user: 'u1', sources: ['email'] }, 400, 'sources.0'],
    [{ name: 'k', user: 'u1', scope: 'root' }, 400, 'scope'],
    [{ name: 'k', app: true, scope: 'admin' }, 400, 'app'],
    [{ name: 'k', user: 'boss', scope: 'admin', sources: ['chat'] }, 400, 'sources'],
    [{ name: 'k', user: 'u1', key: 'tg_mine' }, 400, 'key'],
  ]
  for (const [body, status, field] of cases) {
    const answer = await admin.call('POST', `/v1/orgs/${org}/keys`, body)
    t.match(answer.body, { status, errors: [{ field }] }, JSON.stringify(body))
  }
  t.same((await admin.call('GET', `/v1/orgs/${org}/keys`)).body, { items: [], next: null })
})

void t.test('a key is revoked by its id, and only in its own organization', async (t) => {
  const [org, other] = [await admin.org([], ['ada']), await admin.org()]
  const { body } = await admin.call('POST', `/v1/orgs/${org}/keys`, { name: 'k', user: 'ada' })
  const lookup = keys.virtualKey(hashKey(String(body['key'])))
  t.equal((await admin.call('DELETE', `/v1/orgs/${other}/keys/${String(body['id'])}`)).status, 404)
  t.equal(await admin.redis.exists(lookup), 1)
  t.equal((await admin.call('DELETE', `/v1/orgs/${org}/keys/${String(body['id'])}`)).status, 204)
  t.equal(await admin.redis.exists(lookup), 0)
  t.equal((await admin.call('DELETE', `/v1/orgs/${org}/keys/${String(body['id'])}`)).status, 404)
})
