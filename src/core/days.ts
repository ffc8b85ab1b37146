/** Calendar days without a time zone: format, parse, count and iterate. */
import type { Day } from './units.ts'

const DAY_MS = 86_400_000
const ISO_DAY = /^(\d{4})-(\d{2})-(\d{2})$/

/** Parses `2026-12-01`; null for anything else, including dates that do not exist. */
export function parseDay(text: string): Day | null {
  const [, year, month, day] = ISO_DAY.exec(text) ?? []
  if (year === undefined || month === undefined || day === undefined) return null
  const at = Date.UTC(Number(year), Number(month) - 1, Number(day))
  return new Date(at).toISOString().slice(0, 10) === text ? (`${year}${month}${day}` as Day) : null
}

/** A day as `2026-12-01`. */
export function isoDay(day: Day): string {
  return `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}`
}

/** The day `days` days later, or earlier if `days` is negative. */
export function addDays(day: Day, days: number): Day {
  return dayOfNumber(numberOf(day) + days)
}

/** The number of days from the first to the last, both counted; 0 or less if the last is before the first. */
export function countDays(first: Day, last: Day): number {
  return numberOf(last) - numberOf(first) + 1
}

/** Every day from the first to the last, both included, in order. */
export function daysBetween(first: Day, last: Day): Day[] {
  const start = numberOf(first)
  return Array.from({ length: Math.max(0, countDays(first, last)) }, (_, index) => dayOfNumber(start + index))
}

function numberOf(day: Day): number {
  return Date.UTC(Number(day.slice(0, 4)), Number(day.slice(4, 6)) - 1, Number(day.slice(6))) / DAY_MS
}

function dayOfNumber(number: number): Day {
  return new Date(number * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '') as Day
}
