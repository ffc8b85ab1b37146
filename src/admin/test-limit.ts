/**
 * How many tests an organization's channels send. A test calls whatever address an admin typed, at once and as often as
 * it is asked for: without a bound the gateway could be made to hammer somebody.
 */
import { storeCall, type RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import { createWindowCount } from './window-count.ts'

export const TESTS_PER_MINUTE = 10
const MINUTE_MS = 60_000

/** Counts a test: null where it may be sent, else the seconds after which one may. */
export type TakeTest = (org: string) => Promise<number | null>

export function createTestLimit(redis: RedisClient): TakeTest {
  const add = createWindowCount(redis, MINUTE_MS)
  return (org) =>
    storeCall(async () => {
      const { count, resetMs } = await add(keys.channelTests(org))
      return count <= TESTS_PER_MINUTE ? null : Math.max(1, Math.ceil(resetMs / 1_000))
    })
}
