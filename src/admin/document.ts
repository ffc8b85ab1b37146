/** `GET /openapi.json`: the OpenAPI document of the admin API, generated from the declarations of the routes. */
import swagger from '@fastify/swagger'
import { Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import { components } from './components.ts'
import { HEADERS, SECURITY_SCHEMES, TAGS } from './document-parts.ts'
import { documented, json } from './documented.ts'
import { CSRF_HEADER } from './session-cookie.ts'

/** The version of the API, not of the gateway: it rises when the contract with clients changes. */
const API_VERSION = '1.0.0'

const INTRODUCTION = `The admin plane of Tollgate: organizations, their members and keys, alerts and limits.

Bodies are JSON. Errors are problem details (RFC 9457) whose \`code\` never changes its meaning. Lists are
\`{"items": […], "next": null | "cursor"}\` and take \`?limit=\` and \`?cursor=\`. Credits are decimal numbers.
Times are RFC 3339 in UTC.`

/**
 * Collects every route that is registered after this call, and serves the document. Routes can refer to the named
 * schemas.
 */
export function useDocument(app: FastifyInstance): void {
  for (const schema of components()) app.addSchema(schema)
  void app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Tollgate admin API',
        version: API_VERSION,
        description: INTRODUCTION,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: '/', description: 'The admin plane that serves this document.' }],
      tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
      components: { securitySchemes: SECURITY_SCHEMES },
    },
    convertConstToEnum: false,
    refResolver: {
      buildLocalReference: ({ $id }, _base, _fragment, index) =>
        typeof $id === 'string' ? $id : `schema-${index}`,
    },
    transformObject: (document) => ('openapiObject' in document ? finish(document.openapiObject) : {}),
  })
}

export function documentRoute(app: FastifyInstance): void {
  app.get(
    '/openapi.json',
    documented({
      operationId: 'getDocument',
      tag: 'Service',
      summary: 'This document',
      access: 'public',
      answers: { 200: json('The OpenAPI document.', Type.Object({}, { additionalProperties: true })) },
    }),
    () => app.swagger(),
  )
}

interface Response {
  headers?: Record<string, unknown>
  readonly content?: Record<string, { readonly schema: { readonly allOf?: readonly unknown[] } }>
}
interface Operation {
  readonly security?: readonly object[]
  parameters?: readonly object[]
  readonly responses: Record<string, Response | object>
}
type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>

/** The header that the page adds besides its cookie, so that no other site can use the session. */
const CSRF = {
  in: 'header',
  name: CSRF_HEADER,
  description: 'With a session, and only then: the `csrf` that `GET /v1/session` shows.',
  schema: { type: 'string' },
}

/**
 * Replaces repeated parts by references: headers by those in `HEADERS`, and responses with the same problems by one
 * shared response. Removes the keywords that only our validation reads.
 */
function finish(document: object): object {
  const {
    paths,
    components: parts,
    ...rest
  } = withoutExpects(document) as { paths: Paths; components: object }
  const problems = new Map<string, Response>()
  for (const [method, operation] of Object.values(paths).flatMap((methods) => Object.entries(methods))) {
    if (method !== 'get' && operation.security?.some((scheme) => 'session' in scheme) === true)
      operation.parameters = [...(operation.parameters ?? []), { $ref: '#/components/parameters/Csrf' }]
    for (const [status, response] of Object.entries(operation.responses) as [string, Response][]) {
      response.headers = headerReferences(response.headers ?? {})
      const codes = codesOf(response)
      if (codes.length === 0) continue
      const name = [status, ...codes].join('.')
      problems.set(name, response)
      operation.responses[status] = { $ref: `#/components/responses/${name}` }
    }
  }
  const responses = Object.fromEntries([...problems].sort(([a], [b]) => (a < b ? -1 : 1)))
  return {
    ...rest,
    components: { ...parts, parameters: { Csrf: CSRF }, headers: headers(), responses },
    paths,
  }
}

function withoutExpects(document: object): object {
  const text = JSON.stringify(document, (key, value: unknown) => (key === 'expects' ? undefined : value))
  return JSON.parse(text) as object
}

/** The codes of a problem response, as `documented()` wrote them. */
function codesOf({ content }: Response): readonly string[] {
  const [, narrowed] = content?.['application/problem+json']?.schema.allOf ?? []
  return (narrowed as { properties: { code: { enum: string[] } } } | undefined)?.properties.code.enum ?? []
}

const OPTIONAL = '.optional'

function headers(): object {
  return Object.fromEntries(
    Object.entries(HEADERS).flatMap(([name, description]) => {
      const header = { description, schema: { type: 'string' } }
      return [
        [name, { ...header, required: true }],
        [name + OPTIONAL, header],
      ]
    }),
  )
}

function headerReferences(declared: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(declared).map(([name, header]) => {
      const { required } = (header as { schema: { required: boolean } }).schema
      return [name, { $ref: `#/components/headers/${name}${required ? '' : OPTIONAL}` }]
    }),
  )
}
