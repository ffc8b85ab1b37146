/** Caches look-ups for a limited time and in a limited number, since callers may choose the keys. */
import { createLru } from '../core/lru.ts'
import type { UnixMs } from '../core/units.ts'

export interface MemoOptions {
  /** The most entries that are kept; the least recently used one is dropped first. */
  readonly limit: number
  /** How long an entry is valid, in milliseconds. */
  readonly maxAgeMs: number
  readonly now: () => UnixMs
}

/** Returns a function that returns the cached value, or calls `compute` and caches its result. */
export function createMemo<V>(options: MemoOptions): (key: string, compute: () => V) => V {
  const entries = createLru<{ readonly value: V; readonly since: UnixMs }>(options.limit)
  return (key, compute) => {
    const now = options.now()
    let entry = entries.get(key)
    // A clock that was set back must not extend an entry's life.
    if (entry === undefined || now < entry.since || now - entry.since >= options.maxAgeMs) {
      entry = { value: compute(), since: now }
      entries.set(key, entry)
    }
    return entry.value
  }
}
