/** Counts failed authentications in the store, so that all gateways behind one address share the count. */
import type { RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import type { CountFailure } from './throttle.ts'
import { createWindowCount } from './window-count.ts'

export function createFailureCount(redis: RedisClient, windowMs: number): CountFailure {
  const add = createWindowCount(redis, windowMs)
  return async (subject) => {
    const { count, resetMs } = await add(keys.authFailures(subject))
    return { failures: count, resetMs }
  }
}
