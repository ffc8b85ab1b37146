/** Billing periods for tests. */

const DAY_MS = 86_400_000

/**
 * A monthly period that is about half over whenever a test runs, so that none ends while the test does. A test of what
 * happens at a border sets the border itself.
 */
export function halfwayThroughPeriod(): { every: 'month'; anchor: number; timezone: 'UTC' } {
  return { every: 'month', anchor: new Date(Date.now() - 15 * DAY_MS).getUTCDate(), timezone: 'UTC' }
}
