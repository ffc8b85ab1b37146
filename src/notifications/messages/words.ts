/** Formats typed text, amounts and days for messages. */
import { dateInZone, groupedCredits } from '../../core/text.ts'
import { MICROCREDITS_PER_CREDIT, type Microcredits, type UnixMs } from '../../core/units.ts'

const MAX_NAME_LENGTH = 80
/** Mail programs show about 70 characters of a subject; a header line must stay well below 998. */
const MAX_SUBJECT_LENGTH = 150

/**
 * Makes typed text safe as a part of one line: no line breaks or other control characters, no invisible characters that
 * change the text direction, and a bounded length. The caller still has to escape it for its format.
 */
export function typed(text: string, maxLength = MAX_NAME_LENGTH): string {
  const line = text
    .replace(/[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, '')
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\s]+/gu, ' ')
    .trim()
  const characters = Array.from(line)
  return characters.length <= maxLength ? line : `${characters.slice(0, maxLength - 1).join('')}…`
}

/** A subject is one line, whatever it contains: a line break would begin another header. */
export function subjectLine(text: string): string {
  return typed(text, MAX_SUBJECT_LENGTH)
}

/** Decimal credits, as in events, formatted for people: `12,345.5`. */
export function amount(credits: number): string {
  return groupedCredits(Math.round(credits * MICROCREDITS_PER_CREDIT) as Microcredits)
}

/** `1 credit`, `12,345.5 credits`. */
export function creditsOf(credits: number): string {
  return `${amount(credits)} ${credits === 1 ? 'credit' : 'credits'}`
}

/** An RFC 3339 instant in the organization's zone: `1 December 2026, 00:00 (Europe/Berlin)`. */
export function instant(at: string, timezone: string): string {
  return dateInZone(Date.parse(at) as UnixMs, timezone)
}

/** The first and the last day of a period, whose end is the first instant that is no longer in it. */
export function days(period: { readonly start: string; readonly end: string }, timezone: string): string {
  const dayOf = (at: number): string => dateInZone(at as UnixMs, timezone).split(',')[0] ?? ''
  return `${dayOf(Date.parse(period.start))} to ${dayOf(Date.parse(period.end) - 1)}`
}

/**
 * The share of a whole in percent, rounded down, so that it never shows a percentage that is not reached. Of a whole of
 * 0, everything is used.
 */
export function percentOf(part: number, whole: number): number {
  return whole <= 0 ? 100 : Math.floor((part / whole) * 1_000) / 10
}

/** A percentage as a text bar: `▰▰▰▰▱`. */
export function textBar(percent: number, cells: number): string {
  const full = Math.floor((percent / 100) * cells)
  return '▰'.repeat(full) + '▱'.repeat(cells - full)
}
