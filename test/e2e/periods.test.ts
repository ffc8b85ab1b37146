/** P1–P4: billing periods over HTTP: calls, refusals and alerts before and after a period ends, through gateways on one store. */
import t from 'tap'
import { periodAt } from '../../src/core/period.ts'
import type { BillingSchedule } from '../../src/core/policy.ts'
import type { UnixMs } from '../../src/core/units.ts'
import * as keys from '../../src/store/keys.ts'
import type { TestOrg } from '../support/gateway.ts'
import { chatAnswerAt, postChat } from '../support/origin.ts'
import { openSettings } from '../support/settings.ts'
import { until } from '../support/until.ts'

const DAY_MS = 86_400_000
const WRONG_BY_MS = 400 * DAY_MS
const {
  redis,
  origin,
  save,
  saved,
  spend,
  use,
  crossings,
  gateways,
  org: newOrg,
} = await openSettings(2, WRONG_BY_MS)
const usual = origin.answer

interface Period {
  readonly start: string
  readonly end: string
}
interface OrgBody {
  readonly billing: BillingSchedule
  readonly billingNext: BillingSchedule | null
  readonly period: Period
  readonly used: number
  readonly held: number
}

async function read(org: TestOrg): Promise<OrgBody> {
  return (await saved(org, 'GET', '')) as unknown as OrgBody
}

/** Ends the open period at an instant that has passed; by default just now. */
async function endPeriod(org: TestOrg, end = Date.now() - 1_000): Promise<void> {
  await redis.hset(keys.org(org.id), 'period_end', String(end))
}

/** An organization whose open period is that of its schedule `ms` ago: since then nobody called. */
async function leaveAlone(org: TestOrg, ms: number): Promise<Period> {
  const { start, end } = periodAt((await read(org)).billing, (Date.now() - ms) as UnixMs)
  await redis.hset(keys.org(org.id), { period_start: start, period_end: end })
  await redis.hset(keys.total(org.id, 1), { start, end })
  return { start: new Date(start).toISOString(), end: new Date(end).toISOString() }
}

/** What a clock on the wall of a zone shows, as a day's number from 1970-01-01 and as text. */
function wall(zone: string, at: number): { readonly day: number; readonly text: string } {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' })
  const text = format.format(at)
  return { day: Date.parse(`${text.slice(0, 10)}T00:00:00Z`) / DAY_MS, text }
}

/** Whether a period may begin on this day, said in other words than the product's. */
function mayBegin({ every, anchor }: BillingSchedule, day: number): boolean {
  const date = new Date(day * DAY_MS)
  if (every === 'week') return (date.getUTCDay() === 0 ? 7 : date.getUTCDay()) === anchor
  if (every !== 'month') return (day - (anchor - 1)) % every.days === 0
  const isLastOfMonth = new Date((day + 1) * DAY_MS).getUTCDate() === 1
  return date.getUTCDate() === anchor || (isLastOfMonth && date.getUTCDate() < anchor)
}

async function refusal(org: TestOrg): Promise<{ message: string; resetsAt: string; header: string | null }> {
  const response = await postChat(gateways[0]?.dataUrl ?? '', org.key)
  const { error } = (await response.json()) as { error: { message: string; metadata: { resets_at: string } } }
  t.equal(response.status, 402)
  return {
    message: error.message,
    resetsAt: error.metadata.resets_at,
    header: response.headers.get('x-tollgate-credits-reset'),
  }
}

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'America/Santiago', // clocks go forward at midnight
  'Africa/Cairo', //     likewise
  'America/Havana', //   midnight happens twice
  'Australia/Lord_Howe', // half an hour of daylight saving
  'Asia/Kathmandu',
  'Pacific/Kiritimati', // UTC+14
]
const SCHEDULES: readonly Omit<BillingSchedule, 'timezone'>[] = [
  ...[1, 15, 29, 30, 31].map((anchor) => ({ every: 'month' as const, anchor })),
  ...[1, 7].map((anchor) => ({ every: 'week' as const, anchor })),
  { every: { days: 1 }, anchor: 1 },
  { every: { days: 10 }, anchor: 4 },
  { every: { days: 366 }, anchor: 100 },
]

