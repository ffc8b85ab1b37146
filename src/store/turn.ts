/** Locks for work that one gateway at a time does for all. */
import type { RedisClient } from './connection.ts'

/**
 * Takes the lock `key`: true for one gateway per `ms` milliseconds. The lock expires by the store's clock. A remaining
 * time of more than `ms` means that the clock has stepped back, so the lock counts as expired.
 */
export async function takeTurn(redis: RedisClient, key: string, ms: number): Promise<boolean> {
  if ((await redis.set(key, '', 'PX', ms, 'NX')) === 'OK') return true
  if ((await redis.pttl(key)) <= ms) return false
  await redis.set(key, '', 'PX', ms)
  return true
}
