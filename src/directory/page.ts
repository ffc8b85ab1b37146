/** Lists in pages. The cursor names the last item of the page, so that insertions and deletions shift nothing. */
import type { RedisClient } from '../store/connection.ts'
import { scanned } from '../store/scanning.ts'

export interface Page<T> {
  readonly items: readonly T[]
  /** The `after` of the next page; null at the end. */
  readonly next: string | null
}

export interface PageRequest {
  readonly limit: number
  readonly after: string | null
}

const SCAN_COUNT = 1_000

/** Takes sorted ids; returns one page of them and its cursor. */
export function pageOf<T>(sorted: readonly T[], limit: number, idOf: (item: T) => string): Page<T> {
  const items = sorted.slice(0, limit)
  const last = items.at(-1)
  return { items, next: last !== undefined && sorted.length > limit ? idOf(last) : null }
}

/**
 * Every field of a hash with its value, in no order, a thousand at a time so as not to block the store. A field may
 * come twice. Fields that are added or removed meanwhile may be included or not.
 */
export async function* entriesOf(redis: RedisClient, key: string): AsyncGenerator<readonly [string, string]> {
  for await (const flat of scanned((cursor) => redis.hscan(key, cursor, 'COUNT', SCAN_COUNT)))
    for (let index = 0; index + 1 < flat.length; index += 2) yield [flat[index] ?? '', flat[index + 1] ?? '']
}

/** Up to this size a page reads the whole hash to sort it; of a larger hash it reads only a part. */
const MOST_IN_ORDER = 10_000
/** The most entries of a larger hash that one request scans before it returns a cursor. */
const MOST_LOOKED_AT = 200_000
/** The cursor in a larger hash: the scan cursor of a part, and the last field that was returned from it. */
const PART = /^(\d{1,15}) (.{0,250})$/

/**
 * One page of a hash, ordered by field. Redis keeps no order in a hash, so every page reads the whole hash. If the hash
 * is too large for that, it is read in parts in the order of the store's scan, each part sorted. Then new entries may
 * be missing or come twice. If `read` skips entries, a page may have fewer items than requested, or none, and still
 * have a next page.
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
