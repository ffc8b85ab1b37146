/** docs/admin-api.md: the reference page of the admin API. */
import { adminDocument } from './document.ts'
import { code, table, typeOf, type Schema } from './markdown.ts'

type Media = Readonly<Record<string, { readonly schema: Schema }>>
interface Reference {
  readonly $ref: string
}
interface Parameter {
  readonly in: string
  readonly name: string
  readonly required?: boolean
  readonly description?: string
  readonly schema: Schema
}
interface Answer {
  readonly description: string
  readonly content?: Media
  readonly headers?: Readonly<Record<string, Reference>>
}
interface Operation {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly summary: string
  readonly description?: string
  readonly security: readonly Readonly<Record<string, unknown>>[]
  readonly parameters?: readonly (Parameter | Reference)[]
  readonly requestBody?: { readonly content: Media }
  readonly responses: Readonly<Record<string, Answer | Reference>>
}
interface Document {
  readonly info: { readonly description: string }
  readonly tags: readonly { readonly name: string; readonly description: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>
    readonly parameters: Readonly<Record<string, Parameter>>
    readonly securitySchemes: Readonly<Record<string, { readonly description: string }>>
    readonly headers: Readonly<Record<string, { readonly description: string }>>
  }
}

/** Schemas have a prefix in their anchors, because a section may have the same name. */
const link = (name: string): string => `[${name}](#schema-${name})`

export async function adminReference(): Promise<string> {
  const document = (await adminDocument()) as unknown as Document
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
  const sections = document.tags.flatMap(({ name, description }) => {
    const own = operations.filter(({ operation }) => operation.tags.includes(name))
    if (own.length === 0) return []
    const described = own.map(({ path, method, operation }) =>
      operationText(path, method, operation, document),
    )
    return [`## ${name}`, description, ...described]
  })
  return `${[
    '<!-- Made from the OpenAPI document by `npm run generate`. Do not edit. -->',
    '# Admin API',
    document.info.description,
    '`GET /openapi.json` returns the same for programs. [Errors](errors.md) explains each error code.',
    ...credentials(document),
    ...headers(document),
    contents(operations),
    ...sections,
    '## Schemas',
    ...Object.entries(document.components.schemas).map(([name, schema]) => schemaText(name, schema)),
  ].join('\n\n')}\n`
}

function credentials({ components }: Document): string[] {
  const rows = Object.entries(components.securitySchemes).map(([name, { description }]) => [
    name,
    description,
  ])
  return ['## Credentials', table(['name', 'what'], rows)]
}

function headers({ components }: Document): string[] {
  const rows = Object.entries(components.headers)
    .filter(([name]) => !name.includes('.'))
    .map(([name, { description }]) => [code(name), description])
  return ['## Headers of responses', table(['header', 'what'], rows)]
}

function contents(operations: readonly { path: string; method: string; operation: Operation }[]): string {
  const rows = operations.map(({ path, method, operation }) => [
    code(`${method.toUpperCase()} ${path}`),
    `[${operation.summary}](#${anchor(operation.summary)})`,
  ])
  return ['## Routes', table(['route', 'what'], rows)].join('\n\n')
}

/** The anchor that common Markdown renderers generate for a heading. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w -]/g, '')
    .replaceAll(' ', '-')

function operationText(path: string, method: string, operation: Operation, document: Document): string {
  const { summary, description, parameters = [], requestBody, responses, security, operationId } = operation
  const who = security.map((scheme) => Object.keys(scheme).join()).join(', ')
  const inputs = parameters.map((parameter) =>
    parameterRow('$ref' in parameter ? find(document.components.parameters, parameter) : parameter),
  )
  const body = Object.values(requestBody?.content ?? {})[0]?.schema
  const answers = Object.entries(responses).filter(
    (entry): entry is [string, Answer] => !('$ref' in entry[1]),
  )
  const problems = Object.values(responses).flatMap((answer) => ('$ref' in answer ? codesOf(answer) : []))
  return [
    `### ${summary}`,
    `${code(`${method.toUpperCase()} ${path}`)} · ${code(operationId)} · credentials: ${who === '' ? 'none' : who}`,
    ...(description === undefined ? [] : [description]),
    ...(inputs.length === 0 ? [] : [table(['parameter', 'in', 'type', 'what'], inputs)]),
    ...(body === undefined ? [] : [`Body: ${typeOf(body, link)}`]),
    table(['status', 'response', 'body', 'headers'], answers.map(answerRow)),
    ...(problems.length === 0 ? [] : [`Errors: ${problems.join(', ')}`]),
  ].join('\n\n')
}

function parameterRow({ name, required, schema, description = '', ...rest }: Parameter): string[] {
  return [
    `${code(name)}${required === true ? '' : ' (optional)'}`,
    rest.in,
    typeOf(schema, link),
    description,
  ]
}

function answerRow([status, { description, content = {}, headers = {} }]: [string, Answer]): string[] {
  const bodies = Object.entries(content).map(([type, { schema }]) =>
    type === 'application/json' ? typeOf(schema, link) : code(type),
  )
  const names = Object.keys(headers).filter((name) => name !== 'X-Request-Id')
  return [status, description, bodies.join(' or '), names.map(code).join(', ')]
}

/** The name of a shared response consists of its status and its codes. */
function codesOf({ $ref }: Reference): string[] {
  const [status = '', ...codes] = ($ref.split('/').at(-1) ?? '').split('.')
  return codes.map((name) => `${status} ${code(name)}`)
}

function find<T>(parts: Readonly<Record<string, T>>, { $ref }: Reference): T {
  const part = parts[$ref.split('/').at(-1) ?? '']
  if (part === undefined) throw new Error(`the document has no ${$ref}`)
  return part
}

function schemaText(name: string, schema: Schema): string {
  const { properties, description, required = [] } = schema
  const heading = `### <a id="schema-${name}"></a>${name}`
  const intro = description === undefined ? [] : [description]
  if (properties === undefined) return [heading, ...intro, typeOf(schema, link)].join('\n\n')
  const rows = Object.entries(properties).map(([field, value]) => [
    `${code(field)}${required.includes(field) ? '' : ' (optional)'}`,
    typeOf(value, link),
    value.description ?? '',
  ])
  return [heading, ...intro, table(['field', 'type', 'what'], rows)].join('\n\n')
}
