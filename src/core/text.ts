/** How figures and instants are written for people and in headers. */
import { formatCredits, type Microcredits, type UnixMs } from './units.ts'

/** An instant as `2026-12-01T00:00:00Z`; milliseconds only where there are some. */
export function rfc3339(at: UnixMs): string {
  return new Date(at).toISOString().replace('.000Z', 'Z')
}

/** An amount for people: `12,345.5`. */
export function groupedCredits(amount: Microcredits): string {
  const [whole = '0', decimals] = formatCredits(amount).split('.')
  const grouped = whole.replace(/\B(?=(?:\d{3})+$)/g, ',')
  return decimals === undefined ? grouped : `${grouped}.${decimals}`
}

/** An instant for people, in a zone: `1 December 2026, 00:00 (Europe/Berlin)`. */
export function dateInZone(at: UnixMs, timezone: string): string {
  const parts = new Intl.DateTimeFormat('en-GB', {
    timeZone: timezone,
    day: 'numeric',
    month: 'long',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(at)
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.find((p) => p.type === type)?.value ?? ''
  return `${part('day')} ${part('month')} ${part('year')}, ${part('hour')}:${part('minute')} (${timezone})`
}

/** The value of JSON text; null where it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return null
  }
}
