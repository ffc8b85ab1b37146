/** Work that one gateway at a time does for all. */
import type { RedisClient } from './connection.ts'

/**
 * Takes the turn that `key` stands for: true for one gateway in so many milliseconds. A turn lives by the store's clock, and one
 * that lasts for longer is from before that stepped back: it is over.
 */
export async function takeTurn(redis: RedisClient, key: string, ms: number): Promise<boolean> {
  if ((await redis.set(key, '', 'PX', ms, 'NX')) === 'OK') return true
  if ((await redis.pttl(key)) <= ms) return false
  await redis.set(key, '', 'PX', ms)
  return true
}
