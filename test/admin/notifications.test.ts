/** The log of notifications where one crossing has very many deliveries (N4). */
import t from 'tap'
import type { Crossing } from '../../src/core/crossing.ts'
import * as keys from '../../src/store/keys.ts'
import { createNoticeLog, type DeliveryState, type Destination } from '../../src/outbox/notice-log.ts'
import { startAdmin } from './harness.ts'

const admin = await startAdmin()
const log = createNoticeLog(admin.redis)

interface Shown {
  readonly channel: string
  readonly recipient: string | null
  readonly name: string | null
  readonly state: DeliveryState
  readonly attempts: number
}

const mail = (target: string): Destination => ({ channel: 'email', target })
const userOf = (index: number): string => `u${String(index).padStart(5, '0')}`

/** A crossing of bob's that goes by mail to so many, as the relay and the fan-out leave it. */
async function crossed(org: string, count: number): Promise<Crossing> {
  const crossing = {
    id: 'cx_1',
    type: 'user.alert.crossed',
    org,
    user: 'bob',
    threshold: 5,
    mark: 5,
    version: 5_000_000,
    used: 6.5,
    period: { start: '2026-11-01T00:00:00Z', end: '2026-12-01T00:00:00Z' },
    occurredAt: '2026-11-25T12:00:00.5Z',
  } as const
  await log.open((await admin.redis.hget(keys.org(org), 'created_at')) ?? '', [crossing])
  for (let from = 0; from < count; from += 500) {
    const some = Array.from({ length: Math.min(500, count - from) }, (_, i) => mail(userOf(from + i)))
    const deliveries = some.map((to) => ({ ...to, nobody: null }))
    await log.plan(crossing, deliveries, from + 500 >= count)
  }
  return crossing
}

async function came(crossing: Crossing, index: number, state: DeliveryState): Promise<void> {
  const error = state === 'sent' ? null : 'refused'
  await log.attempted(crossing, mail(userOf(index)), { round: 0, state, attempts: 1, error })
}

async function deliveries(
  org: string,
  query: string,
): Promise<{ readonly items: readonly Shown[]; readonly next: string | null }> {
  const { status, body } = await admin.call('GET', `/v1/orgs/${org}/notifications/cx_1/deliveries${query}`)
  t.equal(status, 200)
  return body as unknown as Awaited<ReturnType<typeof deliveries>>
}

async function allOf(org: string, query: string): Promise<{ pages: number; recipients: unknown[] }> {
  const recipients: unknown[] = []
  let [pages, cursor] = [0, '']
  do {
    const { items, next } = await deliveries(org, `?limit=200${query}${cursor}`)
    recipients.push(...items.map(({ recipient }) => recipient))
    pages += 1
    cursor = next === null ? '' : `&cursor=${next}`
  } while (cursor !== '')
  return { pages, recipients }
}

void t.test(
  'N4: a list says how many deliveries are in each state, and shows at most a hundred',
  async (t) => {
    const org = await admin.org(['ada'], ['bob'])
    const path = `/v1/orgs/${org}/notifications`
    const crossing = await crossed(org, 250)
    for (let index = 0; index < 4; index += 1) await came(crossing, index, 'parked')
    await came(crossing, 4, 'failed')
    await came(crossing, 5, 'sent')
    const counts = { queued: 244, sent: 1, failed: 1, parked: 4, no_recipients: 0 }
    for (const [query, shown] of [
      ['', 100],
      ['?deliveries=0', 0],
      ['?deliveries=7&state=parked', 7],
      ['?deliveries=100&type=user.alert.crossed', 100],
    ] as const) {
      const { items = [] } = (await admin.call('GET', path + query)).body
      t.match(items, [{ id: 'cx_1', user: 'bob', name: 'Name of bob', counts }], query)
      t.equal((items[0]?.['deliveries'] as unknown[]).length, shown, query)
    }
    const one = (await admin.call('GET', `${path}/cx_1`)).body
    t.match(one, { counts })
    t.equal(new Set((one['deliveries'] as Shown[]).map(({ recipient }) => recipient)).size, 100)
    for (const wrong of ['101', '-1', 'all'])
      t.match((await admin.call('GET', `${path}?deliveries=${wrong}`)).body, {
        status: 400,
        errors: [{ field: 'deliveries' }],
      })
  },
)

