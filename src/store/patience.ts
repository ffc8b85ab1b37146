/**
 * How long a call waits for a store that does not answer (D1). Calls to a model take seconds, and a fork, a slow sync or a
 * failover takes less: waiting is right, and refusing is for what lasts longer.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { mayPass } from './faults.ts'
import type { StoreWatch } from './watch.ts'

export interface WaitMetrics {
  /** A call began to wait for the store. */
  storeWait(): void
  /** It has waited for so long, whatever came of it. */
  storeWaited(seconds: number): void
}

export interface Patience {
  /** The longest that a call waits for the store; 0 for not at all. */
  readonly ms: number
  readonly metrics: WaitMetrics
}

export const NO_PATIENCE: Patience = {
  ms: 0,
  metrics: { storeWait: () => undefined, storeWaited: () => undefined },
}

/** Before the same is asked again of a server that is not known to be down. */
const ASK_AGAIN_AFTER_MS = 100

/**
 * Reads from the store, again and again until it answers or the patience ends. Rejects with the last failure. What may
 * pass is waited for; a refusal of credentials or rights, and any other error, is told at once.
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
 * Resolves when the server of this tag answers again, at once where it does, or after so long. A server that is found to
 * refuse this gateway is not waited for.
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
