/** Markdown for the generated pages: tables, and descriptions of JSON Schema. */

export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema | boolean
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly format?: string
  readonly default?: unknown
  readonly minimum?: number
  readonly exclusiveMinimum?: number
  readonly maximum?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly maxLength?: number
}

/** Leaves out empty columns. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const kept = header.map((_name, column) => column === 0 || rows.some((row) => row[column] !== ''))
  const line = (cells: readonly string[]): string =>
    `| ${cells
      .filter((_cell, column) => kept[column])
      .map((cell) => cell.replaceAll('\n', ' ').replaceAll(/(?<!\\)\|/g, '\\|'))
      .join(' | ')} |`
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n')
}

export const code = (value: unknown): string =>
  `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``

/** The type of a value, such as "integer from 0 to 10". `link` returns the link to a named schema. */
export function typeOf(schema: Schema, link: (name: string) => string): string {
  const { $ref, anyOf, items, properties } = schema
  if ($ref !== undefined) return link($ref.split('/').at(-1) ?? '')
  if ('const' in schema) return schema.const === null ? 'null' : code(JSON.stringify(schema.const))
  if (schema.enum !== undefined) return schema.enum.map((value) => code(JSON.stringify(value))).join(' or ')
  if (anyOf !== undefined) return [...new Set(anyOf.map((one) => typeOf(one, link)))].join(' or ')
  if (items !== undefined) return `list of ${typeOf(items, link)}${bounds(schema.minItems, schema.maxItems)}`
  if (properties !== undefined) {
    const fields = Object.entries(properties).map(([name, field]) => `${code(name)}: ${typeOf(field, link)}`)
    return `{ ${fields.join(', ')} }`
  }
  if (schema.type === undefined) return 'anything'
  const name = schema.format === 'date-time' ? 'time' : String(schema.type)
  const least = schema.exclusiveMinimum === undefined ? '' : ` above ${schema.exclusiveMinimum}`
  return name + least + bounds(schema.minimum, schema.maximum)
}

function bounds(least: number | undefined, most: number | undefined): string {
  if (least !== undefined && most !== undefined) return ` from ${least} to ${most}`
  if (least !== undefined) return ` from ${least}`
  return most === undefined ? '' : ` up to ${most}`
}
