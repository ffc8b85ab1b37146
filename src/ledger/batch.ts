/** Builds the KEYS of a batch: each key once, named by its place in its own group. */
export class KeyGroup {
  readonly keys: string[] = []
  readonly #places = new Map<string, number>()

  /** The key's place in this group, counted from 1 as Lua does. */
  place(key: string): number {
    const known = this.#places.get(key)
    if (known !== undefined) return known
    this.keys.push(key)
    this.#places.set(key, this.keys.length)
    return this.keys.length
  }
}
