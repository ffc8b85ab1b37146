/**
 * Schemas that several resources share. The text after "must be …" in an error is the schema's `expects`, or its
 * `description` if it has none.
 */
import { Type, type TSchema, type TUnsafe } from '@sinclair/typebox'
import { MAX_CREDITS } from '../core/units.ts'

/** An object schema that refuses unknown properties. */
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

/** A display name: no control characters. */
export const Name = Type.String({
  pattern: '^(?=.*\\S)[^\\u0000-\\u001f\\u007f]+$',
  maxLength: 200,
  description: 'a text of one line that is not empty',
})

/** The path parameters of every route below an organization. An invalid id gets the same response as an unknown one. */
export const OrgPath = Type.Object({ org: OrgId })

/** A time in a response. */
export const Timestamp = Type.String({ format: 'date-time', description: 'RFC 3339, in UTC.' })

/** Credits in a response: whole microcredits, written as a decimal number of credits. */
export const Credits = Type.Number({ description: 'Credits, with up to six decimals.' })

/** Whole credits, for limits and allowances (C1). */
export const WholeCredits = Type.Integer({ minimum: 0, maximum: MAX_CREDITS })

/** A part of a name to search for. */
export const Search = Type.String({
  minLength: 1,
  maxLength: 200,
  description: 'Only those with this in their id, name or email address, in any case.',
})
