import t from 'tap'
import { addDays, isoDay } from '../../src/core/days.ts'
import { dayAt, periodAt } from '../../src/core/period.ts'
import type { Day, UnixMs } from '../../src/core/units.ts'
import * as keys from '../../src/store/keys.ts'
import { startAdmin } from './harness.ts'

const admin = await startAdmin()
const MONTHLY = { every: 'month', anchor: 1, timezone: 'UTC' } as const

interface Usage {
  readonly items: { readonly key: string; readonly credits: number; readonly calls: number }[]
  readonly next: string | null
  readonly total: { readonly credits: number; readonly calls: number }
}

async function usage(org: string, query: string): Promise<Usage> {
  const { status, body } = await admin.call('GET', `/v1/orgs/${org}/usage?${query}`)
  if (status !== 200) throw new Error(JSON.stringify(body))
  return body as unknown as Usage
}

const briefly = ({ items }: Usage): [string, number][] => items.map(({ key, credits }) => [key, credits])
const numberOf = (day: Day): number => Date.parse(isoDay(day)) / 86_400_000
const today = (): Day => dayAt('UTC', Date.now() as UnixMs).day

/** Writes what settle writes of one call: in the period's counters, the index, the day and the user's day. */
async function charged(
  org: string,
  periodNo: number,
  day: Day,
  user: string,
  credits: number,
  field = 'chat|m',
): Promise<void> {
  const cost = Math.round(credits * 1_000_000)
  for (const [key, name] of [
    [keys.user(org, periodNo, user), `m:${field}`],
    [keys.day(org, day), field],
    [keys.userDay(org, day, user), field],
  ] as const) {
    const [was = 0, calls = 0] = ((await admin.redis.hget(key, name)) ?? '0 0').split(' ').map(Number)
    await admin.redis.hset(key, name, `${was + cost} ${calls + 1} 0 0`)
  }
  await admin.redis.hincrby(keys.user(org, periodNo, user), `used:${field.split('|')[0] ?? ''}`, cost)
  await admin.redis.zincrby(keys.top(org, periodNo), cost, user)
  await admin.redis.hincrby(keys.total(org, periodNo), 'used', cost)
}

/** Makes the organization one that is in its period `no`; what came before it is a monthly period each. */
async function withPast(
  org: string,
  no: number,
): Promise<{ no: number; start: UnixMs; end: UnixMs; first: Day; last: Day }[]> {
  const periods = []
  let at = Date.now() as UnixMs
  for (let number = no; number > 0; number -= 1) {
    const { start, end } = periodAt(MONTHLY, at)
    const billing = JSON.stringify(MONTHLY)
    await admin.redis.hset(keys.total(org, number), { used: 0, held: 0, start, end, billing })
    periods.push({
      no: number,
      start,
      end,
      first: dayAt('UTC', start).day,
      last: dayAt('UTC', (end - 1) as UnixMs).day,
    })
    at = (start - 1) as UnixMs
  }
  const { start, end } = periodAt(MONTHLY, Date.now() as UnixMs)
  await admin.redis.hset(keys.org(org), { period_no: no, period_start: start, period_end: end })
  return periods
}

void t.test(
  'C9: the current period by user is what is asked for by default, most used first, in pages',
  async (t) => {
    const org = await admin.org([], ['ada', 'bob', 'eve'])
    for (const [user, credits] of [
      ['ada', 2],
      ['bob', 0.000001],
      ['eve', 2],
      ['ada', 1.5],
    ] as const) {
      await charged(org, 1, today(), user, credits)
    }
    const all = await usage(org, '')
    t.same(all.items, [
      { key: 'ada', name: 'Name of ada', credits: 3.5, calls: 2, inputTokens: 0, outputTokens: 0 },
      { key: 'eve', name: 'Name of eve', credits: 2, calls: 1, inputTokens: 0, outputTokens: 0 },
      { key: 'bob', name: 'Name of bob', credits: 0.000001, calls: 1, inputTokens: 0, outputTokens: 0 },
    ])
    t.match(all, { next: null, total: { credits: 5.500001, calls: 4 } })
    const first = await usage(org, 'limit=1')
    t.same(briefly(first), [['ada', 3.5]])
    t.match(first.total, { credits: 5.500001 }, 'the total is of the whole range')
    const rest = await usage(org, `limit=2&cursor=${String(first.next)}`)
    t.same(briefly(rest), [
      ['eve', 2],
      ['bob', 0.000001],
    ])
    t.equal(rest.next, null)
    t.same(briefly(await usage(org, 'q=NAME of b')), [['bob', 0.000001]])
    t.same(briefly(await usage(org, 'user=eve')), [['eve', 2]])
  },
)

