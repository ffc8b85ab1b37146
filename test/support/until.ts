/** Waiting for a condition instead of for a time. */
import { setTimeout as pause } from 'node:timers/promises'

const POLL_MS = 5

/** Asks until the condition holds; rejects, naming it, when it does not hold within `timeoutMs`. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  { timeoutMs = 10_000, what = condition.toString() }: { timeoutMs?: number; what?: string } = {},
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await pause(POLL_MS)
  }
}