void t.test('N4: of up to a hundred deliveries a list has all, in order', async (t) => {
  const org = await admin.org(['ada'], ['bob'])
  await crossed(org, 100)
  const { items = [] } = (await admin.call('GET', `/v1/orgs/${org}/notifications`)).body
  t.strictSame(
    (items[0]?.['deliveries'] as Shown[]).map(({ recipient }) => recipient),
    Array.from({ length: 100 }, (_, index) => userOf(index)),
  )
})

void t.test('N4: the deliveries of a notification are paged, in order, and by state', async (t) => {
  const org = await admin.org(['ada'], ['bob', userOf(3)])
  const crossing = await crossed(org, 450)
  for (const index of [3, 301, 449]) await came(crossing, index, 'parked')
  t.strictSame(await allOf(org, ''), {
    pages: 3,
    recipients: Array.from({ length: 450 }, (_, index) => userOf(index)),
  })
  const parked = await deliveries(org, '?state=parked&limit=2')
  t.match(parked.items, [
    { channel: 'email', recipient: userOf(3), name: `Name of ${userOf(3)}`, state: 'parked', attempts: 1 },
    { recipient: userOf(301), name: null, state: 'parked', error: 'refused' },
  ])
  t.match(await deliveries(org, `?state=parked&limit=2&cursor=${parked.next ?? ''}`), {
    items: [{ recipient: userOf(449) }],
    next: null,
  })
  t.strictSame((await deliveries(org, '?state=sent')).items, [])
  const path = `/v1/orgs/${org}/notifications`
  t.match((await admin.call('GET', `${path}/cx_2/deliveries`)).body, { status: 404, code: 'not_found' })
  t.match((await admin.call('GET', `${path}/cx_1/deliveries?state=lost`)).body, {
    status: 400,
    errors: [{ field: 'state' }],
  })
})

void t.test('N4: more deliveries than are put in order come each once all the same', async (t) => {
  const org = await admin.org(['ada'], ['bob'])
  await crossed(org, 10_500)
  const { recipients } = await allOf(org, '')
  t.equal(recipients.length, 10_500)
  t.equal(new Set(recipients).size, 10_500)
})

void t.test(
  'N2: one delivery that was given up is sent again, and the others stay as they are',
  async (t) => {
    const org = await admin.org(['ada'], ['bob'])
    const path = `/v1/orgs/${org}/notifications/cx_1/redeliver`
    const crossing = await crossed(org, 3)
    await came(crossing, 0, 'parked')
    await came(crossing, 1, 'parked')
    await came(crossing, 2, 'sent')
    const again = await admin.call('POST', `${path}?channel=email&recipient=${userOf(1)}`)
    t.equal(again.status, 202)
    t.match(again.body, {
      counts: { queued: 1, sent: 1, parked: 1 },
      deliveries: [
        { recipient: userOf(0), state: 'parked' },
        { recipient: userOf(1), state: 'queued', attempts: 0, error: null },
        { recipient: userOf(2), state: 'sent' },
      ],
    })
    t.equal(await log.plan(crossing, [], true), 'planned', 'nobody is looked for again')
    for (const recipient of [userOf(1), userOf(2), 'nobody'])
      t.match(
        (await admin.call('POST', `${path}?channel=email&recipient=${recipient}`)).body,
        { status: 409, code: 'nothing_to_redeliver' },
        recipient,
      )
    for (const [query, field] of [
      ['channel=email', 'recipient'],
      [`recipient=${userOf(0)}`, 'channel'],
      ['channel=fax&recipient=a', 'channel'],
    ] as const)
      t.match(
        (await admin.call('POST', `${path}?${query}`)).body,
        { status: 400, errors: [{ field }] },
        query,
      )
    t.match((await admin.call('GET', `/v1/orgs/${org}/audit?action=notification.redeliver`)).body.items, [
      { target: 'cx_1', before: { channel: 'email', recipient: userOf(1) }, after: null },
    ])
    t.match((await admin.call('POST', path)).body, { counts: { queued: 2, sent: 1, parked: 0 } })
  },
)