void t.test('usage by user says what each is called; who is no member any more is null', async (t) => {
  const org = await admin.org([], ['ada', 'bob'])
  await charged(org, 1, today(), 'ada', 2)
  await charged(org, 1, today(), 'bob', 1)
  await admin.call('DELETE', `/v1/orgs/${org}/members/bob`)
  const names = async (query: string): Promise<unknown> =>
    (await usage(org, query)).items.map((item) => ('name' in item ? item.name : 'absent'))
  t.same(await names('by=user'), ['Name of ada', null])
  t.same(await names('by=user&user=ada'), ['Name of ada'])
  t.same(await names('by=source'), ['absent'])
  t.same(await names('by=model&user=ada'), ['absent'])
})

void t.test('C9: any range of days, by user too, over several periods', async (t) => {
  const org = await admin.org([], ['ada', 'bob'])
  const periods = await withPast(org, 3)
  const [now, before, long] = periods as [(typeof periods)[0], (typeof periods)[0], (typeof periods)[0]]
  await charged(org, 3, now.first, 'ada', 1)
  await charged(org, 2, before.last, 'ada', 10, 'workflow|m')
  await charged(org, 2, before.first, 'bob', 100, 'chat|n')
  await charged(org, 2, before.last, 'gone', 5)
  await charged(org, 1, long.first, 'bob', 1_000)
  const range = (from: Day, to: Day): string => `from=${isoDay(from)}&to=${isoDay(to)}`

  t.same(briefly(await usage(org, `by=user&${range(before.first, before.last)}`)), [
    ['bob', 100],
    ['ada', 10],
    ['gone', 5],
  ])
  t.same(
    briefly(await usage(org, `by=user&${range(before.last, now.first)}`)),
    [
      ['ada', 11],
      ['gone', 5],
    ],
    'parts of two',
  )
  const whole = range(long.first, now.last)
  t.same(
    briefly(await usage(org, `by=user&${whole}`)),
    [
      ['bob', 1_100],
      ['ada', 11],
      ['gone', 5],
    ],
    'three whole ones',
  )
  const page = await usage(org, `by=user&limit=1&${whole}`)
  t.same(briefly(await usage(org, `by=user&limit=5&cursor=${String(page.next)}&${whole}`)), [
    ['ada', 11],
    ['gone', 5],
  ])
  for (const by of ['user', 'source', 'model', 'day']) {
    for (const within of [
      whole,
      range(before.first, before.last),
      range(before.last, now.last),
      range(addDays(before.first, 1), now.last),
    ]) {
      const { items, total } = await usage(org, `by=${by}&limit=200&${within}`)
      t.equal(
        items.reduce((sum, { credits }) => sum + Math.round(credits * 1e6), 0),
        Math.round(total.credits * 1e6),
        `${by} ${within}`,
      )
    }
  }
  t.same(briefly(await usage(org, `by=source&${whole}`)), [
    ['chat', 1_106],
    ['workflow', 10],
  ])
  t.same(briefly(await usage(org, `by=model&user=bob&${whole}`)), [
    ['m', 1_000],
    ['n', 100],
  ])
  t.same(briefly(await usage(org, `by=day&user=ada&${range(before.last, now.first)}`)), [
    [isoDay(before.last), 10],
    [isoDay(now.first), 1],
  ])
})

