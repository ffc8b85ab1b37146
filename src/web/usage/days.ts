/** Calendar days as `2026-12-01`, without a zone. */
const DAY_MS = 86_400_000

const instant = (day: string): number => Date.parse(`${day}T00:00:00Z`)

export function daysBetween(from: string, to: string): string[] {
  const days: string[] = []
  for (let at = instant(from); at <= instant(to); at += DAY_MS)
    days.push(new Date(at).toISOString().slice(0, 10))
  return days
}

/** The day on which an instant falls in a zone. */
export function dayIn(timeZone: string, at: number): string {
  return new Intl.DateTimeFormat('en-CA', {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    timeZone,
  }).format(at)
}
