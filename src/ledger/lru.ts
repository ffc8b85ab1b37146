/** A map of bounded size that forgets first what was used longest ago. */
export interface Lru<T> {
  /** Counts as a use. */
  get(key: string): T | undefined
  set(key: string, value: T): void
  delete(key: string): void
  clear(): void
}

export function createLru<T>(limit: number): Lru<T> {
  // A Map keeps the order in which its entries were set: the first one is the one that was used longest ago.
  const entries = new Map<string, T>()
  return {
    get: (key) => {
      const value = entries.get(key)
      if (value === undefined) return undefined
      entries.delete(key)
      entries.set(key, value)
      return value
    },
    set: (key, value) => {
      entries.delete(key)
      entries.set(key, value)
      const oldest = entries.keys().next()
      if (entries.size > limit && oldest.done !== true) entries.delete(oldest.value)
    },
    delete: (key) => void entries.delete(key),
    clear: () => entries.clear(),
  }
}
