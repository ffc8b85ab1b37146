/**
 * Declares a route once: who may use it, what it accepts and all of its responses. Fastify validates requests against
 * the declaration, and `/openapi.json` is generated from it. CONTRIBUTING.md shows how to add a route.
 */
import { Type, type TObject, type TSchema } from '@sinclair/typebox'
import type { FastifySchema, RouteShorthandOptions } from 'fastify'
import type { Access } from './auth.ts'
import type { HeaderDoc, TagName } from './document-parts.ts'
import { PROBLEMS, type ProblemCode } from './problem-codes.ts'
import { ProblemBody } from './problems.ts'

/** A response that is not a problem. */
export interface AnswerDoc {
  readonly description: string
  /** By content type; absent if there is no body. */
  readonly content?: Readonly<Record<string, TSchema>>
  readonly headers?: readonly HeaderDoc[]
}

export interface Operation {
  /** A verb and a noun, such as `listKeys`: the name of the function in clients. */
  readonly operationId: string
  readonly tag: TagName
  /** One line, without a full stop. */
  readonly summary: string
  /** What the summary does not say. Markdown. */
  readonly description?: string
  /** `public`: needs no credentials. */
  readonly access: Access | 'public'
  readonly params?: TObject
  readonly querystring?: TObject
  readonly body?: TSchema
  /** The write compares `If-Match` (A2). */
  readonly ifMatch?: boolean
  /** The write may be sent again under an `Idempotency-Key` (C8). */
  readonly idempotencyKey?: boolean
  /** By status. */
  readonly answers: Readonly<Record<number, AnswerDoc>>
  /** Codes besides those that every route with this access has. */
  readonly problems?: readonly ProblemCode[]
}

/** Problems that every route with credentials may answer. */
const SIGNED_IN = [
  'invalid_request',
  'invalid_credentials',
  'forbidden',
  'csrf_required',
  'cross_origin',
  'not_found',
  'too_many_failures',
  'internal_error',
  'credit_store_unavailable',
] as const satisfies readonly ProblemCode[]

const PROBLEMS_BY_ACCESS: Readonly<Record<Operation['access'], readonly ProblemCode[]>> = {
  public: [],
  operator: SIGNED_IN,
  admin: SIGNED_IN,
  member: SIGNED_IN,
  session: SIGNED_IN,
}

/** Names of security schemes; an empty list means that the route needs none. */
const SECURITY: Readonly<Record<Operation['access'], Record<string, never[]>[]>> = {
  public: [],
  operator: [{ operatorToken: [] }],
  admin: [{ operatorToken: [] }, { adminKey: [] }, { session: [] }],
  member: [{ adminKey: [] }, { session: [] }],
  session: [{ session: [] }],
}

const IF_MATCH = {
  'if-match': Type.Optional(
    Type.String({
      maxLength: 1_000,
      description:
        'The `ETag` of the version that the change is based on. If it is no longer the current one, nothing is changed and the response is 412. Without this header, the change overwrites the current version.',
    }),
  ),
}

const IDEMPOTENCY_KEY = {
  'idempotency-key': Type.Optional(
    Type.String({
      pattern: '^[\\x21-\\x7e]{1,200}$',
      maxLength: 200,
      expects: '1 to 200 visible characters of ASCII',
      description:
        'Any text. If it is sent again with the same body within two days, nothing is done and the first response is returned.',
    }),
  ),
}

/** A response in JSON. */
export function json(description: string, schema: TSchema, headers: readonly HeaderDoc[] = []): AnswerDoc {
  return { description, content: { 'application/json': schema }, headers }
}

/** A response without a body. */
export function empty(description: string, headers: readonly HeaderDoc[] = []): AnswerDoc {
  return { description, headers }
}

/** Options of a route: `app.get(path, documented({ … }), handler)`. */
export function documented(
  operation: Operation,
): RouteShorthandOptions & { schema: FastifySchema; config: { access: Operation['access'] } } {
  const { operationId, tag, summary, description, access, params, querystring, body } = operation
  const schema = {
    operationId,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    security: SECURITY[access],
    ...(params && { params }),
    ...(querystring && { querystring }),
    ...(body && { body }),
    ...headersTaken(operation),
    response: { ...answerSchemas(operation.answers), ...problemSchemas(operation) },
  }
  return { schema, config: { access } }
}

function headersTaken({ ifMatch, idempotencyKey }: Operation): { headers?: TObject } {
  if (ifMatch !== true && idempotencyKey !== true) return {}
  return {
    headers: Type.Object({ ...(ifMatch && IF_MATCH), ...(idempotencyKey && IDEMPOTENCY_KEY) }),
  }
}

function answerSchemas(answers: Operation['answers']): Record<string, object> {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { description, content, headers = [] }]) => [
      status,
      {
        description,
        headers: headersOf(['X-Request-Id', ...headers]),
        ...(content === undefined
          ? { type: 'null' }
          : { content: mapValues(content, (schema) => ({ schema })) }),
      },
    ]),
  )
}

/** Several codes may share a status: the schema of each status lists the codes that this route answers. */
function problemSchemas(operation: Operation): Record<string, object> {
  const byStatus = new Map<number, ProblemCode[]>()
  for (const code of codesOf(operation)) {
    const { status } = PROBLEMS[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries(
    Array.from(byStatus, ([status, codes]) => {
      const schema = {
        allOf: [ProblemBody, Type.Object({ code: Type.Unsafe({ type: 'string', enum: codes }) })],
      }
      return [
        status,
        {
          description: codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join(' '),
          headers: headersOf(['X-Request-Id', ...headersOfProblem(status, codes)]),
          content: { 'application/problem+json': { schema } },
        },
      ]
    }),
  )
}

function codesOf({ access, body, ifMatch, problems = [] }: Operation): Set<ProblemCode> {
  return new Set<ProblemCode>([
    ...PROBLEMS_BY_ACCESS[access],
    ...(body ? (['body_too_large', 'unsupported_media_type'] as const) : []),
    ...(ifMatch === true ? (['save_conflict', 'precondition_failed'] as const) : []),
    ...problems,
  ])
}

function headersOfProblem(status: number, codes: readonly ProblemCode[]): HeaderDoc[] {
  if (status === 401) return ['WWW-Authenticate']
  // An entity that was deleted meanwhile has no version.
  if (status === 412) return ['ETag?']
  return codes.every((code) => 'retryAfter' in PROBLEMS[code]) ? ['Retry-After'] : []
}

/** Only names: the document refers to the definitions in `HEADERS`. */
function headersOf(headers: readonly HeaderDoc[]): Record<string, object> {
  return Object.fromEntries(
    headers.map((header) => [header.replace('?', ''), { required: !header.endsWith('?') }]),
  )
}

function mapValues<V, W>(record: Readonly<Record<string, V>>, change: (value: V) => W): Record<string, W> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]))
}
