/** Remembers what was looked up, for a while and not without bound: keys may be chosen by callers. */
import { createLru } from '../core/lru.ts'
import type { UnixMs } from '../core/units.ts'

export interface MemoOptions {
  /** Most entries that are kept; the least recently used one goes first. */
  readonly limit: number
  /** How long an entry is good for, in milliseconds. */
  readonly maxAgeMs: number
  readonly now: () => UnixMs
}

/** Returns a function that answers from memory, or calls `compute` and remembers what it said. */
export function createMemo<V>(options: MemoOptions): (key: string, compute: () => V) => V {
  const entries = createLru<{ readonly value: V; readonly since: UnixMs }>(options.limit)
  return (key, compute) => {
    const now = options.now()
    let entry = entries.get(key)
    // A clock that was set back must not keep an entry for longer either.
    if (entry === undefined || now < entry.since || now - entry.since >= options.maxAgeMs) {
      entry = { value: compute(), since: now }
      entries.set(key, entry)
    }
    return entry.value
  }
}
