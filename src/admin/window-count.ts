/** Something counted in windows of time in the store, so that all gateways see the same count. */
import { RateLimiterRedis } from 'rate-limiter-flexible'
import type { RedisClient } from '../ledger/connection.ts'

export interface WindowCount {
  /** So far in this window, this one included. */
  readonly count: number
  /** Until the window ends. */
  readonly resetMs: number
}

/** Counts one under a key of the store. Rejects when the store does. */
export function createWindowCount(
  redis: RedisClient,
  windowMs: number,
): (key: string) => Promise<WindowCount> {
  const limiter = new RateLimiterRedis({
    storeClient: redis,
    // The whole name of a key is built with all others; and what is too many is decided by whoever counts.
    keyPrefix: '',
    points: Number.MAX_SAFE_INTEGER,
    duration: Math.ceil(windowMs / 1_000),
    rejectIfRedisNotReady: true,
  })
  return async (key) => {
    const { consumedPoints, msBeforeNext } = await limiter.penalty(key)
    return { count: consumedPoints, resetMs: msBeforeNext }
  }
}
