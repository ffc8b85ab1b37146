import t from 'tap'
import * as keys from '../../src/store/keys.ts'
import { startAdmin } from './harness.ts'

const admin = await startAdmin()
const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/

void t.test('an organization is created with the defaults of the contract', async (t) => {
  const made = await admin.call('POST', '/v1/orgs', { id: 'plain' })
  t.equal(made.status, 201)
  t.equal(made.headers.get('location'), '/v1/orgs/plain')
  const { period, ...rest } = made.body
  t.same(rest, {
    id: 'plain',
    name: 'plain',
    allowance: 0,
    admission: 'straddle',
    autoEnroll: false,
    maxMembers: 10_000,
    billing: { every: 'month', anchor: 1, timezone: 'UTC' },
    billingNext: null,
    used: 0,
    held: 0,
  })
  const { start, end } = period as { start: string; end: string }
  t.match(start, RFC_3339)
  t.match(end, RFC_3339)
  t.ok(Date.parse(start) <= Date.now() && Date.now() < Date.parse(end))
  const read = await admin.call('GET', '/v1/orgs/plain')
  t.same(read.body, made.body)
  t.equal(read.headers.get('cache-control'), 'no-store')
})

void t.test(
  'an organization is created as it was asked for, and shows credits as decimal numbers',
  async (t) => {
    const wanted = {
      id: 'full',
      name: 'Ünïcode & <b>',
      allowance: 1_000_000_000,
      admission: 'strict',
      autoEnroll: true,
      maxMembers: 0,
      billing: { every: { days: 10 }, anchor: 10, timezone: 'America/Santiago' },
    }
    t.match((await admin.call('POST', '/v1/orgs', wanted)).body, wanted)
    await admin.redis.hset(keys.total('full', 1), 'used', '12345678', 'held', '500000')
    t.match((await admin.call('GET', '/v1/orgs/full')).body, { ...wanted, used: 12.345678, held: 0.5 })
  },
)

void t.test('an id that is taken is 409 and changes nothing', async (t) => {
  const org = await admin.org()
  const again = await admin.call('POST', '/v1/orgs', { id: org, name: 'Thief' })
  t.match(again.body, { status: 409, code: 'already_exists' })
  t.not((await admin.call('GET', `/v1/orgs/${org}`)).body['name'], 'Thief')
})

void t.test('what is wrong is refused with 400 that names the field', async (t) => {
  const org = await admin.org()
  const cases: [unknown, string[]][] = [
    [{ id: 'UPPER' }, ['id']],
    [{ id: 'a{b}' }, ['id']],
    [{ id: '' }, ['id']],
    [{ id: 'x'.repeat(64) }, ['id']],
    [{}, ['id']],
    [{ id: 7 }, ['id']],
    [{ id: 'ok', allowance: -1 }, ['allowance']],
    [{ id: 'ok', allowance: 1_000_000_001 }, ['allowance']],
    [{ id: 'ok', allowance: 1.5 }, ['allowance']],
    [{ id: 'ok', allowance: '10' }, ['allowance']],
    [{ id: 'ok', allowance: null }, ['allowance']],
    [{ id: 'ok', admission: 'loose' }, ['admission']],
    [{ id: 'ok', autoEnroll: 1 }, ['autoEnroll']],
    [{ id: 'ok', maxMembers: -1 }, ['maxMembers']],
    [{ id: 'ok', name: '' }, ['name']],
    [{ id: 'ok', name: ' ' }, ['name']],
    [{ id: 'ok', name: 'two\nlines' }, ['name']],
    [{ id: 'ok', name: 'x'.repeat(201) }, ['name']],
    [{ id: 'ok', colour: 'red' }, ['colour']],
    [{ id: 'ok', billing: { every: 'year' } }, ['billing.every']],
    [{ id: 'ok', billing: { every: { days: 0 } } }, ['billing.every']],
    [{ id: 'ok', billing: { every: 'month', anchor: 32 } }, ['billing.anchor']],
    [{ id: 'ok', billing: { every: 'month', anchor: 0 } }, ['billing.anchor']],
    [{ id: 'ok', billing: { every: 'week', anchor: 8 } }, ['billing.anchor']],
    [{ id: 'ok', billing: { every: { days: 3 }, anchor: 4 } }, ['billing.anchor']],
    [{ id: 'ok', billing: { timezone: 'Mars/Olympus' } }, ['billing.timezone']],
    [{ id: 'ok', billing: { timezone: '+02:00' } }, ['billing.timezone']],
    [{ id: 'ok', billing: { anchor: 99, timezone: 'x' } }, ['billing.anchor', 'billing.timezone']],
    [{ id: 'ok', billing: { zone: 'UTC' } }, ['billing.zone']],
    [[], ['body']],
    ['null', ['body']],
  ]
  for (const [body, fields] of cases) {
    const answer = await admin.call('POST', '/v1/orgs', body)
    t.match(answer.body, { status: 400, code: 'invalid_request' }, JSON.stringify(body))
    t.same(answer.body.errors?.map(({ field }) => field).sort(), fields, JSON.stringify(answer.body))
    if (typeof body !== 'object' || body === null || !('id' in body) || body.id !== 'ok') continue
    const change = Object.fromEntries(Object.entries(body).filter(([field]) => field !== 'id'))
    const patched = await admin.call('PATCH', `/v1/orgs/${org}`, change)
    t.same(patched.body.errors?.map(({ field }) => field).sort(), fields, `PATCH ${JSON.stringify(change)}`)
  }
  t.equal((await admin.call('GET', '/v1/orgs/ok')).status, 404)
})