for (const timezone of ZONES) {
  void t.test(`P1, E3: periods in ${timezone} begin and end with a day; refusals say when`, async (t) => {
    for (const schedule of SCHEDULES) {
      const billing = { ...schedule, timezone }
      const what = JSON.stringify(schedule)
      const org = await newOrg({ limit: 0, billing })
      const { period, ...rest } = await read(org)
      t.match(rest, { billing, billingNext: null }, what)
      const [start, end] = [Date.parse(period.start), Date.parse(period.end)]
      t.ok(start <= Date.now() && Date.now() < end, `${what}: now is in it`)
      for (const at of [start, end]) {
        t.equal(
          wall(timezone, at - 1_000).day,
          wall(timezone, at).day - 1,
          `${what}: ${wall(timezone, at).text}`,
        )
      }
      const days = Array.from(
        { length: wall(timezone, end).day - wall(timezone, start).day + 1 },
        (_, index) => wall(timezone, start).day + index,
      )
      const beginnings = days.filter((day) => mayBegin(billing, day))
      t.same(beginnings, [days.at(0), days.at(-1)], `${what}: from one beginning to the next`)

      const { message, resetsAt, header } = await refusal(org)
      t.equal(Date.parse(resetsAt), end, what)
      t.equal(header === null ? end : Date.parse(header), end, what)
      const [year, , date] = wall(timezone, end).text.slice(0, 10).split('-').map(Number)
      t.match(message, new RegExp(`reset on .*\\b${date}\\b.*${year}.*${timezone}`), message)
    }
  })
}

void t.test(
  'P2: after months without a call usage, blocks and fired alerts start afresh, with no job',
  async (t) => {
    const org = await newOrg({ limit: 5, billing: { every: 'month', anchor: 31, timezone: 'Europe/Berlin' } })
    const made = await saved(org, 'POST', '/alerts', { type: 'absolute', threshold: 4 })
    await saved(org, 'PUT', '/user-alerts', {
      enabled: true,
      threshold: 3,
      recipients: 'all',
      notifyUser: false,
    })
    const expected = (await read(org)).period
    await use(org, 5)
    t.equal(await spend({ key: org.key }, 1), '402 user_credit_limit_reached')
    const types = ['org.alert.crossed', 'user.alert.crossed', 'user.limit.reached']
    t.same(
      (await crossings(org)).map(({ type }) => type),
      types,
    )
    const old = await leaveAlone(org, 150 * DAY_MS)
    t.not(old.end, expected.start, 'several periods lie between')

    t.match(await read(org), { period: expected, used: 0, held: 0 }, 'a read says so before anybody calls')
    t.match((await save(org, 'GET', `/alerts/${String(made['id'])}`)).body, { firedAt: null })
    t.match(await org.user(), { used: 0, counted: 0, held: 0, exceeding: false })
    t.equal(await redis.hget(keys.org(org.id), 'period_no'), '1', 'and changes nothing')
    t.same(((await saved(org, 'GET', '/users?exceeding=true')).items ?? []).length, 0)

    t.equal(await spend({ key: org.key }, 5), '200', 'the block is over')
    await org.usedWhenIdle()
    t.match(await read(org), { period: expected, used: 5 })
    t.same(
      (await crossings(org)).map(({ type }) => type),
      [...types, ...types],
      'each fires again',
    )
    const [before, after] = [(await crossings(org)).slice(0, 3), (await crossings(org)).slice(3)]
    t.ok(before.every(({ period_no: no }) => no === '1') && after.every(({ period_no: no }) => no === '2'))
    t.match((await save(org, 'GET', `/alerts/${String(made['id'])}`)).body, { firedAt: /^\d{4}-/ })
    t.equal(await redis.hget(keys.total(org.id, 1), 'used'), '5000000', 'what was used then stays')
    const periods = (await saved(org, 'GET', '/periods')).items ?? []
    t.match(periods, [
      { no: 2, used: 5, start: expected.start },
      { no: 1, used: 5, start: old.start.replace('.000Z', 'Z') },
    ])
  },
)

