/** Builds the KEYS of a batch: each key once, named by its place in its own group. */
export class KeyGroup {
  readonly keys: string[] = []
  readonly #places = new Map<string | number, number>()

  /**
   * The place in this group, counted from 1 as Lua does, of the key that belongs to `name`, which is the key itself or
   * something shorter: `makeKey` is asked for it where the name is new.
   */
  place(name: string | number, makeKey: () => string): number {
    const known = this.#places.get(name)
    if (known !== undefined) return known
    this.keys.push(makeKey())
    this.#places.set(name, this.keys.length)
    return this.keys.length
  }
}
