/** A counter per time window in the store, so that all gateways share the count. */
import { RateLimiterRedis } from 'rate-limiter-flexible'
import type { RedisClient } from '../store/connection.ts'

export interface WindowCount {
  /** The count in this window, including this event. */
  readonly count: number
  /** Milliseconds until the window ends. */
  readonly resetMs: number
}

/** Counts one event under a key of the store. Rejects when the store does not answer. */
export function createWindowCount(
  redis: RedisClient,
  windowMs: number,
): (key: string) => Promise<WindowCount> {
  const durationMs = Math.ceil(windowMs / 1_000) * 1_000
  const limiter = new RateLimiterRedis({
    storeClient: redis,
    // Callers pass the whole key name, and compare the count with their own limit.
    keyPrefix: '',
    points: Number.MAX_SAFE_INTEGER,
    duration: durationMs / 1_000,
    rejectIfRedisNotReady: true,
  })
  return async (key) => {
    const { consumedPoints, msBeforeNext } = await limiter.penalty(key)
    if (msBeforeNext <= durationMs) return { count: consumedPoints, resetMs: msBeforeNext }
    // The store's clock was set back since the window began. Without a new expiry, the lockout would last as much
    // longer.
    await redis.pexpire(key, durationMs)
    return { count: consumedPoints, resetMs: durationMs }
  }
}
