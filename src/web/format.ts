/** Formats credits, dates and shares for people. */
const LOCALE = 'en-GB'
const MINUTE_MS = 60_000

const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 })
const hundredths = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 2 })
const millionths = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 6 })
const compact = new Intl.NumberFormat(LOCALE, { notation: 'compact', maximumFractionDigits: 1 })

/** Grouped, with at most two decimals. A smaller amount is shown with all of its decimals, never as 0. */
export function credits(amount: number): string {
  return amount !== 0 && Math.abs(amount) < 0.01 ? millionths.format(amount) : hundredths.format(amount)
}

export function count(amount: number): string {
  return whole.format(amount)
}

export function compactCredits(amount: number): string {
  return Math.abs(amount) < 100_000 ? hundredths.format(amount) : compact.format(amount)
}

/** A share in whole percent, rounded down, so that 100% always means the whole. */
export function percent(part: number, of: number): string {
  return of <= 0 ? '–' : `${whole.format(Math.floor((part / of) * 100))}%`
}

export function creditUnit(amount: number): string {
  return amount === 1 ? 'credit' : 'credits'
}

/** `12 Nov 2026, 14:03` in the organization's zone. */
export function dateTime(iso: string, timeZone: string): string {
  return new Intl.DateTimeFormat(LOCALE, {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    timeZone,
  }).format(new Date(iso))
}

/** `12 Nov 2026`. */
export function date(iso: string, timeZone: string): string {
  return new Intl.DateTimeFormat(LOCALE, {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    timeZone,
  }).format(new Date(iso))
}

/** `1 – 30 Nov 2026`: from the first day to the last. `end` is exclusive: the first instant after the period. */
export function period({ start, end }: { start: string; end: string }, timeZone: string): string {
  const format = new Intl.DateTimeFormat(LOCALE, {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    timeZone,
  })
  return format.formatRange(new Date(start), new Date(new Date(end).getTime() - MINUTE_MS))
}

/** A calendar day such as `2026-11-12`, without a time zone. */
export function day(text: string, withYear = false): string {
  return new Intl.DateTimeFormat(LOCALE, {
    day: 'numeric',
    month: 'short',
    ...(withYear ? { year: 'numeric' } : {}),
    timeZone: 'UTC',
  }).format(new Date(`${text}T00:00:00Z`))
}
