/** O1–O10: alerts of an organization, saved over the admin API, crossed by calls through running gateways. */
import t from 'tap'
import * as keys from '../../src/store/keys.ts'
import type { TestOrg } from '../support/gateway.ts'
import { openSettings, type Answer } from '../support/settings.ts'
import { until } from '../support/until.ts'

const {
  gateways,
  origin,
  redis,
  save,
  saved,
  spend,
  use,
  crossings,
  org: newOrg,
  member,
} = await openSettings(2)

async function alert(
  org: TestOrg,
  type: 'percentage' | 'absolute',
  threshold: number,
): Promise<Answer['body'] & { id: string }> {
  return (await saved(org, 'POST', '/alerts', { type, threshold })) as Answer['body'] & { id: string }
}

async function read(org: TestOrg, id: string): Promise<Answer['body']> {
  return (await save(org, 'GET', `/alerts/${id}`)).body
}

/** Thresholds that have fired, in their order. */
async function fired(org: TestOrg): Promise<number[]> {
  const seen = await crossings(org)
  return seen.filter(({ type }) => type === 'org.alert.crossed').map(({ threshold }) => Number(threshold))
}

/** Ends the open period, as the calendar does: whoever comes next has to notice. */
async function endPeriod(org: TestOrg): Promise<void> {
  const end = Date.now() - 1_000
  await redis.hset(keys.org(org.id), 'period_end', String(end))
}

void t.test('O1: an organization has up to 1,000 alerts, each with an id; one more is refused', async (t) => {
  const org = await newOrg()
  const text = JSON.stringify({ type: 'absolute', threshold: 5, recipients: 'all', version: 1 })
  const many = Array.from({ length: 998 }, (_, index) => [`alert_${String(index).padStart(4, '0')}`, text])
  await redis.hset(keys.alerts(org.id), ...many.flat())
  const made = await save(org, 'POST', '/alerts', { type: 'percentage', threshold: 75, recipients: 'all' })
  t.equal(made.status, 201)
  t.match(made.body, { type: 'percentage', threshold: 75, recipients: 'all', mark: 750_000, firedAt: null })
  t.equal(made.headers.get('location'), `/v1/orgs/${org.id}/alerts/${String(made.body['id'])}`)
  const results = await Promise.all(
    [1, 2, 3].map(() => save(org, 'POST', '/alerts', { type: 'absolute', threshold: 9 })),
  )
  t.same(results.map(({ status }) => status).sort(), [201, 409, 409])
  t.match(results.find(({ status }) => status === 409)?.body, { code: 'too_many' })
  let listed = 0
  let cursor = ''
  do {
    const page = (await save(org, 'GET', `/alerts?limit=200${cursor}`)).body
    listed += page.items?.length ?? 0
    cursor = typeof page['next'] === 'string' ? `&cursor=${page['next']}` : ''
  } while (cursor !== '')
  t.equal(listed, 1_000)
})

void t.test(
  'O2: a percentage is a whole number from 1 to 100, credits are whole and at least 1',
  async (t) => {
    const org = await newOrg({ allowance: 100 })
    const { id } = await alert(org, 'percentage', 50)
    for (const [body, field] of [
      [{ type: 'percentage', threshold: 0 }, 'threshold'],
      [{ type: 'percentage', threshold: 101 }, 'threshold'],
      [{ type: 'percentage', threshold: 12.5 }, 'threshold'],
      [{ type: 'absolute', threshold: 0 }, 'threshold'],
      [{ type: 'absolute', threshold: 1.5 }, 'threshold'],
      [{ type: 'absolute', threshold: 1_000_000_001 }, 'threshold'],
      [{ type: 'absolute', threshold: '5' }, 'threshold'],
      [{ type: 'relative', threshold: 5 }, 'type'],
      [{ type: 'absolute', threshold: 5, recipients: [] }, 'recipients'],
      [{ type: 'absolute', threshold: 5, enabled: true }, 'enabled'],
    ] as const) {
      for (const [method, path] of [
        ['POST', '/alerts'],
        ['PATCH', `/alerts/${id}`],
      ] as const) {
        const answer = await save(org, method, path, body)
        t.match(answer.body, { status: 400, errors: [{ field }] }, `${method} ${JSON.stringify(body)}`)
      }
    }
    t.match((await save(org, 'POST', '/alerts', { type: 'absolute' })).body, {
      status: 400,
      errors: [{ field: 'threshold' }],
    })
    t.match(
      (await save(org, 'PATCH', `/alerts/${id}`, { threshold: 101 })).body,
      { status: 400 },
      'as it would be together with what stays',
    )
    t.match(await alert(org, 'absolute', 1_000_000_000), { mark: 1_000_000_000 }, 'also above the allowance')
    const above = await alert(org, 'absolute', 101)
    await use(org, 100)
    t.same(await fired(org), [50])
    await use(org, 1)
    t.same(await fired(org), [50, 101])
    t.match((await read(org, above.id))['firedAt'], /^\d{4}-/)
  },
)

