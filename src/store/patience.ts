/**
 * How long a call waits for a store that does not answer (D1). A model call takes seconds, while a fork, a slow sync or
 * a failover takes less. So calls wait first, and are refused only if the outage lasts longer.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { mayPass } from './faults.ts'
import type { StoreWatch } from './watch.ts'

export interface WaitMetrics {
  /** A call began to wait for the store. */
  storeWait(): void
  /** A call has waited this long, whatever the result. */
  storeWaited(seconds: number): void
}

export interface Patience {
  /** The longest that a call waits for the store; 0: it does not wait. */
  readonly ms: number
  readonly metrics: WaitMetrics
}

export const NO_PATIENCE: Patience = {
  ms: 0,
  metrics: { storeWait: () => undefined, storeWaited: () => undefined },
}

/** The pause before a retry on a server that is not known to be down. */
const ASK_AGAIN_AFTER_MS = 100

/**
 * Reads from the store, retrying until it answers or the time is up. Rejects with the last failure. Temporary failures
 * are retried; a refusal of credentials or permissions, and any other error, rejects at once.
 */
export async function patiently<T>(
  { ms, metrics }: Patience,
  watch: StoreWatch,
  tag: string,
  read: () => Promise<T>,
): Promise<T> {
  const since = performance.now()
  let isWaiting = false
  try {
    for (;;) {
      try {
        return await watch.guard(tag, read)
      } catch (error) {
        const leftMs = since + ms - performance.now()
        if (leftMs <= 0 || !mayPass(error) || watch.refusal(tag) !== null) throw error
        if (!isWaiting) metrics.storeWait()
        isWaiting = true
        if (watch.downMs(tag) === 0) await pause(Math.min(ASK_AGAIN_AFTER_MS, leftMs))
        else await backWithin(watch, tag, leftMs)
      }
    }
  } finally {
    if (isWaiting) metrics.storeWaited((performance.now() - since) / 1_000)
  }
}

/**
 * Resolves when the server of this tag answers again (at once if it does), or after `ms`. It does not wait for a server
 * that refuses this gateway's credentials.
 */
export async function backWithin(watch: StoreWatch, tag: string, ms: number): Promise<void> {
  if (watch.downMs(tag) === 0) return
  const impatience = new AbortController()
  const { signal } = impatience
  let endLook: () => void = () => undefined
  const refused = new Promise<void>((resolve) => {
    endLook = watch.whileDown(() => {
      if (watch.refusal(tag) !== null) resolve()
    })
  })
  await Promise.race([watch.back(tag), refused, pause(ms, undefined, { signal })]).finally(() => {
    endLook()
    impatience.abort()
  })
}
