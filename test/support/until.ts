/**
 * Waiting for a condition or an event instead of for a time. Deadlines are safety nets, for what never comes: they are many
 * times what a slow machine takes, no test asserts them, and what did not come is named.
 */
import { setTimeout as pause } from 'node:timers/promises'

const POLL_MS = 5
/** tap gives a file 300 s: before that, the test should say what it waits for. */
const PATIENCE_MS = 60_000
/** For machines that are slower still: all deadlines are so many times as long. */
const FACTOR = Number(process.env['TOLLGATE_TEST_PATIENCE'] ?? 1)

/** Asks until the condition holds; rejects, naming it, when it does not hold within `timeoutMs`. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  { timeoutMs = PATIENCE_MS, what = condition.toString() }: { timeoutMs?: number; what?: string } = {},
): Promise<void> {
  const limitMs = timeoutMs * FACTOR
  // Clocks of the time of day step, and some tests step them.
  const deadline = performance.now() + limitMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`)
    await pause(POLL_MS)
  }
}

/** The event, or answer, that a test waits for; rejects, naming it, when it does not come. Holds no process open. */
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
