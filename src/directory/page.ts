/** Lists in pages: a cursor says after what to go on, so that entries which come and go shift nothing. */
import type { RedisClient } from '../store/connection.ts'
import { scanned } from '../store/scanning.ts'

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
  for await (const flat of scanned((cursor) => redis.hscan(key, cursor, 'COUNT', SCAN_COUNT)))
    for (let index = 0; index + 1 < flat.length; index += 2) yield [flat[index] ?? '', flat[index + 1] ?? '']
}

/** Up to here a page reads the whole hash, to be in order; beyond, only a part of it. */
const MOST_IN_ORDER = 10_000
/** Entries of a larger hash that one request may look at before it hands on where it came to. */
const MOST_LOOKED_AT = 200_000
/** In a larger hash: the part that this cursor of a scan begins, and after which field of it to go on. */
const PART = /^(\d{1,15}) (.{0,250})$/

/**
 * One page of a hash, ordered by field. Redis keeps no order in a hash, so every page reads all of it; where that is too
 * much, the hash comes a part at a time, as the store scans it, and ordered within each. Then an entry that is new may be
 * missing or come twice, and a page of entries that `read` passes over may have fewer than asked for, or none, and go on.
 */
export async function pageOfHash<T>(
  redis: RedisClient,
  key: string,
  page: PageRequest,
  read: (field: string, value: string) => T | null,
): Promise<Page<T>> {
  const part = PART.exec(page.after ?? '')
  if (part !== null) return pageOfParts(redis, key, page.limit, part[1] ?? '0', part[2] ?? '', read)
  if (page.after === null && (await redis.hlen(key)) > MOST_IN_ORDER) {
    return pageOfParts(redis, key, page.limit, '0', '', read)
  }
  const found = new Map<string, T>()
  for await (const [field, value] of entriesOf(redis, key)) {
    if (page.after !== null && field <= page.after) continue
    const item = read(field, value)
    if (item !== null) found.set(field, item)
  }
  const sorted = [...found].sort(([a], [b]) => (a < b ? -1 : 1))
  const { items, next } = pageOf(sorted, page.limit, ([field]) => field)
  return { items: items.map(([, item]) => item), next }
}

async function pageOfParts<T>(
  redis: RedisClient,
  key: string,
  limit: number,
  first: string,
  after: string,
  read: (field: string, value: string) => T | null,
): Promise<Page<T>> {
  const items: T[] = []
  let cursor = first
  let behind = after
  for (let looked = 0; ;) {
    const [following, flat] = await redis.hscan(key, cursor, 'COUNT', SCAN_COUNT)
    const part = new Map<string, string>()
    for (let at = 0; at + 1 < flat.length; at += 2) part.set(flat[at] ?? '', flat[at + 1] ?? '')
    for (const field of [...part.keys()].sort()) {
      if (field <= behind) continue
      const item = read(field, part.get(field) ?? '')
      if (item === null) continue
      // There is one more than fits: the page ends before it.
      if (items.length === limit) return { items, next: `${cursor} ${behind}` }
      items.push(item)
      behind = field
    }
    looked += part.size
    if (following === '0') return { items, next: null }
    cursor = following
    behind = ''
    if (looked >= MOST_LOOKED_AT) return { items, next: `${cursor} ` }
  }
}
