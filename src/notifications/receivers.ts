/**
 * What one process knows of each receiver: how many deliveries are in flight to it (concurrency-limit.ts), and whether its
 * circuit breaker is open (the rules are in retry.ts). So a receiver that is slow or down costs the others nothing.
 */
import { createLru } from '../core/lru.ts'
import type { SendResult } from './channels/channel.ts'
import { createConcurrencyLimit, newSlots, type Slots } from './concurrency-limit.ts'
import { circuitAfter, CLOSED, failFast, isOpen, type Circuit, type RetrySettings } from './retry.ts'

export interface ReceiversOptions {
  /** Deliveries in flight to one receiver, and to all channels of one organization. */
  readonly perDestination: number
  readonly retry: RetrySettings
  /** How long a delivery waits here for a slot before it goes back into the queue. */
  readonly patienceMs?: number
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number
}

/** Where a delivery goes. */
export interface Endpoint {
  /** The origin of a URL, or `mail`: what is slow or down as a whole. */
  readonly receiver: string
  /** Whose channel it is; null for the mail server, which the operator chose. */
  readonly org: string | null
}

/** Nothing was sent, because too many others are in flight. Counts as no attempt. */
export interface Deferred {
  readonly status: 'deferred'
  readonly delayMs: number
}

export interface Receivers {
  /** Sends, unless the limit or the circuit breaker is in the way. A last attempt (`isLast`) passes an open circuit. */
  deliver(to: Endpoint, isLast: boolean, send: () => Promise<SendResult>): Promise<SendResult | Deferred>
  /** Defers all deliveries that wait for a slot, and all that would. */
  close(): void
}

/** Long enough for a quick receiver, and short for the worker's job that waits. */
const PATIENCE_MS = 100
const MAX_REMEMBERED = 10_000

export function createReceivers(options: ReceiversOptions): Receivers {
  const { perDestination, retry, patienceMs = PATIENCE_MS, now = () => performance.now() } = options
  const slots = createLru<Slots>(MAX_REMEMBERED)
  const circuits = createLru<Circuit>(MAX_REMEMBERED)
  const limit = createConcurrencyLimit({
    max: perDestination,
    patienceMs,
    maxDelayMs: retry.maxBackoffMs,
    now,
  })

  const circuitOf = (receiver: string): Circuit => circuits.get(receiver) ?? CLOSED

  function slotsOf(name: string): Slots {
    const known = slots.get(name) ?? newSlots()
    slots.set(name, known)
    return known
  }

  async function attempt(receiver: string, send: () => Promise<SendResult>): Promise<SendResult> {
    const wasOpen = isOpen(circuitOf(receiver))
    const result = await send()
    const circuit = circuitAfter(retry, circuitOf(receiver), result, { wasOpen, nowMs: now() })
    if (circuit === CLOSED) circuits.delete(receiver)
    else circuits.set(receiver, circuit)
    return result
  }

  return {
    async deliver({ receiver, org }, isLast, send) {
      const own = slotsOf(receiver)
      const all = org === null ? [own] : [own, slotsOf(`org ${org}`)]
      const refuse = (others: number) => (isLast ? null : failFast(circuitOf(receiver), others, now()))
      const refused = refuse(own.inFlight)
      if (refused !== null) return refused
      const delayMs = await limit.acquire(all)
      if (delayMs !== null) return { status: 'deferred', delayMs }
      // The circuit may have opened while this delivery waited.
      const refusedNow = refuse(own.inFlight - 1)
      if (refusedNow !== null) {
        limit.release(all, null)
        return refusedNow
      }
      const fromMs = now()
      try {
        return await attempt(receiver, send)
      } finally {
        limit.release(all, now() - fromMs)
      }
    },
    close: () => limit.close(),
  }
}
