/**
 * Limits how many test messages the channels of an organization send. A test calls an address that an admin typed, at
 * once and on each request. Without a limit the gateway could be used to flood someone.
 */
import { storeCall, type RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import { createWindowCount } from './window-count.ts'

export const TESTS_PER_MINUTE = 10
const MINUTE_MS = 60_000

/** Counts a test: null if it may be sent, otherwise the seconds until the next one may. */
export type TakeTest = (org: string) => Promise<number | null>

export function createTestLimit(redis: RedisClient): TakeTest {
  const add = createWindowCount(redis, MINUTE_MS)
  return (org) =>
    storeCall(async () => {
      const { count, resetMs } = await add(keys.channelTests(org))
      return count <= TESTS_PER_MINUTE ? null : Math.max(1, Math.ceil(resetMs / 1_000))
    })
}
