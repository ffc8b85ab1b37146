/** Formats figures and instants for people and for headers. */
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

interface Zone {
  readonly format: Intl.DateTimeFormat
  /** The last result: a refused user is usually refused again, with the same instant. */
  last: { readonly at: UnixMs; readonly text: string } | null
}

/** Formatters cost 50 µs each to make. There are some 600 zones, under several names each. */
const zones = new Map<string, Zone>()

function zoneOf(timezone: string): Zone {
  let zone = zones.get(timezone)
  if (zone === undefined) {
    const format = new Intl.DateTimeFormat('en-GB', {
      timeZone: timezone,
      day: 'numeric',
      month: 'long',
      year: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    })
    zone = { format, last: null }
    zones.set(timezone, zone)
  }
  return zone
}

/** An instant for people, in a zone: `1 December 2026, 00:00 (Europe/Berlin)`. */
export function dateInZone(at: UnixMs, timezone: string): string {
  const zone = zoneOf(timezone)
  if (zone.last?.at === at) return zone.last.text
  const parts = zone.format.formatToParts(at)
  const part = (type: Intl.DateTimeFormatPartTypes): string => parts.find((p) => p.type === type)?.value ?? ''
  const text = `${part('day')} ${part('month')} ${part('year')}, ${part('hour')}:${part('minute')} (${timezone})`
  zone.last = { at, text }
  return text
}

/** The value of a JSON text; null if it is not valid JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return null
  }
}
