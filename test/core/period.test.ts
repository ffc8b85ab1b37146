import fc from 'fast-check'
import { test } from 'tap'
import { dayAt, isTimezone, periodAfter, periodAt, type Span } from '../../src/core/period.ts'
import type { BillingSchedule } from '../../src/core/policy.ts'
import type { UnixMs } from '../../src/core/units.ts'

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/Santiago', //   clocks go forward at midnight: that day begins at 01:00
  'Africa/Cairo', //       likewise, on a Friday
  'Asia/Beirut', //        likewise
  'America/Sao_Paulo', //  likewise until 2018; clocks go back at midnight too
  'America/Havana', //     back from 01:00 to midnight: midnight happens twice
  'America/St_Johns', //   until 2011 changed at 00:01, so that a day had begun when the clocks went back into the one before
  'Pacific/Apia', //       skipped 30 December 2011
  'Pacific/Kwajalein', //  skipped 21 August 1993
  'Australia/Lord_Howe', // half an hour of daylight saving
  'Asia/Kathmandu',
  'Pacific/Kiritimati', // UTC+14
  'Etc/GMT+12',
]
const DAY_MS = 86_400_000

const ms = (iso: string): UnixMs => Date.parse(iso) as UnixMs
const iso = (span: Span): { start: string; end: string } => ({
  start: new Date(span.start).toISOString(),
  end: new Date(span.end).toISOString(),
})
const local = (zone: string, at: number): string =>
  new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' }).format(at)

const zone = fc.constantFrom(...ZONES)
const instant = fc.integer({ min: Date.UTC(1980, 0, 1), max: Date.UTC(2060, 0, 1) }).map((at) => at as UnixMs)
const monthly = fc.record({
  every: fc.constant('month' as const),
  anchor: fc.integer({ min: 1, max: 31 }),
  timezone: zone,
})
const weekly = fc.record({
  every: fc.constant('week' as const),
  anchor: fc.integer({ min: 1, max: 7 }),
  timezone: zone,
})
const everyNDays = fc
  .record({ days: fc.integer({ min: 1, max: 366 }), shift: fc.nat(), timezone: zone })
  .map(({ days, shift, timezone }) => ({ every: { days }, anchor: 1 + (shift % days), timezone }))
const schedule: fc.Arbitrary<BillingSchedule> = fc.oneof(monthly, weekly, everyNDays)

void test('P1: periods tile time: every instant in exactly one, the next begins where one ends', (t) => {
  fc.assert(
    fc.property(schedule, instant, fc.double({ min: 0, max: 1, noNaN: true }), (billing, at, where) => {
      const period = periodAt(billing, at)
      if (!(period.start <= at && at < period.end))
        throw new Error(`not inside ${JSON.stringify(iso(period))}`)
      const inside = Math.floor(period.start + where * (period.end - 1 - period.start)) as UnixMs
      for (const same of [period.start, inside, (period.end - 1) as UnixMs]) {
        if (periodAt(billing, same).start !== period.start) throw new Error('two periods overlap')
        if (periodAt(billing, same).end !== period.end) throw new Error('two periods overlap')
      }
      if (periodAt(billing, period.end).start !== period.end) throw new Error('a gap after it')
      if (periodAt(billing, (period.start - 1) as UnixMs).end !== period.start)
        throw new Error('a gap before it')
    }),
    { numRuns: 600 },
  )
  t.end()
})

void test('P1: every month of 2016 to 2032 has one period per anchor and zone, leap years too', (t) => {
  for (const timezone of ['UTC', 'America/Santiago']) {
    for (let anchor = 1; anchor <= 31; anchor += 1) {
      const billing: BillingSchedule = { every: 'month', anchor, timezone }
      let { start, end } = periodAt(billing, ms('2016-01-15T12:00:00Z'))
      let count = 0
      for (; end < Date.UTC(2032, 0, 1); count += 1) {
        const [year, month, day] = local(timezone, start).slice(0, 10).split('-').map(Number)
        const lastOfMonth = new Date(Date.UTC(year ?? 0, month ?? 0, 0)).getUTCDate()
        if (day !== Math.min(anchor, lastOfMonth)) t.fail(`${timezone} ${anchor}: ${local(timezone, start)}`)
        ;({ start, end } = periodAt(billing, end))
      }
      if (Math.abs(count - 16 * 12) > 1) t.fail(`${timezone} ${anchor}: ${count} periods`)
    }
  }
  t.end()
})

