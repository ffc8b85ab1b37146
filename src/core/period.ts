/**
 * Billing periods and days in an organization's own time zone (P1, P2, P4): calendar arithmetic, no clock of its own.
 *
 * Days are counted as whole numbers from 1970-01-01, without any zone; only `startOfDay` turns one into an instant. A
 * day begins at the first instant that carries its date, or a later one where the zone skipped it; once it has begun it
 * does not begin again, also where clocks go back over midnight. So days tile time by construction, and periods, which
 * are runs of whole days, tile it too.
 */
import type { BillingSchedule } from './policy.ts'
import type { Day, UnixMs } from './units.ts'

/** Half-open in time: `[start, end)`. */
export interface Span {
  readonly start: UnixMs
  readonly end: UnixMs
}

export interface DaySpan extends Span {
  readonly day: Day
}

interface Zone {
  readonly format: Intl.DateTimeFormat
  /** The day that was requested last: most calls request today. */
  lastDay: (DaySpan & { readonly number: number }) | null
}

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const SECOND_MS = 1_000
/** Local time has never been further from UTC than this, in any zone. */
const FURTHEST_OFFSET_MS = 16 * HOUR_MS
/** More zones than a gateway's organizations use; a formatter takes some 50 kB. */
const MAX_ZONES = 256
const ZONE_NAME = /^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/
/** 1970-01-01, day 0, was a Thursday. */
const ISO_WEEKDAY_OF_DAY_0 = 4

const zones = new Map<string, Zone>()

/** Whether this is the name of an IANA time zone that this runtime knows. Offsets such as `+02:00` are not. */
export function isTimezone(name: string): boolean {
  if (!ZONE_NAME.test(name)) return false
  try {
    zoneOf(name)
    return true
  } catch {
    return false
  }
}

function zoneOf(name: string): Zone {
  const known = zones.get(name)
  if (known !== undefined) return known
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: name,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  const oldest = zones.keys().next()
  if (zones.size >= MAX_ZONES && oldest.done !== true) zones.delete(oldest.value)
  const zone: Zone = { format, lastDay: null }
  zones.set(name, zone)
  return zone
}

/** The local time at this instant, as if it were UTC. */
function wallClock(zone: Zone, at: number): number {
  const field: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {}
  for (const { type, value } of zone.format.formatToParts(at)) field[type] = Number(value)
  const { year = NaN, month = NaN, day = NaN, hour = NaN, minute = NaN, second = NaN } = field
  return Date.UTC(year, month - 1, day, hour, minute, second) + modulo(at, SECOND_MS)
}

function offsetAt(zone: Zone, at: number): number {
  return wallClock(zone, at) - at
}

/** The first instant at which the zone's date is this day, or a later one. */
function startOfDay(zone: Zone, day: number): number {
  const midnight = day * DAY_MS
  const earliest = midnight - FURTHEST_OFFSET_MS
  const latest = midnight + FURTHEST_OFFSET_MS
  const before = offsetAt(zone, earliest)
  const after = offsetAt(zone, latest)
  if (before === after) return midnight - before
  const change = instantOfChange(zone, earliest, latest, before)
  if (midnight - before < change) return midnight - before
  return Math.max(change, midnight - after)
}

/** The first instant in `(from, to]` at which the offset is no longer `before`. Clocks change at whole seconds. */
function instantOfChange(zone: Zone, from: number, to: number, before: number): number {
  let same = from / SECOND_MS
  let changed = to / SECOND_MS
  while (changed - same > 1) {
    const middle = Math.floor((same + changed) / 2)
    if (offsetAt(zone, middle * SECOND_MS) === before) same = middle
    else changed = middle
  }
  return changed * SECOND_MS
}

function localDay(zone: Zone, at: number): DaySpan & { readonly number: number } {
  const last = zone.lastDay
  if (last !== null && at >= last.start && at < last.end) return last
  let number = Math.floor(wallClock(zone, at) / DAY_MS)
  let end = startOfDay(zone, number + 1)
  // The next day had begun before the clocks went back over midnight: it continues.
  while (end <= at) {
    number += 1
    end = startOfDay(zone, number + 1)
  }
  const start = startOfDay(zone, number) as UnixMs
  zone.lastDay = { number, day: dayName(number), start, end: end as UnixMs }
  return zone.lastDay
}

function dayName(number: number): Day {
  return new Date(number * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '') as Day
}

/**
 * The day to which usage of the open period is charged at `now`: never one before its first. If a clock stepped back
 * over the border, usage would otherwise be charged to a day of the period before.
 */
export function dayWithin(period: { readonly start: UnixMs }, timezone: string, now: UnixMs): DaySpan {
  return dayAt(timezone, Math.max(now, period.start) as UnixMs)
}

/** The calendar day that contains `at` in an IANA zone. Throws a RangeError for a name that `isTimezone` refuses. */
export function dayAt(timezone: string, at: UnixMs): DaySpan {
  const { day, start, end } = localDay(zoneOf(timezone), at)
  return { day, start, end }
}

/**
 * The billing period that contains `at`. It begins with a day in the schedule's zone (P1):
 * - `month`: on the anchor's day of the month, or on the month's last day where that comes first;
 * - `week`: on the anchor's ISO weekday (1 is Monday);
 * - every N days: counted from 1970-01-01, moved on by `anchor - 1` days, so that no stored state decides where it falls.
 *
 * Throws a RangeError for a zone that `isTimezone` refuses.
 */
export function periodAt(schedule: BillingSchedule, at: UnixMs): Span {
  const zone = zoneOf(schedule.timezone)
  const { first, next } = daysAround(schedule, localDay(zone, at).number)
  return { start: startOfDay(zone, first) as UnixMs, end: startOfDay(zone, next) as UnixMs }
}

/**
 * The billing period that contains `at` where `next` takes over at `previousEnd` (P4): its first period begins exactly
 * there and ends at the first boundary of `next` after it; from then on they are `next`'s own. With a schedule that did
 * not change this is `periodAt`. Throws a RangeError when `at` lies before `previousEnd`.
 */
export function periodAfter(next: BillingSchedule, previousEnd: UnixMs, at: UnixMs): Span {
  if (at < previousEnd) throw new RangeError('the period before has not ended')
  const { end } = periodAt(next, previousEnd)
  return at < end ? { start: previousEnd, end } : periodAt(next, at)
}

/** The period's first day that is not after `day`, and the next period's first day. */
function daysAround({ every, anchor }: BillingSchedule, day: number): { first: number; next: number } {
  if (every === 'month') return monthAround(anchor, day)
  const length = every === 'week' ? 7 : every.days
  const origin = every === 'week' ? anchor - ISO_WEEKDAY_OF_DAY_0 : anchor - 1
  const first = day - modulo(day - origin, length)
  return { first, next: first + length }
}

function monthAround(anchor: number, day: number): { first: number; next: number } {
  const date = new Date(day * DAY_MS)
  const month = date.getUTCFullYear() * 12 + date.getUTCMonth()
  const here = anchorDay(anchor, month)
  return day >= here
    ? { first: here, next: anchorDay(anchor, month + 1) }
    : { first: anchorDay(anchor, month - 1), next: here }
}

/** The anchor's day in a month, which is given as years × 12 + months. */
function anchorDay(anchor: number, month: number): number {
  const monthStart = (index: number): number =>
    Date.UTC(Math.floor(index / 12), modulo(index, 12), 1) / DAY_MS
  return Math.min(monthStart(month) + anchor, monthStart(month + 1)) - 1
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by
}
