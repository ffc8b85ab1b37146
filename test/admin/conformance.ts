/**
 * Compares what an admin plane answers with what its document says: every answer that a test fetches from it is checked, so
 * that every test of the admin plane is a test of the document too. What differs makes the `fetch` fail, with all reasons.
 */
import type { Ajv2020 as Ajv, ValidateFunction } from 'ajv/dist/2020.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import ajvFormats from 'ajv-formats'
import { SECURITY_HEADERS } from '../../src/admin/security-headers.ts'

type Json = Record<string, unknown>

export interface Operation {
  readonly operationId: string
  readonly parameters?: readonly { readonly $ref?: string; readonly in: string; readonly name: string }[]
  readonly requestBody?: { readonly content: Record<string, unknown> }
  readonly responses: Record<string, Response | { readonly $ref: string }>
}
interface Response {
  readonly headers?: Json
  readonly content?: Json
}
export interface Document {
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: { readonly responses: Record<string, Response>; readonly headers: Json }
}

/** `operationId status` of every answer that was seen. */
export type Seen = ReadonlySet<string>

interface Exchange {
  readonly method: string
  readonly url: URL
  readonly requestBody: string | null
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

/** Headers that any HTTP server may send, and those that every answer of the plane has for browsers. */
const ORDINARY = new Set([
  ...['connection', 'content-length', 'content-type', 'date', 'keep-alive', 'transfer-encoding', 'vary'],
  ...Object.keys(SECURITY_HEADERS),
])

const watched = new Map<
  string,
  { readonly document: Document; readonly check: (exchange: Exchange) => string[] }
>()
const realFetch = globalThis.fetch

/** From now on every answer that is fetched below `url` is compared with the document. */
export function watch(url: string, document: Document): Seen {
  const seen = new Set<string>()
  watched.set(new URL(url).origin, { document, check: checker(document, seen) })
  globalThis.fetch = checkedFetch
  return seen
}

export function unwatch(url: string): void {
  watched.delete(new URL(url).origin)
}

const checkedFetch: typeof fetch = async (input, init) => {
  const url = new URL(input instanceof Request ? input.url : input)
  const response = await realFetch(input, init)
  const plane = watched.get(url.origin)
  if (plane === undefined) return response
  const method = (init?.method ?? (input instanceof Request ? input.method : 'GET')).toUpperCase()
  const reasons = plane.check({
    method,
    url,
    requestBody: typeof init?.body === 'string' && init.body !== '' ? init.body : null,
    status: response.status,
    headers: response.headers,
    body: await response.clone().text(),
  })
  if (reasons.length === 0) return response
  throw new Error(`${method} ${url.pathname} ${response.status} is not as documented: ${reasons.join('; ')}`)
}

function checker(document: Document, seen: Set<string>): (exchange: Exchange) => string[] {
  const schemas = compiler(document)
  const find = finder(document)
  return (exchange) => {
    const found = find(exchange.method, exchange.url.pathname)
    if (found === null) return checkUnknown(exchange)
    const { operation, pointer } = found
    seen.add(`${operation.operationId} ${exchange.status}`)
    const declared = operation.responses[String(exchange.status)]
    if (declared === undefined) return [`the status is not declared: ${exchange.body}`]
    const isShared = '$ref' in declared
    const response = isShared
      ? document.components.responses[declared.$ref.split('/').at(-1) ?? '']
      : declared
    const at = isShared ? declared.$ref : `${pointer}/responses/${exchange.status}`
    return [
      ...checkHeaders(exchange.headers, response?.headers ?? {}),
      ...checkBody(exchange, response?.content ?? {}, at, schemas),
      ...(exchange.status < 300 ? checkRequest(exchange, operation, pointer, schemas) : []),
    ]
  }
}

/** Of what is not in the document there are only problems; the files of the page are their own matter. */
function checkUnknown({ method, status, headers }: Exchange): string[] {
  const type = headers.get('content-type') ?? ''
  const isProblem = [400, 401, 404].includes(status) && type.startsWith('application/problem+json')
  const isPage = ['GET', 'HEAD'].includes(method) && !type.includes('json')
  return isProblem || isPage ? [] : [`the document has no such route, and the answer is ${type}`]
}

function checkHeaders(headers: Headers, declared: Json): string[] {
  const names = Object.keys(declared)
  const optional = names.filter((name) => (declared[name] as { $ref: string }).$ref.endsWith('.optional'))
  const missing = names
    .filter((name) => !optional.includes(name) && !headers.has(name))
    .map((name) => `the header ${name} is missing`)
  const known = new Set([...names.map((name) => name.toLowerCase()), ...ORDINARY])
  const extra = [...headers.keys()]
    .filter((name) => !known.has(name))
    .map((name) => `the header ${name} is not declared`)
  return [...missing, ...extra]
}

function checkBody(
  { headers, body, method }: Exchange,
  content: Json,
  at: string,
  schemas: Schemas,
): string[] {
  const type = mediaType(headers.get('content-type'))
  if (Object.keys(content).length === 0) return body === '' ? [] : [`a body is not declared: ${body}`]
  if (!(type in content)) return [`the content type ${type} is not declared`]
  if (method === 'HEAD') return []
  const value: unknown = /[/+]json$/.test(type) ? JSON.parse(body) : body
  return schemas.errors(`${at}/content/${escape(type)}/schema`, value)
}

/** What was accepted is what the document allows. */
function checkRequest(
  { url, requestBody }: Exchange,
  { parameters = [], requestBody: declared }: Operation,
  pointer: string,
  schemas: Schemas,
): string[] {
  const queries = new Set(parameters.filter((parameter) => parameter.in === 'query').map(({ name }) => name))
  const unknown = [...url.searchParams.keys()].filter((name) => !queries.has(name))
  const reasons = unknown.map((name) => `the query ${name} was accepted and is not declared`)
  if (requestBody === null) return reasons
  if (declared === undefined) return [...reasons, 'a body was accepted and is not declared']
  const at = `${pointer}/requestBody/content/application~1json/schema`
  return [
    ...reasons,
    ...schemas.errors(at, JSON.parse(requestBody)).map((reason) => `the request’s ${reason}`),
  ]
}

// --- which operation ------------------------------------------------------------------------------------------------

type Find = (method: string, path: string) => { operation: Operation; pointer: string } | null

function finder({ paths }: Document): Find {
  // A fixed segment goes before a parameter, as in the router.
  const templates = Object.keys(paths)
    .map((template) => ({
      template,
      order: template.replaceAll(/\{[^}]+\}/g, '\uffff'),
      pattern: new RegExp(`^${template.replaceAll('.', '\\.').replaceAll(/\{[^}]+\}/g, '[^/]+')}$`),
    }))
    .sort((a, b) => (a.order < b.order ? -1 : 1))
  return (method, path) => {
    const verb = method === 'HEAD' ? 'get' : method.toLowerCase()
    for (const { template, pattern } of templates) {
      const operation = pattern.test(path) ? paths[template]?.[verb] : undefined
      if (operation !== undefined) return { operation, pointer: `#/paths/${escape(template)}/${verb}` }
    }
    return null
  }
}

