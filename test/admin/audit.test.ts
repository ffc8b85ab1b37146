import t from 'tap'
import * as keys from '../../src/store/keys.ts'
import { OPERATOR, startAdmin } from './harness.ts'

const admin = await startAdmin()
type Entry = Record<string, unknown>

async function log(org: string, query = ''): Promise<Entry[]> {
  return (await admin.call('GET', `/v1/orgs/${org}/audit?limit=200${query}`)).body.items ?? []
}

void t.test('A3: every change is in the log: who, when, what, before and after, newest first', async (t) => {
  const org = await admin.org(['ada'], ['bob'])
  const url = `/v1/orgs/${org}`
  const key = await admin.adminKey(org, 'ada')
  const started = Date.now()
  await admin.call('PATCH', url, { allowance: 500 })
  await admin.call('PUT', `${url}/members/bob`, { name: 'Bob', email: 'bob@example.com' }, key)
  await admin.call('PUT', `${url}/user-limits`, { enabled: true, default: 7, recipients: ['ada'] }, key)
  await admin.call('PUT', `${url}/user-limits/custom/bob`, { limit: 9 }, key)
  await admin.call('DELETE', `${url}/user-limits/custom/bob`, undefined, key)
  const made = await admin.call('POST', `${url}/keys`, { name: 'laptop', user: 'bob' }, key)
  await admin.call('DELETE', `${url}/keys/${String(made.body['id'])}`, undefined, key)
  await admin.call('DELETE', `${url}/members/bob`, undefined, key)

  const entries = await log(org)
  t.match(entries, [
    { actor: 'ada', action: 'member.remove', target: 'bob', before: { name: 'Bob' }, after: null },
    { actor: 'ada', action: 'key.revoke', before: { name: 'laptop', user: 'bob' }, after: null },
    { actor: 'ada', action: 'key.create', before: null, after: { name: 'laptop', user: 'bob' } },
    { actor: 'ada', action: 'custom_limit.delete', target: 'bob', before: { limit: 9 }, after: null },
    {
      actor: 'ada',
      action: 'custom_limit.put',
      target: 'bob',
      before: null,
      after: { user: 'bob', limit: 9 },
    },
    {
      actor: 'ada',
      action: 'user_limits.update',
      target: org,
      before: { enabled: false },
      after: { enabled: true, default: 7, recipients: ['ada'] },
    },
    {
      actor: 'ada',
      action: 'member.put',
      target: 'bob',
      before: { name: 'Name of bob', email: null },
      after: { name: 'Bob', email: 'bob@example.com' },
    },
    {
      actor: 'operator',
      action: 'org.update',
      target: org,
      before: { allowance: 0 },
      after: { allowance: 500 },
    },
    { action: 'key.create', after: { scope: 'admin' } },
    { action: 'member.put', target: 'bob', before: null },
    { action: 'member.put', target: 'ada', before: null, after: { role: 'admin' } },
    { actor: 'operator', action: 'org.create', target: org, before: null, after: { id: org } },
  ])
  t.equal(entries.length, 12)
  for (const { at } of entries.slice(0, 8)) {
    t.ok(Date.parse(String(at)) >= started && Date.parse(String(at)) <= Date.now(), String(at))
  }
  const texts = JSON.stringify(entries)
  t.notOk(texts.includes(String(made.body['key'])), 'no key')
  t.notMatch(texts, /sha256/)
})

void t.test('A3: what was refused, and what was only read, is not in the log', async (t) => {
  const org = await admin.org(['ada'], ['bob'])
  const url = `/v1/orgs/${org}`
  const before = (await log(org)).length
  await admin.call('GET', `${url}/user-limits`)
  await admin.call('PUT', `${url}/user-limits`, { enabled: true, default: 1, recipients: ['bob'] })
  const stale = { authorization: `Bearer ${OPERATOR}`, 'if-match': '"x"' }
  await admin.send('PUT', `${url}/user-limits`, stale, { enabled: true, default: 1 })
  await admin.call('PUT', `${url}/user-limits/custom/nobody`, { limit: 1 })
  await admin.call('DELETE', `${url}/user-limits/custom/bob`)
  const key = await admin.adminKey(org, 'ada')
  await admin.call('PUT', `${url}/members/ada`, { role: 'member' }, key)
  t.equal((await log(org)).length, before + 1, 'only the key')
})

