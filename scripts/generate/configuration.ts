/** Generates docs/configuration.md: every key of the configuration, from its schema. */
import { publishedSchema } from '../../src/config/published.ts'
import { code, table, typeOf, type Schema } from './markdown.ts'

const INTRODUCTION = `<!-- Made from src/config/schema.ts by \`npm run generate\`. Do not edit. -->

# Configuration

The configuration is one YAML file: \`tollgate serve --config FILE\`. Only \`upstreams\` and \`redis\` are required; all other keys have a default. Unknown keys are refused, and
\`tollgate check-config FILE\` names the wrong key.

- \`\${NAME}\` is replaced by an environment variable, \`\${file:path}\` by the content of a file, so that the configuration itself needs no secret.
- [config/example.yaml](../config/example.yaml) shows the common keys. Editors check a file against [config/schema.json](../config/schema.json).

In the tables, \`<name>\` is a name that you choose, and \`[]\` each item of a list.`

export function configurationPage(): string {
  const schema = JSON.parse(publishedSchema()) as Schema
  const sections = Object.entries(schema.properties ?? {}).map(([key, value]) => {
    const rows = keysBelow(key, value, schema.required?.includes(key) === true)
    return `## ${key}\n\n${table(['key', 'type', 'default', 'what'], rows)}`
  })
  return `${[INTRODUCTION, ...sections].join('\n\n')}\n`
}

/** A row for the key itself, and one for every key inside it. */
function keysBelow(path: string, schema: Schema, required: boolean): string[][] {
  const inside = insideOf(path, schema)
  const type = inside.length === 0 ? typeOf(schema, code) : kindOf(schema)
  const fallback = required ? 'required' : defaultOf(schema)
  return [[code(path), type, fallback, schema.description ?? ''], ...inside]
}

function insideOf(
  path: string,
  { properties, items, additionalProperties, patternProperties, anyOf, ...rest }: Schema,
): string[][] {
  const named = typeof additionalProperties === 'object' ? [additionalProperties] : []
  const patterned = Object.values(patternProperties ?? {})
  return [
    ...Object.entries(properties ?? {}).flatMap(([key, value]) =>
      keysBelow(`${path}.${key}`, value, rest.required?.includes(key) === true),
    ),
    ...[...named, ...patterned].flatMap((value) => keysBelow(`${path}.<name>`, value, false)),
    ...(items?.properties === undefined ? [] : insideOf(`${path}[]`, items)),
    ...(anyOf ?? []).flatMap((choice) => insideOf(path, choice)),
  ]
}

function kindOf({ items, anyOf }: Schema): string {
  if (items !== undefined) return 'list'
  return anyOf === undefined ? 'mapping' : 'one of these'
}

function defaultOf(schema: Schema): string {
  if (!('default' in schema)) return 'none'
  const { default: value } = schema
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0 ? '' : code(value)
}
