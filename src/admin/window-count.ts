/** Something counted in windows of time in the store, so that all gateways see the same count. */
import { RateLimiterRedis } from 'rate-limiter-flexible'
import type { RedisClient } from '../store/connection.ts'

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
  const durationMs = Math.ceil(windowMs / 1_000) * 1_000
  const limiter = new RateLimiterRedis({
    storeClient: redis,
    // The whole name of a key is built with all others; and what is too many is decided by whoever counts.
    keyPrefix: '',
    points: Number.MAX_SAFE_INTEGER,
    duration: durationMs / 1_000,
    rejectIfRedisNotReady: true,
  })
  return async (key) => {
    const { consumedPoints, msBeforeNext } = await limiter.penalty(key)
    if (msBeforeNext <= durationMs) return { count: consumedPoints, resetMs: msBeforeNext }
    // The store's clock has stepped back since the window began: it would lock somebody out for as long as that.
    await redis.pexpire(key, durationMs)
    return { count: consumedPoints, resetMs: durationMs }
  }
}
