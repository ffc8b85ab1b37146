import t from 'tap'
import * as keys from '../../src/store/keys.ts'
import { startAdmin } from './harness.ts'

const admin = await startAdmin()

void t.test('users come most used first, with names and decimal credits', async (t) => {
  const org = await admin.org(['ada'], ['bob', 'eve'])
  await admin.used(org, 'eve', 2.5)
  await admin.used(org, 'ada', 12)
  await admin.redis.hset(keys.user(org, 1, 'ada'), 'held:chat', '250000')
  t.same((await admin.call('GET', `/v1/orgs/${org}/users`)).body, {
    items: [
      { user: 'ada', name: null, used: 12, counted: 12, held: 0.25, limit: null, exceeding: false },
      { user: 'eve', name: 'Name of eve', used: 2.5, counted: 2.5, held: 0, limit: null, exceeding: false },
      { user: 'bob', name: 'Name of bob', used: 0, counted: 0, held: 0, limit: null, exceeding: false },
    ],
    next: null,
  })
})

void t.test(
  'L7: ?exceeding=true lists who is at or past the limit, and follows a changed limit at once',
  async (t) => {
    const org = await admin.org([], ['ada', 'bob', 'eve'])
    await admin.used(org, 'ada', 10)
    await admin.used(org, 'bob', 9.999999)
    const exceeding = async (): Promise<unknown[]> =>
      ((await admin.call('GET', `/v1/orgs/${org}/users?exceeding=true`)).body.items ?? []).map(
        ({ user }) => user,
      )
    t.same(await exceeding(), [])
    await admin.call('PUT', `/v1/orgs/${org}/user-limits`, { enabled: true, default: 10 })
    t.same(await exceeding(), ['ada'])
    await admin.call('PUT', `/v1/orgs/${org}/user-limits/custom/bob`, { limit: 9 })
    t.same(await exceeding(), ['ada', 'bob'])
    await admin.call('PUT', `/v1/orgs/${org}/user-limits/custom/ada`, { limit: null })
    t.same(await exceeding(), ['bob'])
  },
)

void t.test(
  'users are paged through with ?cursor=, searched with ?q=, and a wrong query is named',
  async (t) => {
    const org = await admin.org([], ['u1', 'u2', 'u3', 'x4', 'x5'])
    for (const [index, user] of ['u1', 'u2', 'u3'].entries()) await admin.used(org, user, index + 1)
    const seen: unknown[] = []
    let cursor = ''
    do {
      const { body } = await admin.call('GET', `/v1/orgs/${org}/users?limit=2${cursor}`)
      seen.push(...(body.items ?? []).map(({ user }) => user))
      cursor = typeof body['next'] === 'string' ? `&cursor=${body['next']}` : ''
    } while (cursor !== '')
    t.same(seen, ['u3', 'u2', 'u1', 'x4', 'x5'])
    const found = (await admin.call('GET', `/v1/orgs/${org}/users?q=X`)).body.items ?? []
    t.same(
      found.map(({ user }) => user),
      ['x4', 'x5'],
    )
    for (const query of ['exceeding=yes', 'cursor=abc', 'limit=1000', 'sort=name']) {
      const answer = await admin.call('GET', `/v1/orgs/${org}/users?${query}`)
      t.match(answer.body, { status: 400, errors: [{ field: query.split('=')[0] }] }, query)
    }
  },
)
