import fc from 'fast-check'
import { test } from 'tap'
import { addDays, countDays, daysBetween, isoDay, parseDay } from '../../src/core/days.ts'
import type { Day } from '../../src/core/units.ts'

const day = (text: string): Day => text as Day

void test('a day is read as it is written, and no other text is a day', (t) => {
  t.equal(parseDay('2026-12-01'), '20261201')
  t.equal(parseDay('2028-02-29'), '20280229', 'of a leap year')
  for (const text of [
    '2026-02-29',
    '2026-13-01',
    '2026-00-10',
    '2026-1-1',
    '20261201',
    ' 2026-12-01',
    '2026-12-01T00',
    '',
  ]) {
    t.equal(parseDay(text), null, text)
  }
  t.end()
})

void test('days are counted and walked through over months, years and leap days', (t) => {
  t.same(daysBetween(day('20280227'), day('20280302')), [
    '20280227',
    '20280228',
    '20280229',
    '20280301',
    '20280302',
  ])
  t.same(daysBetween(day('20280302'), day('20280227')), [])
  t.equal(addDays(day('20270101'), -1), '20261231')
  t.equal(countDays(day('20260101'), day('20261231')), 365)
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 40_000 }), fc.integer({ min: 0, max: 800 }), (from, length) => {
      const first = addDays(day('19700101'), from)
      const last = addDays(first, length)
      if (countDays(first, last) !== length + 1) throw new Error('not as many')
      if (parseDay(isoDay(last)) !== last) throw new Error('not read as it is written')
    }),
  )
  t.end()
})