void t.test('O2: with an allowance of 0 percentage alerts do not fire, and absolute ones do', async (t) => {
  const org = await newOrg({ allowance: 0 })
  t.match(await alert(org, 'percentage', 1), { mark: null, firedAt: null })
  await alert(org, 'percentage', 100)
  await alert(org, 'absolute', 2)
  await use(org, 2)
  t.same(await fired(org), [2])
  await saved(org, 'PATCH', '', { allowance: 4 })
  t.same(await fired(org), [2, 1], 'an allowance gives them a mark, and usage is past one of them')
  await use(org, 2)
  t.same(await fired(org), [2, 1, 100])
})

void t.test('O3: raise the allowance, and an unfired alert waits for its new mark', async (t) => {
  const org = await newOrg({ allowance: 100 })
  const [fifty, seventy] = [await alert(org, 'percentage', 50), await alert(org, 'percentage', 75)]
  await use(org, 50)
  t.same(await fired(org), [50])
  await saved(org, 'PATCH', '', { allowance: 200 })
  t.match(await read(org, seventy.id), { mark: 150, firedAt: null })
  await use(org, 60)
  t.same(await fired(org), [50], '110 is past 75, which was its mark, and past 100, which is the other one’s')
  t.match((await read(org, fifty.id))['firedAt'], /^\d{4}-/, 'one that has fired stays fired')
  await use(org, 40)
  t.same(await fired(org), [50, 75])
})

void t.test(
  'O3: lower the allowance so that usage is already past, and each unfired alert fires at once',
  async (t) => {
    const org = await newOrg({ allowance: 1_000 })
    for (const percent of [80, 40, 20, 5]) await alert(org, 'percentage', percent)
    await alert(org, 'absolute', 101)
    await use(org, 60)
    t.same(await fired(org), [5])
    await saved(org, 'PATCH', '', { allowance: 100, name: 'Smaller' })
    const seen = await crossings(org)
    t.same(await fired(org), [5, 20, 40])
    t.match(seen.at(-1), {
      mark: '40000000',
      used: '60000000',
      allowance: '100000000',
      threshold_type: 'percentage',
    })
    await saved(org, 'PATCH', '', { allowance: 0 })
    await saved(org, 'PATCH', '', { allowance: 100 })
    t.same(await fired(org), [5, 20, 40], 'back again: nothing fires twice')
    await use(org, 20)
    t.same(await fired(org), [5, 20, 40, 80])
    await use(org, 21)
    t.same(await fired(org), [5, 20, 40, 80, 101], 'absolute ones know no allowance')
    t.equal(
      (await gateways[0]?.metric('tollgate_crossings_total{type="org.alert.crossed"}')) ?? 0,
      await total(),
    )
  },
)

/** Every alert that fired in this file so far, through the first gateway or by a save. */
async function total(): Promise<number> {
  let count = 0
  for (const id of await redis.smembers(keys.ORGS)) count += (await fired({ id } as TestOrg)).length
  return count
}

void t.test('O4: 75% of 10,000 fires at 7,500, not at 7,499', async (t) => {
  const org = await newOrg({ allowance: 10_000 })
  await alert(org, 'percentage', 75)
  await use(org, 7_499)
  await use(org, 0.99)
  t.same(await fired(org), [])
  await use(org, 0.01)
  t.same(await fired(org), [75])
  t.match(await crossings(org), [
    {
      type: 'org.alert.crossed',
      threshold_type: 'percentage',
      mark: '7500000000',
      used: '7500000000',
      allowance: '10000000000',
      version: '1',
      period_no: '1',
    },
  ])
})

void t.test(
  'O5: once per period: usage that falls and climbs again does not fire it; the next period arms it again',
  async (t) => {
    const org = await newOrg({ allowance: 100 })
    const { id } = await alert(org, 'percentage', 50)
    await use(org, 60)
    await saved(org, 'POST', '/adjustments', { user: 'ada', credits: -40, reason: 'refund' })
    await use(org, 70)
    t.same(await fired(org), [50])
    await endPeriod(org)
    t.match(await read(org, id), { firedAt: null, mark: 50 }, 'also before anybody called')
    await use(org, 49)
    t.same(await fired(org), [50])
    await use(org, 1)
    t.same(await fired(org), [50, 50])
    const [first, second] = await crossings(org)
    t.same([first?.['period_no'], second?.['period_no']], ['1', '2'])
    t.match((await read(org, id))['firedAt'], /^\d{4}-/)
  },
)

