/** A map of bounded size that drops the least recently used entry. */
export interface Lru<T> {
  /** Counts as a use. */
  get(key: string): T | undefined
  set(key: string, value: T): void
  delete(key: string): void
  clear(): void
}

interface Entry<T> {
  readonly key: string
  value: T
  older: Entry<T> | null
  newer: Entry<T> | null
}

/**
 * A linked list keeps the order of use: deleting an entry of a Map and adding it again would rehash the Map from time
 * to time.
 */
export function createLru<T>(limit: number): Lru<T> {
  const entries = new Map<string, Entry<T>>()
  let oldest: Entry<T> | null = null
  let newest: Entry<T> | null = null

  function unlink(entry: Entry<T>): void {
    if (entry.older === null) oldest = entry.newer
    else entry.older.newer = entry.newer
    if (entry.newer === null) newest = entry.older
    else entry.newer.older = entry.older
  }

  function append(entry: Entry<T>): void {
    entry.older = newest
    entry.newer = null
    if (newest === null) oldest = entry
    else newest.newer = entry
    newest = entry
  }

  function use(entry: Entry<T>): void {
    if (entry === newest) return
    unlink(entry)
    append(entry)
  }

  function forget(entry: Entry<T>): void {
    unlink(entry)
    entries.delete(entry.key)
  }

  return {
    get: (key) => {
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      use(entry)
      return entry.value
    },
    set: (key, value) => {
      const known = entries.get(key)
      if (known !== undefined) {
        known.value = value
        use(known)
        return
      }
      const entry: Entry<T> = { key, value, older: null, newer: null }
      entries.set(key, entry)
      append(entry)
      if (entries.size > limit && oldest !== null) forget(oldest)
    },
    delete: (key) => {
      const entry = entries.get(key)
      if (entry !== undefined) forget(entry)
    },
    clear: () => {
      entries.clear()
      oldest = null
      newest = null
    },
  }
}