// --- schemas --------------------------------------------------------------------------------------------------------

interface Schemas {
  /** What is wrong with a value, by the schema that stands at a pointer into the document. */
  errors(pointer: string, value: unknown): string[]
}

function compiler(document: Document): Schemas {
  const ajv: Ajv = new Ajv2020({ strict: false, allErrors: true })
  ajvFormats.default(ajv)
  ajv.addSchema({ ...(closed(document, false) as Json), $id: 'document' })
  const compiled = new Map<string, ValidateFunction>()
  return {
    errors: (pointer, value) => {
      const validate = compiled.get(pointer) ?? ajv.compile({ $ref: `document${encodeURI(pointer)}` })
      compiled.set(pointer, validate)
      if (validate(value)) return []
      return (validate.errors ?? []).map(
        ({ instancePath, message, params }) =>
          `body${instancePath} ${message ?? ''} ${JSON.stringify(params)}`,
      )
    },
  }
}

/** Clients must accept fields that they do not know, so answers are open in the document; here one that it forgets is an error. */
function closed(node: unknown, isPart: boolean): unknown {
  if (Array.isArray(node)) return node.map((item) => closed(item, isPart))
  if (typeof node !== 'object' || node === null) return node
  const parts = new Set(['allOf'])
  const result = Object.fromEntries(
    Object.entries(node).map(([key, value]) => [key, closed(value, parts.has(key))]),
  )
  const describesObject = 'properties' in result || 'allOf' in result
  if (isPart || !describesObject || 'additionalProperties' in result) return result
  return { ...result, unevaluatedProperties: false }
}

function mediaType(header: string | null): string {
  return (header ?? '').split(';', 1)[0]?.trim() ?? ''
}

function escape(segment: string): string {
  return segment.replaceAll('~', '~0').replaceAll('/', '~1')
}
