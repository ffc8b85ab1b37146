import t from 'tap'
import * as keys from '../../src/store/keys.ts'
import { OPERATOR, startAdmin, type Answer } from './harness.ts'

const admin = await startAdmin()

/** A write that names the version it is based on. */
async function write(method: string, path: string, ifMatch: string | null, body?: unknown): Promise<Answer> {
  const condition = ifMatch === null ? {} : { 'if-match': ifMatch }
  return admin.send(method, path, { authorization: `Bearer ${OPERATOR}`, ...condition }, body)
}

/** Each resource that is saved on its own, how it is written, and what else it may be written as. */
const RESOURCES: readonly {
  readonly name: string
  readonly path: string
  readonly method: 'PUT' | 'PATCH'
  readonly bodies: readonly [object, object, object]
}[] = [
  {
    name: 'an organization',
    path: '',
    method: 'PATCH',
    bodies: [{ name: 'One' }, { name: 'Two' }, { allowance: 3 }],
  },
  {
    name: 'a member',
    path: '/members/bob',
    method: 'PUT',
    bodies: [{ name: 'One' }, { name: 'Two' }, { role: 'admin' }],
  },
  {
    name: 'per-user limits',
    path: '/user-limits',
    method: 'PUT',
    bodies: [
      { enabled: true, default: 1 },
      { enabled: true, default: 2 },
      { enabled: false, default: 1 },
    ],
  },
  {
    name: 'a custom limit',
    path: '/user-limits/custom/bob',
    method: 'PUT',
    bodies: [{ limit: 1 }, { limit: 2 }, { limit: null }],
  },
]

for (const { name, path, method, bodies } of RESOURCES) {
  void t.test(
    `A2: a save of ${name} on a stale version is 412 with the current one, and changes nothing`,
    async (t) => {
      const org = await admin.org(['ada'], ['bob'])
      const url = `/v1/orgs/${org}${path}`
      const first = await write(method, url, null, bodies[0])
      const tag = first.headers.get('etag') ?? ''
      t.match(tag, /^"[0-9a-f]{40}"$/)
      const read = await admin.call('GET', url)
      t.equal(read.headers.get('etag'), tag, 'a read has the tag that the write answered')
      const second = await write(method, url, tag, bodies[1])
      t.equal(second.status, 200)
      const newTag = second.headers.get('etag') ?? ''
      t.not(newTag, tag)

      const stale = await write(method, url, tag, bodies[2])
      t.match(stale.body, { status: 412, code: 'precondition_failed' })
      const current = (await admin.call('GET', url)).body
      t.same(stale.body['current'], current)
      t.equal(stale.headers.get('etag'), newTag)
      for (const condition of ['"x"', `W/${newTag}`, newTag.slice(1, -1), '']) {
        t.equal((await write(method, url, condition, bodies[2])).status, 412, condition)
      }
      t.same((await admin.call('GET', url)).body, current)
      t.equal((await write(method, url, `"x", ${newTag}`, bodies[2])).status, 200)
      t.equal((await write(method, url, '*', bodies[1])).status, 200)
      t.equal((await write(method, url, null, bodies[2])).status, 200, 'without a condition it overwrites')
      if (method === 'PUT' && path !== '/user-limits') {
        t.equal((await write('DELETE', url, newTag)).status, 412)
        const { headers } = await admin.call('GET', url)
        t.equal((await write('DELETE', url, headers.get('etag'))).status, 204)
        t.match((await write('PUT', url, '*', bodies[0])).body, { status: 412, current: null })
      }
    },
  )

  void t.test(
    `A2: of concurrent saves of ${name} on the same version exactly one wins; without a condition all do`,
    async (t) => {
      const org = await admin.org(['ada'], ['bob'])
      const url = `/v1/orgs/${org}${path}`
      const tag = (await write(method, url, null, bodies[0])).headers.get('etag')
      const race = await Promise.all(
        Array.from({ length: 12 }, (_, index) => write(method, url, tag, bodies[1 + (index % 2)])),
      )
      t.same(race.map(({ status }) => status).sort(), [200, ...Array.from({ length: 11 }, () => 412)])
      const winner = race.find(({ status }) => status === 200)
      t.same((await admin.call('GET', url)).body, winner?.body)
      const all = await Promise.all(
        Array.from({ length: 12 }, (_, index) => write(method, url, null, bodies[1 + (index % 2)])),
      )
      t.same([...new Set(all.map(({ status }) => status))], [200])
    },
  )
}

void t.test('A2: an organization is not deleted on a stale version', async (t) => {
  const org = await admin.org()
  const url = `/v1/orgs/${org}`
  const tag = (await admin.call('GET', url)).headers.get('etag')
  await write('PATCH', url, tag, { name: 'Changed' })
  t.match((await write('DELETE', url, tag)).body, { status: 412, current: { name: 'Changed' } })
  const { headers } = await admin.call('GET', url)
  t.equal((await write('DELETE', url, headers.get('etag'))).status, 204)
})

void t.test('A2: use, holds and members change no version of the settings', async (t) => {
  const org = await admin.org()
  const url = `/v1/orgs/${org}`
  const { headers } = await admin.call('GET', url)
  await admin.redis.hset(keys.total(org, 1), 'used', '5000000', 'held', '1')
  await admin.call('PUT', `${url}/members/eve`, { name: 'Eve' })
  await admin.call('PUT', `${url}/user-limits`, { enabled: true, default: 5 })
  t.equal((await admin.call('GET', url)).headers.get('etag'), headers.get('etag'))
})

void t.test('O7: who is demoted at the same moment is never saved as a recipient after that', async (t) => {
  for (let round = 0; round < 20; round += 1) {
    const org = await admin.org(['ada', 'eve'])
    const url = `/v1/orgs/${org}`
    const limits = { enabled: true, default: 1, recipients: ['eve'] }
    const [saved, demoted] = await Promise.all([
      admin.call('PUT', `${url}/user-limits`, limits),
      admin.call('PUT', `${url}/members/eve`, { role: 'member' }),
    ])
    t.equal(demoted.status, 200)
    t.ok([200, 422].includes(saved.status), `${saved.status}`)
    t.match((await admin.call('PUT', `${url}/user-limits`, limits)).body, {
      status: 422,
      code: 'not_an_admin',
      errors: [{ field: 'recipients.0' }],
    })
    const { items = [] } = (await admin.call('GET', `${url}/audit`)).body
    const order = items.map(({ action, target }) => `${String(action)} ${String(target)}`)
    const [demotion, save] = [order.indexOf('member.put eve'), order.indexOf(`user_limits.update ${org}`)]
    if (saved.status === 200) t.ok(save > demotion, 'the save came first')
  }
})
