/** Failures to authenticate, counted in the store, so that gateways behind one address see them together. */
import { RateLimiterRedis } from 'rate-limiter-flexible'
import type { RedisClient } from '../ledger/connection.ts'
import * as keys from '../ledger/keys.ts'
import type { CountFailure } from './throttle.ts'

export function createFailureCount(redis: RedisClient, windowMs: number): CountFailure {
  const limiter = new RateLimiterRedis({
    storeClient: redis,
    // The whole name of a key is built with all others; and what is too many is decided by the throttle.
    keyPrefix: '',
    points: Number.MAX_SAFE_INTEGER,
    duration: Math.ceil(windowMs / 1_000),
    rejectIfRedisNotReady: true,
  })
  return async (subject) => {
    const { consumedPoints, msBeforeNext } = await limiter.penalty(keys.authFailures(subject))
    return { failures: consumedPoints, resetMs: msBeforeNext }
  }
}