void test('P1: a period begins at the first instant of a local day: an hour never is lost or won', (t) => {
  fc.assert(
    fc.property(schedule, instant, (billing, at) => {
      const { start } = periodAt(billing, at)
      const justBefore = local(billing.timezone, start - 1).slice(0, 10)
      const first = local(billing.timezone, start)
      if (!(justBefore < first.slice(0, 10))) throw new Error(`the day ${first} had begun before`)
      const gapAtMidnight = first.slice(11) !== '00:00:00'
      // Where it does not begin at 00:00:00, no such instant exists: an hour before is not yet that date.
      if (gapAtMidnight && !['01:00:00', '00:01:00', '00:30:00'].includes(first.slice(11))) {
        throw new Error(`begins at ${first}`)
      }
    }),
    { numRuns: 600 },
  )
  t.end()
})

void test('P1: known boundaries', (t) => {
  const cases: [string, BillingSchedule, string, string, string][] = [
    [
      'the anchor day itself',
      { every: 'month', anchor: 1, timezone: 'UTC' },
      '2026-11-01T00:00:00Z',
      '2026-11-01T00:00:00.000Z',
      '2026-12-01T00:00:00.000Z',
    ],
    [
      '31 in a short month',
      { every: 'month', anchor: 31, timezone: 'UTC' },
      '2026-02-28T00:00:00Z',
      '2026-02-28T00:00:00.000Z',
      '2026-03-31T00:00:00.000Z',
    ],
    [
      '31 in a leap year',
      { every: 'month', anchor: 31, timezone: 'UTC' },
      '2028-02-28T12:00:00Z',
      '2028-01-31T00:00:00.000Z',
      '2028-02-29T00:00:00.000Z',
    ],
    [
      '29 in a common year',
      { every: 'month', anchor: 29, timezone: 'UTC' },
      '2027-02-27T23:59:59.999Z',
      '2027-01-29T00:00:00.000Z',
      '2027-02-28T00:00:00.000Z',
    ],
    [
      'over the new year',
      { every: 'month', anchor: 15, timezone: 'UTC' },
      '2027-01-14T23:00:00Z',
      '2026-12-15T00:00:00.000Z',
      '2027-01-15T00:00:00.000Z',
    ],
    [
      'summer and winter time',
      { every: 'month', anchor: 1, timezone: 'Europe/Berlin' },
      '2026-10-15T00:00:00Z',
      '2026-09-30T22:00:00.000Z',
      '2026-10-31T23:00:00.000Z',
    ],
    [
      'a day whose midnight does not exist',
      { every: 'month', anchor: 6, timezone: 'America/Santiago' },
      '2026-09-06T04:00:00Z',
      '2026-09-06T04:00:00.000Z',
      '2026-10-06T03:00:00.000Z',
    ],
    [
      'the millisecond before it',
      { every: 'month', anchor: 6, timezone: 'America/Santiago' },
      '2026-09-06T03:59:59.999Z',
      '2026-08-06T04:00:00.000Z',
      '2026-09-06T04:00:00.000Z',
    ],
    [
      'a midnight that happens twice',
      { every: 'month', anchor: 1, timezone: 'America/Havana' },
      '2026-11-01T04:30:00Z',
      '2026-11-01T04:00:00.000Z',
      '2026-12-01T05:00:00.000Z',
    ],
    [
      'an anchor on the day that Samoa skipped',
      { every: 'month', anchor: 30, timezone: 'Pacific/Apia' },
      '2011-12-30T10:00:00Z',
      '2011-12-30T10:00:00.000Z',
      '2012-01-29T10:00:00.000Z',
    ],
    [
      'a week from Monday',
      { every: 'week', anchor: 1, timezone: 'UTC' },
      '2026-08-02T23:59:59Z',
      '2026-07-27T00:00:00.000Z',
      '2026-08-03T00:00:00.000Z',
    ],
    [
      'a week from Sunday',
      { every: 'week', anchor: 7, timezone: 'UTC' },
      '2026-08-02T00:00:00Z',
      '2026-08-02T00:00:00.000Z',
      '2026-08-09T00:00:00.000Z',
    ],
    [
      'every 30 days from 1970-01-01',
      { every: { days: 30 }, anchor: 1, timezone: 'UTC' },
      '1970-01-30T23:00:00Z',
      '1970-01-01T00:00:00.000Z',
      '1970-01-31T00:00:00.000Z',
    ],
    [
      'every 30 days, moved on by four',
      { every: { days: 30 }, anchor: 5, timezone: 'UTC' },
      '1970-01-04T23:00:00Z',
      '1969-12-06T00:00:00.000Z',
      '1970-01-05T00:00:00.000Z',
    ],
    [
      'a day of 25 hours',
      { every: { days: 1 }, anchor: 1, timezone: 'Europe/Berlin' },
      '2026-10-25T12:00:00Z',
      '2026-10-24T22:00:00.000Z',
      '2026-10-25T23:00:00.000Z',
    ],
  ]
  for (const [name, billing, at, start, end] of cases)
    t.same(iso(periodAt(billing, ms(at))), { start, end }, name)
  t.end()
})

