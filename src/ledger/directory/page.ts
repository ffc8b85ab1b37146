/** Lists in pages: a cursor says after what to go on, so that entries which come and go shift nothing. */
import type { RedisClient } from '../connection.ts'

export interface Page<T> {
  readonly items: readonly T[]
  /** What to pass as `after` for the rest; null at the end. */
  readonly next: string | null
}

export interface PageRequest {
  readonly limit: number
  readonly after: string | null
}

const SCAN_COUNT = 1_000

/** Sorted ids in; the page of them, and the cursor, out. */
export function pageOf<T>(sorted: readonly T[], limit: number, idOf: (item: T) => string): Page<T> {
  const items = sorted.slice(0, limit)
  const last = items.at(-1)
  return { items, next: last !== undefined && sorted.length > limit ? idOf(last) : null }
}

/**
 * Every field of a hash with its value, in no order, a thousand at a time so that the store is never held up. A field
 * may come twice; a field that comes or goes meanwhile may be missing or be there.
 */
export async function* entriesOf(redis: RedisClient, key: string): AsyncGenerator<readonly [string, string]> {
  let cursor = '0'
  do {
    const [next, flat] = await redis.hscan(key, cursor, 'COUNT', SCAN_COUNT)
    for (let index = 0; index + 1 < flat.length; index += 2) yield [flat[index] ?? '', flat[index + 1] ?? '']
    cursor = next
  } while (cursor !== '0')
}

/**
 * One page of a hash, ordered by field. Redis keeps no order in a hash, so every page reads all of it: that is what a
 * list in an admin's page may cost, and nothing on the path of a call does.
 */
export async function pageOfHash<T>(
  redis: RedisClient,
  key: string,
  { limit, after }: PageRequest,
  read: (field: string, value: string) => T | null,
): Promise<Page<T>> {
  const found = new Map<string, T>()
  for await (const [field, value] of entriesOf(redis, key)) {
    if (after !== null && field <= after) continue
    const item = read(field, value)
    if (item !== null) found.set(field, item)
  }
  const sorted = [...found].sort(([a], [b]) => (a < b ? -1 : 1))
  const { items, next } = pageOf(sorted, limit, ([field]) => field)
  return { items: items.map(([, item]) => item), next }
}
