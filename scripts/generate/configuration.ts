/** docs/configuration.md: every key of the configuration, from its schema. */
import { publishedSchema } from '../../src/config/published.ts'
import { code, table, typeOf, type Schema } from './markdown.ts'

const INTRODUCTION = `<!-- Made from src/config/schema.ts by \`npm run generate\`. Do not edit. -->

# Configuration

One YAML file, given as \`tollgate serve --config FILE\`. Only \`upstreams\` and \`redis\` are required; everything else has a default. Unknown keys are refused, and
\`tollgate check-config FILE\` names what is wrong. \`\${NAME}\` stands for an environment variable, \`\${file:path}\` for what a file holds, so that no secret has to stand in
the configuration itself. [config/example.yaml](../config/example.yaml) shows all of it; editors check a file against
[config/schema.json](../config/schema.json).

\`<name>\` stands for a name that you choose, \`[]\` for each item of a list.`

export function configurationPage(): string {
  const schema = JSON.parse(publishedSchema()) as Schema
  const sections = Object.entries(schema.properties ?? {}).map(([key, value]) => {
    const rows = keysBelow(key, value, schema.required?.includes(key) === true)
    return `## ${key}\n\n${table(['key', 'type', 'default', 'what'], rows)}`
  })
  return `${[INTRODUCTION, ...sections].join('\n\n')}\n`
}

/** A row for the key itself, and for every key inside of it. */
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
