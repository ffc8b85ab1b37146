/** The keys of a batch, each once. Items refer to a key by its position, counted from 1 as in Lua. */
export class KeyGroup<Name extends string | number> {
  readonly names: Name[] = []
  readonly keys: string[] = []
  readonly #places = new Map<Name, number>()
  readonly #keyOf: (name: Name) => string

  constructor(keyOf: (name: Name) => string) {
    this.#keyOf = keyOf
  }

  place(name: Name): number {
    const known = this.#places.get(name)
    if (known !== undefined) return known
    this.keys.push(this.#keyOf(name))
    this.#places.set(name, this.names.push(name))
    return this.names.length
  }
}
