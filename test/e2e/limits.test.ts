/** L1–L7, and what becomes of traffic when settings are switched off, shrunk, taken away or deleted (docs/admin-settings.md). */
import t from 'tap'
import * as keys from '../../src/store/keys.ts'
import type { TestOrg } from '../support/gateway.ts'
import { openSettings } from '../support/settings.ts'
import { until } from '../support/until.ts'

const { gateways, redis, save, saved, spend, use, crossings, org: newOrg, member } = await openSettings(2)
const REACHED = '402 user_credit_limit_reached'

async function limits(org: TestOrg, credits: number, more: object = {}): Promise<void> {
  await saved(org, 'PUT', '/user-limits', { enabled: true, default: credits, ...more })
}

/** On every gateway. */
async function verdicts(key: string, source?: 'chat' | 'workflow' | 'agent_deployment'): Promise<string[]> {
  const caller = source === undefined ? { key } : { key, source }
  return [await spend(caller, 0.01, 0), await spend(caller, 0.01, 1)]
}

void t.test('L1, L3: a limit of 0 blocks every paid call, and what is free passes', async (t) => {
  const org = await newOrg({ limit: 0 })
  t.same(await verdicts(org.key), [REACHED, REACHED])
  const models = await fetch(`${gateways[0]?.openaiUrl ?? ''}/models`, {
    headers: { authorization: `Bearer ${org.key}` },
  })
  t.equal(models.status, 200)
  await models.arrayBuffer()
})

void t.test('L3, L4: who reached the limit is refused, and it is told once, by the charge', async (t) => {
  const org = await newOrg({ limit: 5 })
  await use(org, 4.99)
  t.same(await crossings(org), [])
  await use(org, 0.01)
  t.match(await crossings(org), [
    { type: 'user.limit.reached', user: 'ada', limit: '5000000', counted: '5000000' },
  ])
  t.same(await verdicts(org.key), [REACHED, REACHED])
  t.equal((await crossings(org)).length, 1)
})

void t.test('L4: once per value of the limit, be it by a first refusal', async (t) => {
  const org = await newOrg({ limit: 100 })
  await use(org, 10)
  await limits(org, 10)
  t.same(await crossings(org), [], 'saving sends nothing')
  t.same(await verdicts(org.key), [REACHED, REACHED])
  await limits(org, 4)
  t.same(await verdicts(org.key), [REACHED, REACHED])
  await limits(org, 10)
  t.same(await verdicts(org.key), [REACHED, REACHED])
  t.same(
    (await crossings(org)).map(({ limit }) => limit),
    ['10000000', '4000000'],
  )
})

void t.test(
  'L5, L6: excluding a source, and counting it again, holds at once for the whole period',
  async (t) => {
    const org = await newOrg({ limit: 5 })
    const key = await org.createKey({ name: 'k', user: 'ada', sources: ['workflow', 'chat'] })
    await use(org, 6, { key, source: 'workflow' })
    t.same(await verdicts(key, 'chat'), [REACHED, REACHED])
    await limits(org, 5, { exclude: { workflow: true } })
    t.same(await verdicts(key, 'chat'), ['200', '200'])
    await org.usedWhenIdle()
    t.match(await org.user(), { used: 6.02, counted: 0.02, exceeding: false })
    await use(org, 10, { key, source: 'chat' })
    t.same(await verdicts(key, 'chat'), [REACHED, REACHED])
    t.same(await verdicts(key, 'workflow'), ['200', '200'], 'excluded calls are never refused')
    await limits(org, 5)
    t.same(await verdicts(key, 'workflow'), [REACHED, REACHED])
  },
)

void t.test(
  'L7: users exceeding their budget are listed, and leave the list when the limit is raised',
  async (t) => {
    const org = await newOrg({ limit: 5 })
    const exceeding = async (): Promise<unknown> => (await saved(org, 'GET', '/users?exceeding=true')).items
    t.same(await exceeding(), [])
    await use(org, 5.5)
    t.match(await exceeding(), [{ user: 'ada', used: 5.5, counted: 5.5, limit: 5, exceeding: true }])
    await limits(org, 6)
    t.same(await exceeding(), [])
  },
)

// --- what a user would expect of each change ---------------------------------------------------------------------------

void t.test(
  'a limits panel that is switched off lets everybody pass; on again, it is as it was',
  async (t) => {
    const org = await newOrg({ limit: 5 })
    await saved(org, 'PUT', '/user-limits/custom/ada', { limit: 3 })
    await use(org, 4)
    t.same(await verdicts(org.key), [REACHED, REACHED])
    const panel = await saved(org, 'GET', '/user-limits')
    await saved(org, 'PUT', '/user-limits', { ...panel, enabled: false })
    t.same(await verdicts(org.key), ['200', '200'])
    await saved(org, 'PUT', '/user-limits', panel)
    t.same(await verdicts(org.key), [REACHED, REACHED], 'the custom limit is still there')
    t.equal((await org.user()).limit, 3)
  },
)

