/** The kinds of fields in the configuration, each with its bounds. */
import { type ObjectOptions, type SchemaOptions, type TProperties, Type } from '@sinclair/typebox'

export const mapping = <P extends TProperties>(properties: P, options: ObjectOptions = {}) =>
  Type.Object(properties, { additionalProperties: false, ...options })

export const seconds = (value: number, minimum: number, maximum: number, description: string) =>
  Type.Number({ default: value, minimum, maximum, description })

export const oneOf = <const T extends string>(values: readonly T[], options: SchemaOptions = {}) =>
  Type.Union(
    values.map((value) => Type.Literal(value)),
    options,
  )

export const count = (value: number, minimum: number, maximum: number, description: string) =>
  Type.Integer({ default: value, minimum, maximum, description })

export const text = (description: string, options: SchemaOptions = {}) =>
  Type.String({ minLength: 1, maxLength: 4096, description, ...options })

export const httpUrl = (description: string) =>
  text(description, { pattern: '^https?://', expects: 'an absolute http(s) URL' })

/**
 * Only characters that a header may contain, which also detects a line break from the end of a secret's file or
 * variable.
 */
export const secret = (description: string, options: SchemaOptions = {}) =>
  text(description, { pattern: '^[\\x21-\\x7e]+$', expects: 'printable ASCII without spaces', ...options })

export const host = (value: string) =>
  text('Address to listen on.', {
    default: value,
    pattern: '^(?:[A-Za-z0-9.:_%-]+|\\[[0-9A-Fa-f:.]+\\])$',
    expects: 'a host name or an address',
  })
export const port = (value: number) => count(value, 0, 65_535, 'TCP port; 0 picks a free one.')

export const usd = (description: string) => Type.Number({ minimum: 0, maximum: 1_000_000, description })

export const storeDown = (options: SchemaOptions) =>
  oneOf(['closed', 'open'], {
    description:
      'Paid calls while the store is down: closed refuses them, open lets them pass and journals their cost.',
    ...options,
  })
