/**
 * Limits the look-ups of unknown keys, so that invented keys cannot overload the store. A look-up takes one token from
 * the budget and returns it unless the key is unknown, so only guesses use the budget up. When it is empty, look-ups
 * wait; a key never counts as unknown without a look-up.
 */
import { StoreUnavailable } from '../store/unavailable.ts'

export interface LookupBudget {
  /**
   * Calls `ask` when the budget allows it; the budget is restored unless the result is null. Rejects with
   * TooManyLookups if too many look-ups wait already.
   */
  lookUp<T>(ask: () => Promise<T | null>): Promise<T | null>
}

export interface LookupBudgetLimits {
  /** Tokens that are added per second. */
  readonly perSecond: number
  /** The most tokens in the budget. */
  readonly burst: number
  readonly waiting: number
}

/** The key was not looked up, so it is not known whether it is valid. */
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
