/**
 * Shapes that several resources share. What completes the sentence "must be …" of an error is the `expects` of a schema, or
 * where it has none its `description`.
 */
import { Type, type TSchema, type TUnsafe } from '@sinclair/typebox'
import { MAX_CREDITS } from '../core/units.ts'

/** An object that refuses what it does not know. */
export function Closed<T extends Parameters<typeof Type.Object>[0]>(
  properties: T,
): ReturnType<typeof Type.Object<T>> {
  return Type.Object(properties, { additionalProperties: false })
}

export function OneOf<const T extends readonly string[]>(
  values: T,
  description?: string,
): TUnsafe<T[number]> {
  return Type.Unsafe<T[number]>({
    type: 'string',
    enum: [...values],
    ...(description !== undefined && { description }),
  })
}

export function OrNull<T extends TSchema>(
  schema: T,
  description: string,
): ReturnType<typeof Type.Union<[T, ReturnType<typeof Type.Null>]>> {
  return Type.Union([schema, Type.Null()], { description })
}

export const OrgId = Type.String({
  pattern: '^[a-z0-9-]{1,63}$',
  description: '1 to 63 characters of a-z, 0-9 and -',
})

export const UserId = Type.String({
  pattern: "^[A-Za-z0-9._@+|:#/'=!$&~^-]{1,128}$",
  description: "1 to 128 characters of A-Z, a-z, 0-9 and . _ @ + | : # / ' = ! $ & ~ ^ -",
})

/** A name that people read: no control characters. */
export const Name = Type.String({
  pattern: '^(?=.*\\S)[^\\u0000-\\u001f\\u007f]+$',
  maxLength: 200,
  description: 'a text of one line that is not empty',
})

/** What every path below an organization has. An id that cannot be one is answered like one that does not exist. */
export const OrgPath = Type.Object({ org: OrgId })

/** A time in an answer. */
export const Timestamp = Type.String({ format: 'date-time', description: 'RFC 3339, in UTC.' })

/** Credits in an answer: whole microcredits as a decimal number. */
export const Credits = Type.Number({ description: 'Credits, with up to six decimals.' })

/** Whole credits, as limits and allowances are (C1). */
export const WholeCredits = Type.Integer({ minimum: 0, maximum: MAX_CREDITS })

/** Part of a name to look for. */
export const Search = Type.String({
  minLength: 1,
  maxLength: 200,
  description: 'Only those with this in their id, name or email address, in any case.',
})