void t.test(
  'O6: one charge that jumps over several thresholds fires each of them, and no more',
  async (t) => {
    const org = await newOrg({ allowance: 100 })
    for (const percent of [90, 25, 50, 75]) await alert(org, 'percentage', percent)
    for (const credits of [60, 76, 80]) await alert(org, 'absolute', credits)
    await use(org, 76.5)
    t.same((await fired(org)).sort(), [25, 50, 60, 75, 76])
  },
)

void t.test(
  'O7: recipients are all admins or named ones; who is no admin when it is saved is named, and nothing is saved',
  async (t) => {
    const org = await newOrg({ allowance: 100 })
    for (const admin of ['eve', 'joe']) await member(org, admin, 'admin')
    const body = { type: 'absolute', threshold: 5 }
    for (const recipients of [['ada'], ['eve', 'nobody'], ['eve', 'ada', 'joe']]) {
      const refused = await save(org, 'POST', '/alerts', { ...body, recipients })
      const place = recipients.findIndex((user) => user !== 'eve')
      t.match(refused.body, { status: 422, code: 'not_an_admin', errors: [{ field: `recipients.${place}` }] })
    }
    t.same((await save(org, 'GET', '/alerts')).body.items, [])
    const made = await saved(org, 'POST', '/alerts', { ...body, recipients: ['eve', 'joe'] })
    t.same(made['recipients'], ['eve', 'joe'])
    const path = `/alerts/${String(made['id'])}`
    t.equal((await save(org, 'PATCH', path, { recipients: ['ada'] })).status, 422)
    await member(org, 'joe', 'member')
    t.match(
      await read(org, String(made['id'])),
      { recipients: ['eve', 'joe'] },
      'who is demoted later stays named',
    )
    const change = await save(org, 'PATCH', path, { threshold: 6 })
    t.match(change.body, { status: 422, errors: [{ field: 'recipients.1' }] }, 'until it is saved again')
    t.match(await saved(org, 'PATCH', path, { threshold: 6, recipients: 'all' }), { recipients: 'all' })
  },
)

void t.test(
  'O8: another threshold or type arms it again, and fires it at once where usage is past; recipients arm nothing',
  async (t) => {
    const org = await newOrg({ allowance: 100 })
    await member(org, 'eve', 'admin')
    const { id } = await alert(org, 'percentage', 50)
    const path = `/alerts/${id}`
    await use(org, 60)
    t.same(await fired(org), [50])
    await saved(org, 'PATCH', path, { recipients: ['eve'] })
    await saved(org, 'PATCH', path, { threshold: 50, type: 'percentage' })
    t.match((await read(org, id))['firedAt'], /^\d{4}-/)
    t.same(await fired(org), [50], 'nothing was armed')
    await saved(org, 'PATCH', path, { threshold: 55 })
    t.same(await fired(org), [50, 55], 'past it: at once')
    await saved(org, 'PATCH', path, { type: 'absolute' })
    t.same(await fired(org), [50, 55, 55], 'another type')
    t.match(await saved(org, 'PATCH', path, { threshold: 70 }), { firedAt: null, mark: 70 })
    await use(org, 9)
    t.same(await fired(org), [50, 55, 55])
    await use(org, 1)
    t.same(await fired(org), [50, 55, 55, 70])
    t.same(
      (await crossings(org)).map(({ version }) => version),
      ['1', '2', '3', '4'],
      'each version fires once (N1)',
    )
  },
)

void t.test(
  'O9: a new alert whose threshold is passed fires at once; a deleted one never does',
  async (t) => {
    const org = await newOrg({ allowance: 100 })
    const kept = await alert(org, 'absolute', 40)
    const gone = await alert(org, 'absolute', 30)
    await use(org, 20)
    t.match(await alert(org, 'percentage', 20), { mark: 20, firedAt: /^\d{4}-/ })
    t.same(await fired(org), [20])
    t.equal((await save(org, 'DELETE', `/alerts/${gone.id}`)).status, 204)
    t.equal((await save(org, 'DELETE', `/alerts/${gone.id}`)).status, 404)
    t.equal((await save(org, 'GET', `/alerts/${gone.id}`)).status, 404)
    await use(org, 15)
    t.same(await fired(org), [20])
    await use(org, 5)
    t.same(await fired(org), [20, 40])
    await saved(org, 'DELETE', `/alerts/${kept.id}`)
    await endPeriod(org)
    await use(org, 50)
    t.same(await fired(org), [20, 40, 20], 'nor in the next period')
  },
)

