/** `GET /openapi.json`: the document of the admin API, made of what the routes declare. */
import swagger from '@fastify/swagger'
import { Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import { components } from './components.ts'
import { HEADERS, SECURITY_SCHEMES, TAGS } from './document-parts.ts'
import { documented, json } from './documented.ts'

/** Of the API, not of the gateway: it rises with what clients can rely on. */
const API_VERSION = '1.0.0'

const INTRODUCTION = `The admin plane of Tollgate: organizations, their members and keys, alerts and limits.

Bodies are JSON. Errors are problem details (RFC 9457) whose \`code\` never changes its meaning. Lists are
\`{"items": […], "next": null | "cursor"}\` and take \`?limit=\` and \`?cursor=\`. Credits are decimal numbers.
Times are RFC 3339 in UTC.`

/** Collects every route that is registered after it, and serves the document. Schemas with names can be referred to. */
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

/** Headers become references to what is said of them in one place, and what only our validation reads is left out. */
function finish<T extends object>(document: T): T {
  const headers = Object.entries(HEADERS).map(([name, description]) => [
    name,
    { description, required: true, schema: { type: 'string' } },
  ])
  const { components: parts, ...rest } = rewrite(document) as { components: object }
  return { ...rest, components: { ...parts, headers: Object.fromEntries(headers) as object } } as unknown as T
}

function rewrite(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(rewrite)
  if (typeof node !== 'object' || node === null) return node
  return Object.fromEntries(
    Object.entries(node)
      .filter(([key]) => key !== 'expects')
      .map(([key, value]) => [
        key,
        key === 'headers' && isHeaders(value) ? references(value) : rewrite(value),
      ]),
  )
}

function isHeaders(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.keys(value).every((name) => name in HEADERS)
}

function references(headers: object): object {
  return Object.fromEntries(
    Object.keys(headers).map((name) => [name, { $ref: `#/components/headers/${name}` }]),
  )
}