void t.test('P3: a call over the end of a period is charged to the old one, and fires there', async (t) => {
  const org = await newOrg({ limit: 5 })
  await saved(org, 'POST', '/alerts', { type: 'absolute', threshold: 4 })
  await saved(org, 'PUT', '/user-alerts', {
    enabled: true,
    threshold: 3,
    recipients: 'all',
    notifyUser: false,
  })
  let finish = (): void => undefined
  const arrived = new Promise<void>((resolve) => {
    origin.answer = (_request, response) => {
      finish = () => chatAnswerAt(response, 5)
      resolve()
    }
  })
  const first = spend({ key: org.key }, 5)
  await arrived
  origin.answer = usual
  await endPeriod(org)
  t.equal(await spend({ key: org.key }, 1), '200', 'a hold of the old period stands in nobody’s way')
  finish()
  t.equal(await first, '200')
  await until(async () => (await redis.hget(keys.total(org.id, 1), 'used')) === '5000000')
  t.equal(await org.usedWhenIdle(), 1)
  t.match(await read(org), { used: 1, held: 0 })
  t.same(await redis.hmget(keys.total(org.id, 1), 'used', 'held'), ['5000000', '0'])
  const seen = await crossings(org)
  t.same(
    seen.map(({ type, period_no: no }) => `${type} ${no}`),
    ['org.alert.crossed 1', 'user.alert.crossed 1', 'user.limit.reached 1'],
  )
  await use(org, 4)
  t.same(
    (await crossings(org)).slice(3).map(({ type, period_no: no }) => `${type} ${no}`),
    ['org.alert.crossed 2', 'user.alert.crossed 2', 'user.limit.reached 2'],
    'and in the new one they are armed as ever',
  )
})

for (const [name, from, to] of [
  ['anchor', { every: 'month', anchor: 1, timezone: 'UTC' }, { anchor: 17 }],
  ['length', { every: 'month', anchor: 20, timezone: 'Europe/Berlin' }, { every: { days: 9 }, anchor: 5 }],
  ['zone', { every: 'week', anchor: 1, timezone: 'UTC' }, { timezone: 'America/Santiago' }],
] as const) {
  void t.test(`P4: a change of the ${name} waits for the end of the period, and is announced`, async (t) => {
    const org = await newOrg({ billing: from })
    await use(org, 2)
    const before = await read(org)
    const changed = (await saved(org, 'PATCH', '', { billing: to })) as unknown as OrgBody
    const next = { ...from, ...to }
    for (const body of [changed, await read(org)]) {
      t.match(body, { billing: from, billingNext: next, period: before.period, used: 2 })
    }
    await use(org, 1)
    t.match(
      await read(org),
      { period: before.period, used: 3 },
      'the open period goes on as it was announced',
    )

    await saved(org, 'PATCH', '', { billing: from })
    t.match(await read(org), { billing: from, billingNext: null }, 'taken back, nothing is to change')
    await saved(org, 'PATCH', '', { billing: to })

    const end = Math.floor(Date.now() / 1_000) * 1_000 - 1_000
    await endPeriod(org, end)
    const after = await read(org)
    t.match(after, { billing: next, billingNext: null, used: 0 })
    t.equal(Date.parse(after.period.start), end, 'it takes over where the old one ends, without a gap')
    const boundary = Date.parse(after.period.end)
    t.ok(mayBegin(next, wall(next.timezone, boundary).day), wall(next.timezone, boundary).text)
    t.equal(wall(next.timezone, boundary - 1_000).day, wall(next.timezone, boundary).day - 1)
    await use(org, 1)
    t.match(await read(org), { ...after, used: 1 }, 'and a call opens the period that was read')
    t.equal(await redis.hget(keys.total(org.id, 1), 'used'), '3000000')
  })
}

