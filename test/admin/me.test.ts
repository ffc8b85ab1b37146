import t from 'tap'
import { dayAt } from '../../src/core/period.ts'
import type { Day, UnixMs } from '../../src/core/units.ts'
import * as keys from '../../src/store/keys.ts'
import { startAdmin, type Admin } from './harness.ts'

const admin = await startAdmin()

/** What settle writes of a user's day. */
async function usedOn(
  own: Admin,
  org: string,
  user: string,
  day: Day,
  usage: Record<string, string>,
): Promise<void> {
  await own.redis.hset(keys.userDay(org, day, user), usage)
}

async function limits(org: string, more: object = {}): Promise<void> {
  const answer = await admin.call('PUT', `/v1/orgs/${org}/user-limits`, {
    enabled: true,
    default: 10,
    ...more,
  })
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body))
}

void t.test('E4: a member sees the own standing, by session and by key, and nobody else’s', async (t) => {
  const org = await admin.org(['ada'], ['bob'])
  await limits(org)
  await admin.used(org, 'bob', 7)
  await admin.used(org, 'ada', 3)
  await admin.redis.hset(keys.user(org, 1, 'bob'), { 'used:workflow': '500000', 'held:chat': '1250000' })
  const key = await admin.adminKey(org, 'bob')
  const { period } = (await admin.call('GET', `/v1/orgs/${org}`)).body as { period: object }
  const wanted = {
    user: 'bob',
    org,
    name: 'Name of bob',
    role: 'member',
    period: { ...period, timezone: 'UTC' },
    amountsHidden: false,
    used: 7.5,
    counted: 7.5,
    held: 1.25,
    limit: 10,
    remaining: 1.25,
  }
  t.same((await admin.send('GET', '/v1/me', await admin.signIn(key))).body, wanted)
  t.same((await admin.call('GET', '/v1/me', undefined, key)).body, wanted)
  const ada = await admin.call('GET', '/v1/me', undefined, await admin.adminKey(org, 'ada'))
  t.match(ada.body, { user: 'ada', role: 'admin', used: 3, remaining: 7 })

  await limits(org, { exclude: { workflow: true } })
  t.match((await admin.call('GET', '/v1/me', undefined, key)).body, {
    used: 7.5,
    counted: 7,
    remaining: 1.75,
  })
  await admin.call('PUT', `/v1/orgs/${org}/user-limits/custom/bob`, { limit: 5 })
  t.match(
    (await admin.call('GET', '/v1/me', undefined, key)).body,
    { limit: 5, remaining: 0 },
    'never below 0',
  )
  await admin.call('PUT', `/v1/orgs/${org}/user-limits/custom/bob`, { limit: null })
  t.match((await admin.call('GET', '/v1/me', undefined, key)).body, { limit: null, remaining: null })
})

void t.test('A1: the operator is no member, and a stranger learns nothing', async (t) => {
  t.match((await admin.call('GET', '/v1/me')).body, { status: 403, code: 'forbidden' })
  t.equal((await admin.call('GET', '/v1/me', undefined, null)).status, 401)
  const org = await admin.org(['ada'])
  const answer = await admin.call('GET', '/v1/me?by=model', undefined, await admin.adminKey(org, 'ada'))
  t.match(answer.body, { status: 400, errors: [{ field: 'by' }] })
})

void t.test(
  'C9: by=day adds up to what is used: every source and model, in the organization’s zone',
  async (t) => {
    const org = await admin.org([], ['bob'])
    // A day of this zone begins up to 14 hours before the same day of UTC.
    const timezone = 'Pacific/Kiritimati'
    await admin.redis.hset(keys.org(org), 'billing', JSON.stringify({ every: 'month', anchor: 1, timezone }))
    const { start, day: today } = dayAt(timezone, Date.now() as UnixMs)
    const first = dayAt(timezone, (start - 3 * 86_400_000) as UnixMs)
    await admin.redis.hset(keys.org(org), { period_start: first.start, period_end: start + 30 * 86_400_000 })
    const before = dayAt(timezone, (first.start - 1) as UnixMs).day
    await usedOn(admin, org, 'bob', before, { 'chat|m': '99000000 9 9 9' })
    await usedOn(admin, org, 'bob', first.day, {
      'chat|m': '1000000 1 10 5',
      'workflow|a|b': '250000 2 20 7',
    })
    await usedOn(admin, org, 'bob', today, { 'chat|m': '2000000 3 30 1', 'chat|adjustment': '-500000 0 0 0' })
    await admin.used(org, 'bob', 2.75)
    const iso = (day: string): string => `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}`
    const me = await admin.call('GET', '/v1/me?by=day', undefined, await admin.adminKey(org, 'bob'))
    t.match(me.body, { used: 2.75, period: { timezone } })
    t.same(me.body['days'], [
      { key: iso(first.day), credits: 1.25, calls: 3, inputTokens: 30, outputTokens: 12 },
      { key: iso(today), credits: 1.5, calls: 3, inputTokens: 30, outputTokens: 1 },
    ])
    const without = await admin.call('GET', '/v1/me', undefined, await admin.adminKey(org, 'bob'))
    t.notOk('days' in without.body)
  },
)

void t.test('P2: in a period that nobody has opened yet the standing is empty', async (t) => {
  const org = await admin.org([], ['bob'])
  await limits(org)
  await admin.used(org, 'bob', 9)
  const now = Date.now()
  await admin.redis.hset(keys.org(org), { period_start: now - 86_400_000, period_end: now - 1_000 })
  const key = await admin.adminKey(org, 'bob')
  t.match((await admin.call('GET', '/v1/me?by=day', undefined, key)).body, { used: 0, remaining: 10 })
})

void t.test(
  'E3: where amounts are hidden a member’s answer has none, in no field; an admin sees them',
  async (t) => {
    const org = await admin.org(['ada'], ['bob'])
    await limits(org, { explanation: { hideAmounts: true } })
    await admin.used(org, 'bob', 7)
    await usedOn(admin, org, 'bob', dayAt('UTC', Date.now() as UnixMs).day, { 'chat|m': '7000000 1 1 1' })
    const bob = await admin.call('GET', '/v1/me?by=day', undefined, await admin.adminKey(org, 'bob'))
    t.same(Object.keys(bob.body).sort(), ['amountsHidden', 'name', 'org', 'period', 'role', 'user'])
    t.equal(bob.body['amountsHidden'], true)
    const ada = await admin.call('GET', '/v1/me?by=day', undefined, await admin.adminKey(org, 'ada'))
    t.match(ada.body, { amountsHidden: false, used: 0, limit: 10, days: [] })
  },
)
