/** Errors in a configuration, each with the name of its key. Messages never contain values, which may be secrets. */
import { type TSchema } from '@sinclair/typebox'
import { type ValueError, ValueErrorType } from '@sinclair/typebox/errors'
import { Value } from '@sinclair/typebox/value'
import { StartupError } from '../errors.ts'
import { ConfigSchema } from './schema.ts'

export interface Problem {
  /** Dotted path of the key, such as `upstreams.openai.url` or `prices.models["gpt-4.1"].input`. */
  readonly key: string
  readonly message: string
}

export type Path = readonly (string | number)[]

/** A path as people write it; names with dots or similar characters are written in brackets. */
export function dotted(path: Path): string {
  let result = ''
  for (const part of path) {
    if (typeof part === 'number' || /^\d+$/.test(part)) result += `[${part}]`
    else if (!/^[A-Za-z_][A-Za-z0-9_-]*$/.test(part)) result += `[${JSON.stringify(part)}]`
    else result += result === '' ? part : `.${part}`
  }
  return result
}

/** The segments of a JSON pointer (RFC 6901). */
export function segments(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/**
 * Everything in `value` that the schema does not allow, one problem per key. Unknown keys come first, because they may
 * explain the others.
 */
export function schemaProblems(value: unknown): Problem[] {
  const errors = new Map<string, ValueError>()
  for (const error of Value.Errors(ConfigSchema, value)) {
    if (!errors.has(error.path)) errors.set(error.path, error)
  }
  const isUnknownKey = (error: ValueError) => error.type === ValueErrorType.ObjectAdditionalProperties
  return [...errors.values()]
    .sort((a, b) => Number(isUnknownKey(b)) - Number(isUnknownKey(a)))
    .map((error) => {
      const path = segments(error.path)
      return { key: path.length === 0 ? 'configuration' : dotted(path), message: wording(error) }
    })
}

/** Throws the first problem as one line, with the number of the others. */
export function throwFirst(problems: readonly Problem[]): void {
  const [first, ...others] = problems
  if (first === undefined) return
  const more =
    others.length === 0 ? '' : ` (and ${others.length} more ${others.length === 1 ? 'error' : 'errors'})`
  throw new StartupError(`${first.key}: ${first.message}${more}`, 1)
}

const WORDING: Partial<Record<ValueErrorType, (schema: TSchema) => string>> = {
  [ValueErrorType.ObjectRequiredProperty]: () => 'is required',
  [ValueErrorType.ObjectAdditionalProperties]: (schema) =>
    isRecord(schema)
      ? `is not ${expected(schema) ?? 'a valid name'}`
      : `is not a known key (known: ${Object.keys(schema['properties'] as object).join(', ')})`,
  [ValueErrorType.ObjectMinProperties]: (schema) => sizeOf(schema),
  [ValueErrorType.ObjectMaxProperties]: (schema) => sizeOf(schema),
  [ValueErrorType.Object]: () => 'must be a mapping',
  [ValueErrorType.Array]: () => 'must be a list',
  [ValueErrorType.ArrayMinItems]: (schema) => `must have ${bounds(schema)} entries`,
  [ValueErrorType.ArrayMaxItems]: (schema) => `must have ${bounds(schema)} entries`,
  [ValueErrorType.ArrayUniqueItems]: () => 'must not name anything twice',
  [ValueErrorType.String]: (schema) => `must be ${expected(schema) ?? 'a string'}`,
  [ValueErrorType.StringMinLength]: ({ minLength }: TSchema) =>
    minLength === 1 ? 'must not be empty' : `must have at least ${String(minLength)} characters`,
  [ValueErrorType.StringMaxLength]: ({ maxLength }: TSchema) =>
    `must have at most ${String(maxLength)} characters`,
  [ValueErrorType.StringPattern]: (schema) => `must be ${expected(schema) ?? 'without these characters'}`,
  [ValueErrorType.Union]: (schema) =>
    `must be ${expected(schema) ?? `one of ${alternatives(schema).join(', ')}`}`,
}

function wording({ schema, type }: ValueError): string {
  const words = WORDING[type]
  if (words !== undefined) return words(schema)
  return `must be a ${schema['type'] === 'integer' ? 'whole number' : 'number'} ${bounds(schema)}`
}

const isRecord = (schema: TSchema): boolean => schema['patternProperties'] !== undefined

function expected(schema: TSchema): string | null {
  const expects: unknown = schema['expects']
  return typeof expects === 'string' ? expects : null
}

function sizeOf(schema: TSchema): string {
  if (isRecord(schema)) return `must have ${bounds(schema)} entries`
  return `must have ${expected(schema) ?? `${bounds(schema)} keys`}`
}

function alternatives(schema: TSchema): string[] {
  return (schema['anyOf'] as TSchema[]).map((choice) => String(choice['const']))
}

/** The bounds of a number, a length or a size in words: `from 0 to 65535`, `at least 16`. */
function bounds(schema: TSchema): string {
  const pick = (...names: string[]): unknown =>
    names.map((name): unknown => schema[name]).find((v) => v !== undefined)
  const above = schema['exclusiveMinimum'] as number | undefined
  const low = pick('minimum', 'minLength', 'minItems', 'minProperties') as number | undefined
  const high = pick('maximum', 'maxLength', 'maxItems', 'maxProperties') as number | undefined
  if (above !== undefined) return `above ${above}, at most ${high ?? 'any'}`
  if (low !== undefined && high !== undefined) return `from ${low} to ${high}`
  return low === undefined ? `at most ${high ?? 'any'}` : `at least ${low}`
}
