/** Named schemas: each is defined once under `components` of the document, and other schemas refer to it. */
import { Type, type Static, type TSchema, type TUnsafe } from '@sinclair/typebox'

const named = new Map<string, TSchema>()

/** Names a schema and returns a reference to it of the same type. Each name can be used only once. */
export function Component<T extends TSchema>(name: string, schema: T): TUnsafe<Static<T>> {
  if (named.has(name)) throw new Error(`two schemas are called ${name}`)
  named.set(name, { ...schema, $id: name })
  return Type.Unsafe<Static<T>>({ $ref: `${name}#` })
}

/** All named schemas, each with its name as `$id`. */
export function components(): readonly TSchema[] {
  return [...named.values()]
}