void t.test(
  'A3: the log is paged, filtered by action, actor and target, and its cursor is checked',
  async (t) => {
    const org = await admin.org(['ada'])
    const url = `/v1/orgs/${org}`
    const key = await admin.adminKey(org, 'ada')
    for (let index = 0; index < 5; index += 1) {
      await admin.call('PUT', `${url}/members/u${index}`, {}, index % 2 === 0 ? key : undefined)
    }
    const seen: Entry[] = []
    let next: unknown = null
    do {
      const cursor = typeof next === 'string' ? `&cursor=${next}` : ''
      const { body } = await admin.call('GET', `${url}/audit?limit=2${cursor}`)
      t.ok((body.items?.length ?? 3) <= 2)
      seen.push(...(body.items ?? []))
      next = body['next']
    } while (next !== null)
    t.same(seen, await log(org))
    const targets = async (query: string): Promise<unknown[]> =>
      (await log(org, query)).map(({ target }) => target)
    t.same(await targets('&actor=ada'), ['u4', 'u2', 'u0'])
    t.same(await targets('&action=member.put&target=u3'), ['u3'])
    t.same(await targets('&action=org.delete'), [])
    for (const query of ['action=x', 'actor=a%20b', 'target=', 'format=xml', 'cursor=abc', 'colour=red']) {
      const answer = await admin.call('GET', `${url}/audit?${query}`)
      t.match(answer.body, { status: 400, errors: [{ field: query.split('=')[0] }] }, query)
    }
    t.equal((await admin.call('GET', '/v1/orgs/none/audit')).status, 404)
  },
)

void t.test('A3: the log is exported whole, as JSON lines and as CSV that runs no formula', async (t) => {
  const org = await admin.org(['ada'])
  const url = `/v1/orgs/${org}`
  for (let index = 0; index < 700; index += 1) {
    await admin.redis.xadd(
      keys.audit(org),
      '*',
      ...[
        'at',
        Date.now(),
        'actor',
        '@cmd',
        'action',
        'member.put',
        'target',
        `=u${index}`,
        'before',
        'null',
      ],
      ...['after', '{"name":"a,\\"b\\"\\n"}'],
    )
  }
  const lines = await admin.call('GET', `${url}/audit?format=jsonl`)
  t.match(lines.headers.get('content-type'), /^application\/jsonl/)
  t.match(lines.headers.get('content-disposition'), `attachment; filename="audit-${org}.jsonl"`)
  const entries = String(lines.body['text'])
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Entry)
  t.equal(entries.length, 702)
  t.match(entries[0], { target: '=u699', after: { name: 'a,"b"\n' } })
  const csv = await admin.call('GET', `${url}/audit?format=csv&action=member.put&actor=%40cmd`)
  const rows = String(csv.body['text']).split('\r\n')
  t.equal(rows[0], 'at,actor,action,target,before,after')
  t.match(rows[1], /^[^,]+,'@cmd,member\.put,'=u699,,"\{""name"":""a,\\""b\\""\\n""\}"$/)
  t.equal(rows.length, 702)
  t.equal((await admin.call('GET', '/v1/orgs/none/audit?format=csv')).status, 404)
})

void t.test(
  'P5: entries older than 13 months are neither shown nor kept, and the log ends with its last entry',
  async (t) => {
    const org = await admin.org(['ada'])
    const url = `/v1/orgs/${org}`
    const MONTHS_13 = 396 * 86_400_000
    await admin.redis.del(keys.audit(org))
    const old = Date.now() - MONTHS_13 - 60_000
    for (let index = 0; index < 250; index += 1) {
      const words = [
        'at',
        old,
        'actor',
        'x',
        'action',
        'member.put',
        'target',
        'u',
        'before',
        'null',
        'after',
        'null',
      ]
      await admin.redis.xadd(keys.audit(org), `${old}-${index + 1}`, ...words)
    }
    t.same(await log(org), [])
    await admin.call('PATCH', url, { name: 'New' })
    t.equal((await log(org)).length, 1)
    t.ok((await admin.redis.xlen(keys.audit(org))) <= 101, 'trimmed by whole blocks')
    const life = await admin.redis.pttl(keys.audit(org))
    t.ok(life > MONTHS_13 - 60_000 && life <= MONTHS_13)
  },
)

void t.test('A3: a deletion stands in the log of the operator, which admins do not see', async (t) => {
  const org = await admin.org(['ada'])
  const key = await admin.adminKey(org, 'ada')
  t.equal((await admin.call('GET', '/v1/audit', undefined, key)).status, 403)
  await admin.call('DELETE', `/v1/orgs/${org}`)
  const { items } = (await admin.call('GET', `/v1/audit?target=${org}`)).body
  t.match(items, [{ actor: 'operator', action: 'org.delete', target: org, before: { id: org }, after: null }])
  t.equal((await admin.call('GET', `/v1/orgs/${org}/audit`)).status, 404)
  await admin.call('POST', '/v1/orgs', { id: org })
  t.match(await log(org), [{ action: 'org.create' }], 'one that is made anew starts with a log of its own')
})
