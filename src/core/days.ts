/** Calendar days without a zone: how they are written for people, counted, and walked through. */
import type { Day } from './units.ts'

const DAY_MS = 86_400_000
const ISO_DAY = /^(\d{4})-(\d{2})-(\d{2})$/

/** Reads `2026-12-01`; null for anything else, and for a day that no calendar has. */
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

/** The day so many days later, or earlier where `days` is negative. */
export function addDays(day: Day, days: number): Day {
  return dayOfNumber(numberOf(day) + days)
}

/** How many days from the first to the last of them, both counted; 0 or less where the last comes first. */
export function countDays(first: Day, last: Day): number {
  return numberOf(last) - numberOf(first) + 1
}

/** Every day from the first to the last of them, in order. */
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
