/**
 * A concurrency limit with a short wait. A delivery needs a slot of its receiver, and to a channel one of its organization too.
 * If one is missing, the delivery waits for it, first come, first served, where it can be expected within `patienceMs`. Otherwise it
 * goes back into the queue: a delivery that waits here occupies a job of the worker, which others could use.
 */

/** How many slots of one receiver or organization are taken. */
export interface Slots {
  inFlight: number
  /** Moving average of how long a slot is taken. */
  meanMs: number
  /** When the delivery that was sent back last is due. */
  lastDueMs: number
}

export interface ConcurrencyLimit {
  /** Null once a slot of each is taken, which `release` gives back; otherwise the milliseconds after which to ask again. */
  acquire(all: readonly Slots[]): Promise<number | null>
  /** `tookMs`: how long the delivery took; null where nothing was sent. */
  release(all: readonly Slots[], tookMs: number | null): void
  /** Sends back all deliveries that wait, and all that would. */
  close(): void
}

export interface ConcurrencyLimitOptions {
  /** Slots of each receiver, and of each organization. */
  readonly max: number
  readonly patienceMs: number
  /** The longest that `acquire` sends a delivery back for. */
  readonly maxDelayMs: number
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number
}

interface Waiter {
  readonly all: readonly Slots[]
  /** The one of `all` that had no free slot when the wait began. */
  readonly full: Slots
  /** Ends the wait; with true, the slots are taken. */
  readonly end: (isTaken: boolean) => void
}

const MIN_DELAY_MS = 50
const UNKNOWN_MEAN_MS = 1_000

export function newSlots(): Slots {
  return { inFlight: 0, meanMs: UNKNOWN_MEAN_MS, lastDueMs: 0 }
}

export function createConcurrencyLimit(options: ConcurrencyLimitOptions): ConcurrencyLimit {
  const { max, patienceMs } = options
  const waiting = new Set<Waiter>()
  let isClosed = false

  const fullOf = (all: readonly Slots[]): Slots | undefined => all.find(({ inFlight }) => inFlight >= max)

  function take(all: readonly Slots[]): void {
    for (const slots of all) slots.inFlight += 1
  }

  function isWorthWaiting(full: Slots): boolean {
    const position = 1 + [...waiting].filter((other) => other.full === full).length
    return !isClosed && (position * full.meanMs) / max <= patienceMs
  }

  function wait(all: readonly Slots[], full: Slots): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => waiter.end(false), patienceMs)
      const waiter: Waiter = {
        all,
        full,
        end(isTaken) {
          clearTimeout(timer)
          waiting.delete(waiter)
          resolve(isTaken)
        },
      }
      waiting.add(waiter)
    })
  }

  return {
    async acquire(all) {
      const full = fullOf(all)
      if (full === undefined) take(all)
      else if (!isWorthWaiting(full) || !(await wait(all, full))) return delayMs(full, options)
      return null
    },
    release(all, tookMs) {
      for (const slots of all) {
        slots.inFlight -= 1
        if (tookMs !== null) slots.meanMs += (tookMs - slots.meanMs) / 8
      }
      // Waiting deliveries take the slot before a new one can.
      for (const { all: wanted, end } of waiting) {
        if (fullOf(wanted) !== undefined) continue
        take(wanted)
        end(true)
      }
    },
    close() {
      isClosed = true
      for (const { end } of waiting) end(false)
    },
  }
}

/**
 * Deliveries are sent back to times as far apart as slots come free. If they all came back at once, most would find no slot
 * again, and each return costs one of the `perSecond`.
 */
function delayMs(full: Slots, { max, maxDelayMs, now }: ConcurrencyLimitOptions): number {
  const nowMs = now()
  const dueMs = Math.max(nowMs, full.lastDueMs) + full.meanMs / max
  full.lastDueMs = Math.min(dueMs, nowMs + maxDelayMs)
  const delay = dueMs - nowMs
  const bounded = delay > maxDelayMs ? maxDelayMs * (0.5 + Math.random() / 2) : delay
  return Math.round(Math.max(MIN_DELAY_MS, bounded))
}