void t.test(
  'P5: days of the organization reach back 13 months, days of users 62, whole periods of users 13 months',
  async (t) => {
    const org = await admin.org([], ['ada'])
    const periods = await withPast(org, 16)
    const [oldest] = periods.filter(({ first }) => first >= addDays(today(), -394)).slice(-1)
    if (oldest === undefined) throw new Error('no period')
    await charged(org, oldest.no, oldest.first, 'ada', 7)
    const whole = `from=${isoDay(oldest.first)}&to=${isoDay(oldest.last)}`
    for (const by of ['user', 'source', 'model', 'day'])
      t.match(await usage(org, `by=${by}&${whole}`), { total: { credits: 7 } }, by)
    t.match(await usage(org, `by=source&user=ada&${whole}`), { total: { credits: 7 } })
    t.match(await usage(org, `by=day&from=${isoDay(addDays(today(), -394))}`), { total: { credits: 7 } })

    const refused = async (query: string, field: string, message: RegExp): Promise<void> => {
      const { body } = await admin.call('GET', `/v1/orgs/${org}/usage?${query}`)
      t.match(body, { status: 400, code: 'invalid_request', errors: [{ field, message }] }, query)
    }
    const days = (from: number, to: number): string =>
      `from=${isoDay(addDays(today(), from))}&to=${isoDay(addDays(today(), to))}`
    await refused(`by=day&${days(-395, 0)}`, 'from', /^must not be before \d{4}-\d\d-\d\d/)
    await refused(`by=user&${days(-62, -62)}`, 'from', /single users; or ask for whole billing periods/)
    await refused(`by=day&user=ada&${days(-62, 0)}`, 'from', /single users/)
    t.ok(await usage(org, `by=user&${days(-61, 0)}`), 'the oldest day of users that is kept')

    const { body } = await admin.call('GET', `/v1/orgs/${org}/periods?limit=200`)
    const listed = body.items as unknown as { no: number; from: string; used: number; start: string }[]
    t.same(
      listed.map(({ no }) => no),
      periods.filter(({ no }) => no >= oldest.no).map(({ no }) => no),
      'newest first',
    )
    t.match(listed.at(-1), { no: oldest.no, from: isoDay(oldest.first), used: 7 })
    const first = await admin.call('GET', `/v1/orgs/${org}/periods?limit=3`)
    const rest = await admin.call(
      'GET',
      `/v1/orgs/${org}/periods?limit=3&cursor=${String(first.body['next'])}`,
    )
    t.same([...(first.body.items ?? []), ...(rest.body.items ?? [])], listed.slice(0, 6))
  },
)

void t.test(
  'P5: the days from the oldest one that is kept, also where the period goes on for months',
  async (t) => {
    const days = 366
    const long = { every: { days }, anchor: ((numberOf(today()) - 66) % days) + 1, timezone: 'UTC' }
    const org = await admin.org([], ['ada'])
    const { status } = await admin.call('PATCH', `/v1/orgs/${org}`, { billing: long })
    t.equal(status, 200)
    await admin.redis.hset(keys.org(org), { period_end: Date.now() - 1_000 })
    await charged(org, 2, today(), 'ada', 5)
    const from = addDays(today(), -394)
    const range = { from: isoDay(from), to: isoDay(addDays(from, 399)) }
    t.match(await usage(org, `by=day&from=${range.from}`), { ...range, total: { credits: 5 } })
  },
)

void t.test(
  'P2: a period in which nobody has called yet is the first of the list, with nothing used',
  async (t) => {
    const org = await admin.org([], ['ada'])
    await charged(org, 1, today(), 'ada', 5)
    const now = Date.now()
    await admin.redis.hset(keys.org(org), { period_start: now - 3_000, period_end: now - 1_000 })
    await admin.redis.hset(keys.total(org, 1), { start: now - 3_000, end: now - 1_000 })
    const { body } = await admin.call('GET', `/v1/orgs/${org}/periods`)
    t.match(body.items, [
      { no: 2, used: 0 },
      { no: 1, used: 5 },
    ])
    t.same((await usage(org, 'by=user')).items, [], 'and nobody in it')
  },
)

