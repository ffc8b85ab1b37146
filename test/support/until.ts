/**
 * Waits for a condition or an event instead of a fixed time. A deadline is only a safety net for an event that never
 * comes. It is many times what a slow machine takes, no test asserts it, and its error names the missing event.
 */
import { setTimeout as pause } from 'node:timers/promises'

const POLL_MS = 5
/** tap limits a file to 300 s; before that, the test should say what it is waiting for. */
const PATIENCE_MS = 60_000
/** For even slower machines: multiplies all deadlines. */
const FACTOR = Number(process.env['TOLLGATE_TEST_PATIENCE'] ?? 1)

/** Polls until the condition holds; rejects with its name if it does not hold within `timeoutMs`. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  { timeoutMs = PATIENCE_MS, what = condition.toString() }: { timeoutMs?: number; what?: string } = {},
): Promise<void> {
  const limitMs = timeoutMs * FACTOR
  // A monotonic clock, because some tests change the time of day.
  const deadline = performance.now() + limitMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`)
    await pause(POLL_MS)
  }
}

/** Waits for an event or a response; rejects with its name if it does not come. Does not keep the process alive. */
export async function came<T>(
  event: Promise<T>,
  what: string | (() => string),
  { timeoutMs = PATIENCE_MS }: { readonly timeoutMs?: number } = {},
): Promise<T> {
  const limitMs = timeoutMs * FACTOR
  let timer: NodeJS.Timeout | undefined
  const never = new Promise<never>((_resolve, reject) => {
    const giveUp = (): void =>
      reject(new Error(`not within ${limitMs} ms: ${typeof what === 'string' ? what : what()}`))
    timer = setTimeout(giveUp, limitMs).unref()
  })
  try {
    return await Promise.race([event, never])
  } finally {
    clearTimeout(timer)
  }
}
