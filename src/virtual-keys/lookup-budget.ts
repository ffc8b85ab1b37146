/**
 * How many look-ups of keys that turn out to be unknown a gateway may ask the store for: whoever invents keys cannot make
 * it busy. A look-up spends one and gets it back when the key is known, so only guesses use the budget up. What comes when
 * nothing is left waits for its turn; it is never taken for unknown unasked.
 */
import { StoreUnavailable } from '../store/unavailable.ts'

export interface LookupBudget {
  /**
   * Asks when it is its turn; what that spends comes back unless the answer is null. Rejects with TooManyLookups when too
   * many wait already.
   */
  lookUp<T>(ask: () => Promise<T | null>): Promise<T | null>
}

export interface LookupBudgetLimits {
  /** What comes back in a second. */
  readonly perSecond: number
  /** What there is at most. */
  readonly burst: number
  readonly waiting: number
}

/** Nothing is known about the key, for want of asking. */
export class TooManyLookups extends StoreUnavailable {}

const LIMITS: LookupBudgetLimits = { perSecond: 1_000, burst: 2_000, waiting: 2_000 }

export function createLookupBudget(limits: LookupBudgetLimits = LIMITS): LookupBudget {
  const { perSecond, burst, waiting } = limits
  const queue: (() => void)[] = []
  let left = burst
  let countedAt = performance.now()
  let timer: NodeJS.Timeout | null = null

  function refill(): void {
    const now = performance.now()
    left = Math.min(burst, left + ((now - countedAt) * perSecond) / 1_000)
    countedAt = now
  }

  function serve(): void {
    timer = null
    refill()
    while (left >= 1) {
      const next = queue.shift()
      if (next === undefined) return
      left -= 1
      next()
    }
    if (queue.length > 0) timer = setTimeout(serve, ((1 - left) * 1_000) / perSecond)
  }

  function turn(): Promise<void> {
    if (queue.length >= waiting) {
      return Promise.reject(new TooManyLookups('too many unknown keys are being looked up'))
    }
    return new Promise((resolve) => {
      queue.push(resolve)
      if (timer === null) serve()
    })
  }

  function giveBack(): void {
    left = Math.min(burst, left + 1)
    if (timer === null) return
    clearTimeout(timer)
    serve()
  }

  return {
    lookUp: async (ask) => {
      await turn()
      let isUnknown = false
      try {
        const found = await ask()
        isUnknown = found === null
        return found
      } finally {
        if (!isUnknown) giveBack()
      }
    },
  }
}