void t.test(
  `P4: a gateway whose clock is ${WRONG_BY_MS / DAY_MS} days ahead never opens a second set of counters`,
  async (t) => {
    const org = await newOrg({ limit: 1_000, billing: { every: 'week', anchor: 3, timezone: 'Asia/Tokyo' } })
    const numbers = async (): Promise<string[]> =>
      (await redis.keys(`tg:{${org.id}}:p*:total`)).map((key) => key.split(':').at(-2) ?? '').sort()
    const spendThrough = async (credits: number): Promise<void> => {
      const answers = await Promise.all(
        [0, 1, 1, 0].map((gateway) => spend({ key: org.key }, credits, gateway)),
      )
      t.same(answers, ['200', '200', '200', '200'])
      await org.usedWhenIdle()
    }
    const line = JSON.parse(gateways[1]?.log[0] ?? '{}') as { time?: number | string }
    t.ok(new Date(line.time ?? 0).getTime() > Date.now() + WRONG_BY_MS - DAY_MS, 'its clock is wrong indeed')
    const { period } = await read(org)
    await spendThrough(1)
    t.match(await read(org), { used: 4, period })
    t.same(await numbers(), ['p1'])
    const [today] = await redis.keys(`tg:{${org.id}}:d*:all`)
    t.equal((await redis.keys(`tg:{${org.id}}:d*:all`)).length, 1, `one day, the store’s: ${today}`)

    await endPeriod(org)
    await spendThrough(2)
    t.same(await numbers(), ['p1', 'p2'], 'both come to the same next one')
    t.match(await read(org), { used: 8 })
    t.equal(await org.usedWhenIdle(), 8)
    const ahead = await fetch(`${gateways[1]?.dataUrl}/tollgate/v1/me`, {
      headers: { authorization: `Bearer ${org.key}` },
    })
    t.match(await ahead.json(), { used: 8, period: (await read(org)).period }, 'asked of the wrong one')

    for (const threshold of [9, 10]) await saved(org, 'POST', '/alerts', { type: 'absolute', threshold })
    for (let calls = 1; calls <= 2; calls += 1) t.equal(await spend({ key: org.key }, 1, 1), '200')
    type Notice = { readonly deliveries: readonly { readonly state: string }[] }
    const logged = async (): Promise<string[]> =>
      ((await saved(org, 'GET', '/notifications')).items as unknown as Notice[]).flatMap(({ deliveries }) =>
        deliveries.map(({ state }) => state),
      )
    await until(async () => (await logged()).join() === 'no_recipients,no_recipients')
  },
)

/** A schedule whose period began some days ago and ends some days from now, whatever day it is. */
function midPeriod(): BillingSchedule {
  const days = 10
  const anchor = ((wall('UTC', Date.now()).day - days / 2) % days) + 1
  return { every: { days }, anchor, timezone: 'UTC' }
}

void t.test('C9: where two periods share a date, the usage of one is its own, and adds up', async (t) => {
  const org = await newOrg({ billing: { ...midPeriod() } })
  await use(org, 3)
  const end = Date.now() - 1_000
  await endPeriod(org, end)
  await redis.hset(keys.total(org.id, 1), { end })
  await use(org, 1)
  const [now, before] = (await saved(org, 'GET', '/periods')).items ?? []
  t.equal(now?.['from'], before?.['to'], 'a date of both')
  const whole = `from=${String(before?.['from'])}&to=${String(now?.['to'])}`
  const dates = (await saved(org, 'GET', `/usage?${whole}&by=day`)).items ?? []
  const onDates = (from: string, to: string): number =>
    dates
      .filter(({ key }) => from <= String(key) && String(key) <= to)
      .reduce((all, { credits }) => all + Number(credits), 0)
  for (const [period, used] of [
    [now, 1],
    [before, 3],
  ] as const) {
    const [from, to] = [String(period?.['from']), String(period?.['to'])]
    const range = `from=${from}&to=${to}`
    for (const by of ['user', 'source', 'model']) {
      const { items, total } = await saved(org, 'GET', `/usage?${range}&by=${by}`)
      t.match(items, [{ credits: used, calls: 1 }], by)
      t.match(total, { credits: used, calls: 1 }, by)
    }
    const days = await saved(org, 'GET', `/usage?${range}&by=day`)
    const sum = (days.items ?? []).reduce((all, { credits }) => all + Number(credits), 0)
    const expected = onDates(from, to)
    t.same(
      [sum, (days['total'] as { credits: number }).credits],
      [expected, expected],
      'by day: all that its dates have, which is 4 where both calls came on the date of both',
    )
  }
  const { items, total } = await saved(org, 'GET', `/usage?${whole}`)
  t.match(
    [items?.[0], total],
    [
      { credits: 4, calls: 2 },
      { credits: 4, calls: 2 },
    ],
    'a range of both',
  )
})