void test('P5: days tile time, and the day of an instant is the date on the wall', (t) => {
  fc.assert(
    fc.property(zone, instant, (timezone, at) => {
      const { day, start, end } = dayAt(timezone, at)
      if (!(start <= at && at < end)) throw new Error('not inside')
      if (dayAt(timezone, end).start !== end) throw new Error('a gap')
      if (dayAt(timezone, (start - 1) as UnixMs).end !== start) throw new Error('an overlap')
      if (end - start > DAY_MS + 2 * 3_600_000) throw new Error('a day of more than 26 hours')
      // Where clocks go back over midnight, the day that has begun goes on.
      const wall = local(timezone, at).slice(0, 10).replaceAll('-', '')
      if (day !== wall && !(day > wall && at - start < 2 * 3_600_000))
        throw new Error(`${day} is not ${wall}`)
    }),
    { numRuns: 1_000 },
  )
  t.end()
})

void test('P5: a day that has begun does not begin again when the clocks go back over midnight', (t) => {
  // Newfoundland, 2006-10-29: at 00:01 back to 23:01 of the 28th.
  const first = dayAt('America/St_Johns', ms('2006-10-29T02:30:30Z'))
  t.same(first, { day: '20061029', start: ms('2006-10-29T02:30:00Z'), end: ms('2006-10-30T03:30:00Z') })
  t.same(dayAt('America/St_Johns', ms('2006-10-29T03:00:00Z')), first, 'while the wall shows the 28th again')
  t.equal(dayAt('America/St_Johns', ms('2006-10-29T02:29:59.999Z')).day, '20061028')
  t.end()
})

void test('P5: a date that a zone skipped has no instant', (t) => {
  const before = dayAt('Pacific/Apia', ms('2011-12-30T09:59:59.999Z'))
  t.equal(before.day, '20111229')
  t.same(dayAt('Pacific/Apia', before.end).day, '20111231')
  t.end()
})

void test('P4: the first period of a changed schedule begins where the last one ended and ends at its own next boundary', (t) => {
  const previousEnd = ms('2026-11-01T00:00:00Z')
  const weekly: BillingSchedule = { every: 'week', anchor: 1, timezone: 'UTC' }
  t.same(iso(periodAfter(weekly, previousEnd, previousEnd)), {
    start: '2026-11-01T00:00:00.000Z',
    end: '2026-11-02T00:00:00.000Z',
  })
  t.same(iso(periodAfter(weekly, previousEnd, ms('2026-11-02T00:00:00Z'))), {
    start: '2026-11-02T00:00:00.000Z',
    end: '2026-11-09T00:00:00.000Z',
  })
  t.throws(() => periodAfter(weekly, previousEnd, (previousEnd - 1) as UnixMs), RangeError)
  t.end()
})

void test('P4: after a change of schedule the periods tile time as well', (t) => {
  fc.assert(
    fc.property(
      schedule,
      schedule,
      instant,
      fc.integer({ min: 0, max: 800 * DAY_MS }),
      (old, next, at, later) => {
        const { end: previousEnd } = periodAt(old, at)
        const then = (previousEnd + later) as UnixMs
        const period = periodAfter(next, previousEnd, then)
        if (!(period.start <= then && then < period.end)) throw new Error('not inside')
        if (period.start < previousEnd) throw new Error('overlaps the period before the change')
        if (periodAfter(next, previousEnd, period.end).start !== period.end) throw new Error('a gap after it')
        if (period.start > previousEnd) {
          const before = periodAfter(next, previousEnd, (period.start - 1) as UnixMs)
          if (before.end !== period.start) throw new Error('a gap before it')
        }
      },
    ),
    { numRuns: 600 },
  )
  t.end()
})

void test('P2: with an unchanged schedule the period after the last one is the one that is current, however long ago that was', (t) => {
  fc.assert(
    fc.property(schedule, instant, fc.integer({ min: 0, max: 800 * DAY_MS }), (billing, at, later) => {
      const { end } = periodAt(billing, at)
      const then = (end + later) as UnixMs
      const [after, plain] = [periodAfter(billing, end, then), periodAt(billing, then)]
      if (after.start !== plain.start || after.end !== plain.end) throw new Error('not the same period')
    }),
    { numRuns: 200 },
  )
  t.end()
})

void test('only names of IANA zones are time zones', (t) => {
  for (const name of [...ZONES, 'America/Argentina/Buenos_Aires', 'Etc/GMT+12']) t.ok(isTimezone(name), name)
  for (const name of [
    '',
    '+02:00',
    '02:00',
    'Mars/Olympus',
    'Europe/Berlin ',
    '../etc',
    'Europe/',
    'x'.repeat(65),
  ]) {
    t.notOk(isTimezone(name), name)
  }
  t.throws(() => periodAt({ every: 'month', anchor: 1, timezone: 'Mars/Olympus' }, 0 as UnixMs), RangeError)
  t.end()
})
