/** The JSON Schema in config/schema.json, with which editors check a configuration file. */
import { ConfigSchema } from './schema.ts'

/** The published schema as text, with a line break at its end. */
export function publishedSchema(): string {
  const schema = { $schema: 'http://json-schema.org/draft-07/schema#', ...(publish(ConfigSchema) as object) }
  return `${JSON.stringify(schema, null, 2)}\n`
}

/** Removes our own keywords, makes keys with a default optional, and writes alternatives of words as `enum`. */
function publish(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(publish)
  if (typeof node !== 'object' || node === null) return node
  const { required, anyOf, ...rest } = node as Record<string, unknown>
  const words = wordsOf(anyOf)
  const shown = Object.entries(rest).filter(([key]) => key !== 'expects')
  const result = Object.fromEntries(shown.map(([key, value]) => [key, publish(value)]))
  if (words !== null) return { type: 'string', enum: words, ...result }
  if (anyOf !== undefined) result['anyOf'] = publish(anyOf)
  const properties = (rest['properties'] ?? {}) as Record<string, object>
  const needed = Array.isArray(required)
    ? (required as string[]).filter((key) => !('default' in (properties[key] ?? {})))
    : []
  return needed.length === 0 ? result : { ...result, required: needed }
}

function wordsOf(anyOf: unknown): unknown[] | null {
  if (!Array.isArray(anyOf)) return null
  const choices = anyOf as Record<string, unknown>[]
  return choices.every((choice) => 'const' in choice) ? choices.map((choice) => choice['const']) : null
}
