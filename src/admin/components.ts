/** Schemas with a name, which stand once under `components` of the document and are referred to from everywhere else. */
import { Type, type Static, type TSchema, type TUnsafe } from '@sinclair/typebox'

const named = new Map<string, TSchema>()

/** Names a schema; what it returns is a reference to it, of the same type. A name is given once. */
export function Component<T extends TSchema>(name: string, schema: T): TUnsafe<Static<T>> {
  if (named.has(name)) throw new Error(`two schemas are called ${name}`)
  named.set(name, { ...schema, $id: name })
  return Type.Unsafe<Static<T>>({ $ref: `${name}#` })
}

/** All of them, each with its name as `$id`. */
export function components(): readonly TSchema[] {
  return [...named.values()]
}