void t.test('A2: PATCH changes what it names and nothing else', async (t) => {
  const org = await admin.org()
  const before = (await admin.call('GET', `/v1/orgs/${org}`)).body
  const changed = await admin.call('PATCH', `/v1/orgs/${org}`, { allowance: 20_000, admission: 'strict' })
  t.equal(changed.status, 200)
  t.same(changed.body, { ...before, allowance: 20_000, admission: 'strict' })
  t.same((await admin.call('PATCH', `/v1/orgs/${org}`, {})).body, changed.body)
  t.match((await admin.call('PATCH', `/v1/orgs/${org}`, { id: 'other' })).body.errors, [{ field: 'id' }])
  t.equal((await admin.call('PATCH', '/v1/orgs/none', { name: 'x' })).status, 404)
})

void t.test('P4: a changed billing period is announced and leaves the current one as it is', async (t) => {
  const org = await admin.org()
  const before = (await admin.call('GET', `/v1/orgs/${org}`)).body
  const patch = async (billing: object): Promise<unknown> =>
    (await admin.call('PATCH', `/v1/orgs/${org}`, { billing })).body['billingNext']
  t.same(await patch({ timezone: 'Europe/Berlin' }), { every: 'month', anchor: 1, timezone: 'Europe/Berlin' })
  t.same(
    await patch({ anchor: 31 }),
    { every: 'month', anchor: 31, timezone: 'Europe/Berlin' },
    'what is not named stays',
  )
  t.same(
    await patch({ every: 'week' }),
    { every: 'week', anchor: 1, timezone: 'Europe/Berlin' },
    'the anchor is of another kind',
  )
  const after = (await admin.call('GET', `/v1/orgs/${org}`)).body
  t.same({ ...after, billingNext: null }, before)
})

void t.test('organizations are listed by id in pages', async (t) => {
  const ids = ['list-a', 'list-b', 'list-c']
  for (const id of ids) await admin.call('POST', '/v1/orgs', { id })
  const seen: unknown[] = []
  let next: unknown = null
  do {
    const page = await admin.call(
      'GET',
      `/v1/orgs?limit=2${typeof next === 'string' ? `&cursor=${next}` : ''}`,
    )
    t.ok((page.body.items?.length ?? 3) <= 2)
    seen.push(...(page.body.items ?? []).map(({ id }) => id))
    next = page.body['next']
  } while (next !== null)
  t.same(seen, [...seen].sort())
  t.same(
    seen.filter((id) => String(id).startsWith('list-')),
    ids,
  )
  for (const query of [
    'limit=0',
    'limit=201',
    'limit=x',
    'limit=1&limit=2',
    'cursor=%24',
    'cursor=',
    'colour=red',
  ]) {
    const answer = await admin.call('GET', `/v1/orgs?${query}`)
    t.match(answer.body, { status: 400, errors: [{ field: query.split('=')[0] }] }, query)
  }
})

void t.test('a deleted organization is gone, with its keys, and its id starts afresh', async (t) => {
  const org = await admin.org(['ada'])
  const key = await admin.adminKey(org, 'ada')
  await admin.used(org, 'ada', 7)
  t.equal((await admin.call('DELETE', `/v1/orgs/${org}`)).status, 204)
  t.equal((await admin.call('GET', `/v1/orgs/${org}`)).status, 404)
  t.equal((await admin.call('DELETE', `/v1/orgs/${org}`)).status, 404)
  t.equal((await admin.call('GET', `/v1/orgs/${org}`, undefined, key)).status, 401)
  t.equal((await admin.call('POST', '/v1/orgs', { id: org })).status, 201)
  t.same((await admin.call('GET', `/v1/orgs/${org}/users`)).body, { items: [], next: null })
  t.equal(
    (await admin.call('GET', `/v1/orgs/${org}`, undefined, key)).status,
    401,
    'a key of the old one opens nothing',
  )
})

void t.test('nothing of an organization that does not exist is found or written', async (t) => {
  for (const [method, path, body] of [
    ['GET', '', undefined],
    ['GET', '/members', undefined],
    ['PUT', '/members/ada', { role: 'admin' }],
    ['GET', '/members/ada', undefined],
    ['GET', '/keys', undefined],
    ['POST', '/keys', { name: 'k', app: true }],
    ['GET', '/user-limits', undefined],
    ['PUT', '/user-limits', { enabled: true, default: 1, recipients: ['ada'] }],
    ['GET', '/user-limits/custom', undefined],
    ['PUT', '/user-limits/custom/ada', { limit: 1 }],
    ['GET', '/users', undefined],
  ] as const) {
    for (const org of ['none', 'NONE', 'a%7Bb%7D', '%2e%2e']) {
      const answer = await admin.call(method, `/v1/orgs/${org}${path}`, body)
      t.equal(answer.status, 404, `${method} ${org}${path}`)
    }
  }
  t.same(await admin.redis.keys('tg:{none}*'), [])
})
