/** Billing periods for tests. */
import { periodAt } from '../../src/core/period.ts'
import { rfc3339 } from '../../src/core/text.ts'
import type { UnixMs } from '../../src/core/units.ts'

const DAY_MS = 86_400_000

/**
 * A monthly period that is about half over whenever a test runs, so that none ends while the test does. A test of what
 * happens at a border sets the border itself.
 */
export const HALF_OVER = {
  every: 'month',
  anchor: new Date(Date.now() - 15 * DAY_MS).getUTCDate(),
  timezone: 'UTC',
} as const

/** Where the current one of these periods begins and ends, as RFC 3339 has it. */
export function halfOverPeriod(): { readonly start: string; readonly end: string } {
  const { start, end } = periodAt(HALF_OVER, Date.now() as UnixMs)
  return { start: rfc3339(start), end: rfc3339(end) }
}