void t.test('a wrong question is refused and names what is wrong with it', async (t) => {
  const org = await admin.org([], ['ada'])
  const cases: [string, string][] = [
    ['by=week', 'by'],
    ['from=2026-02-30', 'from'],
    ['to=yesterday', 'to'],
    [`from=${isoDay(addDays(today(), 800))}`, 'from'],
    [`from=${isoDay(today())}&to=${isoDay(addDays(today(), -1))}`, 'to'],
    [`from=${isoDay(today())}&to=${isoDay(addDays(today(), 500))}`, 'to'],
    ['user=a%20b', 'user'],
    ['by=model&q=x', 'q'],
    ['q=', 'q'],
    ['format=xml', 'format'],
    ['format=csv&limit=5', 'limit'],
    ['format=csv&cursor=abc', 'cursor'],
    ['limit=0', 'limit'],
    ['cursor=abc', 'cursor'],
    ['group=user', 'group'],
  ]
  for (const [query, field] of cases) {
    const { body } = await admin.call('GET', `/v1/orgs/${org}/usage?${query}`)
    t.match(body, { status: 400, errors: [{ field }] }, query)
  }
  t.match((await admin.call('GET', '/v1/orgs/none/usage')).body, { status: 404 })
  t.match((await admin.call('GET', '/v1/orgs/none/periods')).body, { status: 404 })
  t.match((await admin.call('GET', `/v1/orgs/${org}/periods?cursor=YWJj`)).body, {
    status: 400,
    errors: [{ field: 'cursor' }],
  })
})

void t.test('a file has everybody, and names that a spreadsheet would run are made text', async (t) => {
  const org = await admin.org()
  for (let index = 0; index < 450; index += 1) await charged(org, 1, today(), `u${index}`, 1)
  await charged(org, 1, today(), '-2+3', 0.25)
  await charged(org, 1, today(), '@SUM', 0.5)
  const read = async (query: string): Promise<string[]> => {
    const { status, headers, body } = await admin.call('GET', `/v1/orgs/${org}/usage?format=csv&${query}`)
    t.equal(status, 200)
    t.equal(headers.get('content-type'), 'text/csv; charset=utf-8; header=present')
    t.match(headers.get('content-disposition'), new RegExp(`filename="usage-${org}-by-`))
    return (body['text'] as string).split('\r\n')
  }
  const lines = await read('by=user')
  t.equal(lines.length, 1 + 452 + 1)
  t.equal(lines[0], 'user,credits,calls,inputTokens,outputTokens')
  t.same(lines.slice(-3), ["'@SUM,0.5,1,0,0", "'-2+3,0.25,1,0,0", ''])
  const inParts = await read(`by=user&from=${isoDay(today())}&to=${isoDay(today())}`)
  t.same([...inParts].sort(), [...lines].sort(), 'a range in parts has the same')
  t.same(await read('by=source'), [
    'source,credits,calls,inputTokens,outputTokens',
    'chat,450.75,452,0,0',
    '',
  ])
})

void t.test('a user’s usage is of the one zone that the organization’s days are in', async (t) => {
  const org = 'org-apia'
  await admin.call('POST', '/v1/orgs', { id: org, billing: { ...MONTHLY, timezone: 'Pacific/Kiritimati' } })
  const { body } = await admin.call('GET', `/v1/orgs/${org}/usage?by=day`)
  const here = dayAt('Pacific/Kiritimati', Date.now() as UnixMs).day
  t.equal(body.items?.at(-1)?.['key'], isoDay(here), 'until today there')
  t.match(body, { from: `${isoDay(here).slice(0, 7)}-01` })
})
