/** The store's clock, as this gateway estimates it from replies. Periods and days are decided by the store's own TIME. */
import type { UnixMs } from '../core/units.ts'
import { askAny, type RedisClient } from './connection.ts'

export interface StoreClock {
  now(): UnixMs
  learn(serverNow: UnixMs): void
}

/** Reads the store's time. Rejects as the connection does. */
export async function readStoreTime(redis: RedisClient): Promise<UnixMs> {
  const [seconds, microseconds] = await askAny(redis, (server) => server.time())
  return (Number(seconds) * 1_000 + Math.floor(Number(microseconds) / 1_000)) as UnixMs
}

/** `wallClock` is this machine's clock, which may be wrong and may jump. */
export function createStoreClock(wallClock: () => number = Date.now): StoreClock {
  let offset = 0
  return {
    now: () => (wallClock() + offset) as UnixMs,
    learn: (serverNow) => {
      offset = serverNow - wallClock()
    },
  }
}