void t.test('a limit that is shrunk below usage refuses the very next call, and usage stays', async (t) => {
  const org = await newOrg({ limit: 100 })
  await use(org, 40)
  await limits(org, 10)
  t.same(await verdicts(org.key), [REACHED, REACHED])
  t.match(await org.user(), { used: 40, limit: 10, exceeding: true })
})

void t.test('a custom limit that is deleted gives way to the default at the very next call', async (t) => {
  const org = await newOrg({ limit: 5 })
  await saved(org, 'PUT', '/user-limits/custom/ada', { limit: null })
  await use(org, 9)
  t.same(await verdicts(org.key), ['200', '200'])
  await saved(org, 'DELETE', '/user-limits/custom/ada')
  t.same(await verdicts(org.key), [REACHED, REACHED])
})

void t.test(
  'A4: a member who is removed fails at the next call, and goes on with the same counters',
  async (t) => {
    const org = await newOrg({ limit: 5 })
    await saved(org, 'PUT', '/user-limits/custom/ada', { limit: 8 })
    await use(org, 6)
    await saved(org, 'DELETE', '/members/ada')
    t.same(await verdicts(org.key), ['403 unknown_user', '403 unknown_user'])
    t.match(await saved(org, 'GET', ''), { used: 6 }, 'usage stays')
    await member(org, 'ada', 'member')
    t.equal(await spend({ key: org.key }, 3, 1), '200')
    await org.usedWhenIdle()
    t.match(await org.user(), { used: 9, limit: 8, exceeding: true })
  },
)

void t.test('a key that is revoked fails on every gateway; what it used stays', async (t) => {
  const org = await newOrg()
  await use(org, 2)
  t.same(await verdicts(org.key), ['200', '200'], 'every gateway knows it')
  const [key] = (await saved(org, 'GET', '/keys')).items ?? []
  await saved(org, 'DELETE', `/keys/${String(key?.['id'])}`)
  const refused = ['401 invalid_api_key', '401 invalid_api_key']
  await until(async () => (await verdicts(org.key)).join() === refused.join(), {
    what: 'no gateway takes it',
  })
  t.same(await verdicts(org.key), refused)
  t.equal((await save(org, 'DELETE', `/keys/${String(key?.['id'])}`)).status, 404)
  t.ok((await org.usedWhenIdle()) >= 2.02)
})

void t.test('an allowance that is lowered below usage blocks nobody', async (t) => {
  const org = await newOrg({ allowance: 100 })
  await use(org, 50)
  await saved(org, 'PATCH', '', { allowance: 10 })
  t.same(await verdicts(org.key), ['200', '200'])
  await saved(org, 'PATCH', '', { allowance: 0 })
  t.same(await verdicts(org.key), ['200', '200'])
})

void t.test(
  'an organization that is deleted is gone at once, leaves nothing, and starts afresh',
  async (t) => {
    const org = await newOrg({ limit: 5, allowance: 100 })
    await saved(org, 'POST', '/alerts', { type: 'absolute', threshold: 1 })
    await use(org, 2)
    await saved(org, 'DELETE', '')
    for (const answer of await verdicts(org.key)) t.match(answer, /^(401 invalid_api_key|403 unknown_user)$/)
    t.equal((await save(org, 'GET', '')).status, 404)
    t.same(await redis.keys(`tg:{${org.id}}:*`), [])
    t.equal(await redis.sismember(keys.ORGS, org.id), 0)
    const again = (await gateways[1]?.admin('POST', '/v1/orgs', { id: org.id })) as { used: number }
    t.equal(again.used, 0)
    t.same((await saved(org, 'GET', '/alerts')).items, [])
    t.same((await saved(org, 'GET', '/users')).items, [])
  },
)

void t.test('P4: a changed billing schedule is announced, and waits for the end of the period', async (t) => {
  const org = await newOrg({ limit: 5 })
  const before = await saved(org, 'GET', '')
  const weekly = { every: 'week', anchor: 1, timezone: 'Europe/Berlin' }
  const after = await saved(org, 'PATCH', '', { billing: weekly })
  t.same(after['billing'], before['billing'])
  t.same(after['billingNext'], weekly)
  t.same(after['period'], before['period'])
  await use(org, 6)
  await redis.hset(keys.org(org.id), 'period_end', String(Date.now() - 1_000))
  const { etag, body } = await save(org, 'GET', '')
  t.match(body, { billing: weekly, billingNext: null, used: 0 })
  t.equal(await spend({ key: org.key }, 1), '200', 'and everything starts at 0')
  t.equal((await save(org, 'GET', '')).etag, etag, 'A2: that the period rolled changes no version')
})