void t.test(
  'O9, P3: a deleted alert does not fire by a call that is charged late to the period before, and a kept one does',
  async (t) => {
    const org = await newOrg({ allowance: 100 })
    const [kept, gone] = [await alert(org, 'absolute', 30), await alert(org, 'absolute', 20)]
    t.ok(kept.id < gone.id)
    const answer = origin.answer
    let isAsked = false
    let release: () => void = () => undefined
    const released = new Promise<void>((resolve) => (release = resolve))
    origin.answer = async (...exchange) => {
      isAsked = true
      await released
      return answer(...exchange)
    }
    const late = spend({ key: org.key }, 40)
    await until(() => isAsked)
    origin.answer = answer
    await endPeriod(org)
    await saved(org, 'DELETE', `/alerts/${gone.id}`)
    release()
    t.equal(await late, '200')
    await until(async () => Number(await redis.hget(keys.total(org.id, 1), 'used')) === 40_000_000)
    t.match(await crossings(org), [{ alert: kept.id, threshold: '30', period_no: '1' }])
    t.equal((await crossings(org)).length, 1)
    t.same(await redis.zrange(keys.armed(org.id, 2), 0, -1), [`${kept.id} 1 absolute 30`])
  },
)

void t.test('O10: an alert never blocks a call', async (t) => {
  const org = await newOrg({ allowance: 1 })
  await alert(org, 'percentage', 1)
  await alert(org, 'absolute', 1)
  for (let call = 0; call < 5; call += 1) await use(org, 10)
  t.equal((await fired(org)).length, 2)
})

void t.test('A2: an alert is changed and deleted only on its current version', async (t) => {
  const org = await newOrg({ allowance: 100 })
  const { id } = await alert(org, 'absolute', 50)
  const path = `/alerts/${id}`
  const { etag } = await save(org, 'GET', path)
  await use(org, 60)
  t.equal((await save(org, 'GET', path)).etag, etag, 'that it fired changes no version')
  const race = await Promise.all(
    [1, 2, 3, 4, 5, 6, 7, 8].map((index) =>
      save(org, 'PATCH', path, { threshold: 50 + index }, { 'if-match': etag ?? '' }),
    ),
  )
  t.same(race.map(({ status }) => status).sort(), [200, 412, 412, 412, 412, 412, 412, 412])
  const winner = race.find(({ status }) => status === 200)
  t.match(race.find(({ status }) => status === 412)?.body, { code: 'precondition_failed', current: { id } })
  t.equal((await fired(org)).length, 2, 'one of them was saved, so one of them fired')
  t.equal((await save(org, 'DELETE', path, undefined, { 'if-match': etag ?? '' })).status, 412)
  t.equal((await save(org, 'DELETE', path, undefined, { 'if-match': winner?.etag ?? '' })).status, 204)
})

void t.test('A3: what is done to an alert is in the audit log', async (t) => {
  const org = await newOrg({ allowance: 100 })
  const { id } = await alert(org, 'absolute', 50)
  await saved(org, 'PATCH', `/alerts/${id}`, { threshold: 60 })
  await saved(org, 'DELETE', `/alerts/${id}`)
  const shape = { id, type: 'absolute', recipients: 'all' }
  const { items = [] } = (await save(org, 'GET', '/audit?limit=3')).body
  t.match(items, [
    { action: 'alert.delete', target: id, before: { ...shape, threshold: 60 }, after: null },
    { action: 'alert.update', target: id, before: { ...shape, threshold: 50 }, after: { threshold: 60 } },
    { action: 'alert.create', target: id, before: null, after: { ...shape, threshold: 50 } },
  ])
})

void t.test(
  'O9, N1: an alert that is saved while charges race past its threshold through two gateways fires exactly once',
  async (t) => {
    for (let round = 0; round < 12; round += 1) {
      const org = await newOrg({ allowance: 1_000 })
      const calls = Array.from({ length: 16 }, (_, index) => spend({ key: org.key }, 1, index))
      // From nothing charged yet, over a threshold about to be passed, to one that was passed some charges ago.
      await until(async () => Number(await redis.hget(keys.total(org.id, 1), 'used')) >= round * 1_000_000)
      const { id } = await alert(org, 'absolute', 6)
      const edits = [...calls, save(org, 'PATCH', `/alerts/${id}`, { recipients: 'all' })]
      await Promise.all<unknown>(edits)
      t.equal(await org.usedWhenIdle(), 16)
      t.same(await fired(org), [6])
    }
  },
)

void t.test(
  'P4: an alert that is saved when the period has just ended is armed in the next one, and fires there',
  async (t) => {
    const org = await newOrg({ allowance: 100 })
    await use(org, 60)
    await endPeriod(org)
    t.match(await alert(org, 'percentage', 50), { firedAt: null, mark: 50 })
    t.same(await fired(org), [], 'what was used before the end is not of this period')
    await use(org, 50)
    t.match(await crossings(org), [{ threshold: '50', period_no: '2' }])
  },
)
