/** C8: adjustments of a user's usage, made over the admin API of gateways that carry traffic. */
import t from 'tap'
import type { TestOrg } from '../support/gateway.ts'
import { openSettings, type Answer } from '../support/settings.ts'

const { save, saved, spend, use, crossings, org: newOrg } = await openSettings(2)

function adjust(
  org: TestOrg,
  credits: number,
  more: Readonly<Record<string, unknown>> = {},
  key: string | null = null,
): Promise<Answer> {
  const body = { user: 'ada', credits, reason: 'because', ...more }
  return save(org, 'POST', '/adjustments', body, key === null ? {} : { 'idempotency-key': key })
}

void t.test('C8: a refund or a charge counts at once, to the sixth decimal, in every sum', async (t) => {
  const org = await newOrg()
  await use(org, 30)
  t.match((await adjust(org, -12.5)).body, { id: /^adj_/, used: 17.5 })
  t.match((await adjust(org, 0.000001)).body, { used: 17.500001 })
  t.match((await adjust(org, 0.1)).body, { used: 17.600001 })
  t.match((await adjust(org, 0.2)).body, { used: 17.800001 }, 'no float holds money')
  t.match((await adjust(org, 5, { source: 'workflow' })).body, { used: 22.800001 })
  t.equal((await org.user()).used, 22.800001)
  t.match(await saved(org, 'GET', ''), { used: 22.800001 })
  for (const by of ['user', 'source', 'model', 'day']) {
    const usage = await saved(org, 'GET', `/usage?by=${by}`)
    t.match(usage['total'], { credits: 22.800001, calls: 1 }, by)
    if (by === 'model') {
      const found = usage.items?.find(({ key }) => key === 'adjustment')
      t.match(found, { credits: -7.199999, calls: 0 })
    }
  }
})

void t.test(
  'C8: what has more than six decimals, is 0, too large or of nobody is refused and named',
  async (t) => {
    const org = await newOrg()
    await use(org, 3)
    for (const [credits, more, status, field] of [
      [0.0000001, {}, 400, 'credits'],
      [1.2345678, {}, 400, 'credits'],
      [0, {}, 400, 'credits'],
      [1e9 + 1, {}, 400, 'credits'],
      [1, { source: 'elsewhere' }, 400, 'source'],
      [1, { reason: ' ' }, 400, 'reason'],
      [1, { note: 'x' }, 400, 'note'],
      [1, { user: 'mallory' }, 422, 'user'],
      [-3.000001, {}, 422, 'credits'],
      [-1, { source: 'workflow' }, 422, 'credits'],
    ] as const) {
      const answer = await adjust(org, credits, more)
      t.match(answer.body, { status, errors: [{ field }] }, `${credits} ${JSON.stringify(more)}`)
    }
    t.equal((await org.user()).used, 3)
    t.match((await adjust(org, -3)).body, { used: 0 }, 'all of it can be given back')
  },
)

void t.test('C8: the same key and body get the same answer, once; another body is refused', async (t) => {
  const org = await newOrg()
  await use(org, 10)
  const answers = await Promise.all(Array.from({ length: 8 }, () => adjust(org, -1, {}, 'retry-1')))
  t.same([...new Set(answers.map(({ status }) => status))], [201])
  t.equal(new Set(answers.map(({ body }) => JSON.stringify(body))).size, 1)
  t.match(answers[0]?.body, { used: 9 })
  t.match((await adjust(org, -2, {}, 'retry-1')).body, { status: 422, code: 'idempotency_key_reused' })
  t.match((await adjust(org, -1, {}, 'retry-2')).body, { used: 8 })
  t.equal((await adjust(org, -1, {}, 'not visible')).status, 400)
  t.equal((await org.user()).used, 8)
})

void t.test('C8, A3: an adjustment is in the audit log, with its reason and what it changed', async (t) => {
  const org = await newOrg()
  await use(org, 10)
  const { body } = await adjust(org, -2.5, { reason: 'wrong model' })
  t.match((await saved(org, 'GET', '/audit?action=adjustment.create')).items, [
    {
      actor: 'operator',
      target: 'ada',
      before: { used: 10 },
      after: { id: body['id'], user: 'ada', credits: -2.5, source: 'chat', reason: 'wrong model', used: 7.5 },
    },
  ])
})

void t.test(
  'C8: a charge fires what it crosses, O, U and L4; a refund fires nothing and arms nothing again (O5)',
  async (t) => {
    const org = await newOrg({ allowance: 100 })
    await saved(org, 'POST', '/alerts', { type: 'percentage', threshold: 10 })
    await saved(org, 'PUT', '/user-alerts', { enabled: true, threshold: 8 })
    await saved(org, 'PUT', '/user-limits', { enabled: true, default: 9 })
    await adjust(org, 12)
    const types = async (): Promise<string[]> => (await crossings(org)).map(({ type }) => type)
    const all = ['org.alert.crossed', 'user.alert.crossed', 'user.limit.reached']
    t.same(await types(), all)
    t.equal(await spend({ key: org.key }, 1), '402 user_credit_limit_reached')
    await adjust(org, -10)
    await adjust(org, 10)
    t.same(await types(), all)
    await saved(org, 'PUT', '/user-alerts', { enabled: true, threshold: 5 })
    await adjust(org, -4)
    t.same(await types(), all, 'past a new threshold, but a refund never fires')
    await use(org, 0.01)
    t.same(await types(), [...all, 'user.alert.crossed'])
  },
)

void t.test('C8: a refund unblocks a user at the very next call, on every gateway', async (t) => {
  const org = await newOrg({ limit: 5 })
  await use(org, 6)
  for (const gateway of [0, 1])
    t.equal(await spend({ key: org.key }, 1, gateway), '402 user_credit_limit_reached')
  await adjust(org, -3)
  t.equal(await spend({ key: org.key }, 1, 1), '200')
})
