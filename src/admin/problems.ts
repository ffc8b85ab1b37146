/** Errors of the admin plane: RFC 9457 problem details, from the catalogue in problem-codes.ts. */
import { Type } from '@sinclair/typebox'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { StoreUnavailable } from '../store/unavailable.ts'
import { Component } from './components.ts'
import { PROBLEMS, type ProblemCode, type ProblemKind } from './problem-codes.ts'

export interface FieldError {
  /** The path in the body, the query or the URL, such as `billing.anchor`. */
  readonly field: string
  readonly message: string
}

/** The body that `sendProblem` sends. Each route declares which codes it answers with which status. */
export const ProblemBody = Component(
  'Problem',
  Type.Object(
    {
      type: Type.String({ description: 'A URN that ends in the code.' }),
      title: Type.String({ description: 'The code in words.' }),
      status: Type.Integer({ description: 'The status of the answer.' }),
      detail: Type.String({ description: 'What went wrong this time, for people.' }),
      code: Type.String({
        description: 'What went wrong, for programs. Never renamed, never used for anything else.',
      }),
      errors: Type.Optional(
        Type.Array(
          Type.Object({
            field: Type.String({
              description: 'Where in the body, the query or the path, such as `billing.anchor`.',
            }),
            message: Type.String({ description: 'Completes a sentence that starts with the field.' }),
          }),
          { description: 'The fields that caused it.' },
        ),
      ),
      current: Type.Optional(
        Type.Unknown({ description: 'With `precondition_failed`: what is there now, as a read shows it.' }),
      ),
    },
    { description: 'An error, by RFC 9457.' },
  ),
)

type ValidationError = NonNullable<FastifyError['validation']>[number]

/** Answers with a problem. A handler returns the result of this call. */
export function sendProblem(
  reply: FastifyReply,
  code: ProblemCode,
  detail: string,
  errors: readonly FieldError[] = [],
  more: { readonly current?: unknown } = {},
): FastifyReply {
  const { status, title, retryAfter }: ProblemKind = PROBLEMS[code]
  if (retryAfter !== undefined && !reply.hasHeader('retry-after')) reply.header('retry-after', retryAfter)
  if (status === 401) reply.header('www-authenticate', 'Bearer')
  reply.header('x-request-id', reply.request.id)
  const body = { type: `urn:tollgate:problem:${code}`, title, status, detail, code, ...more }
  return reply
    .code(status)
    .header('content-type', 'application/problem+json')
    .send(JSON.stringify(errors.length === 0 ? body : { ...body, errors }))
}

/** Refuses fields that the schema allows and other rules forbid. */
export function sendFieldErrors(reply: FastifyReply, errors: readonly FieldError[]): FastifyReply {
  const detail = errors.map(({ field, message }) => `${field} ${message}`).join('; ')
  return sendProblem(reply, 'invalid_request', `${detail}.`, errors)
}

/** Turns every failure of the app into a problem response, whichever layer detected it. */
export function useProblems(app: FastifyInstance): void {
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, 'not_found', `There is no ${request.method} here.`),
  )
  app.setErrorHandler<FastifyError>(sendError)
}

/** Also handles errors that Fastify raises before it looks for a route, such as a path that cannot be decoded. */
export function sendError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error instanceof StoreUnavailable) {
    request.log.warn({ error: error.message }, 'the store cannot be reached')
    return sendProblem(
      reply,
      'credit_store_unavailable',
      'The credit store cannot be reached. Nothing is known of what it did.',
    )
  }
  if (error.validation !== undefined)
    return sendFieldErrors(reply, fieldErrors(error.validation, error.validationContext))
  switch (error.statusCode) {
    case 413:
      return sendProblem(reply, 'body_too_large', 'The body is larger than this route takes.')
    case 415:
      return sendProblem(
        reply,
        'unsupported_media_type',
        'The body must be JSON, with content-type: application/json.',
      )
    case undefined:
      break
    default:
      if (error.statusCode < 500) return sendProblem(reply, 'invalid_request', error.message)
  }
  request.log.error({ err: error }, 'the admin plane failed')
  return sendProblem(reply, 'internal_error', 'The failure is in the log of the gateway.')
}

function fieldErrors(found: readonly ValidationError[], context: string | undefined): FieldError[] {
  const errors = new Map<string, string>()
  // If all alternatives of a schema fail, each for its own reason, only the description helps the caller.
  const described = found.filter((error) => error.keyword === 'anyOf').map((error) => error.instancePath)
  for (const error of found) {
    const within = described.some((path) => error.instancePath.startsWith(path))
    if (within && error.keyword !== 'anyOf') continue
    const field = fieldOf(error) || (context === 'querystring' ? 'query' : 'body')
    if (!errors.has(field)) errors.set(field, messageOf(error))
  }
  return Array.from(errors, ([field, message]) => ({ field, message }))
}

function fieldOf({ instancePath, params }: ValidationError): string {
  const path = instancePath.split('/').slice(1)
  const inside = params['missingProperty'] ?? params['additionalProperty']
  if (typeof inside === 'string') path.push(inside)
  return path.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')).join('.')
}

function messageOf(error: ValidationError): string {
  const { expects, description } =
    (error as { parentSchema?: { expects?: string; description?: string } }).parentSchema ?? {}
  const expected = expects ?? description
  switch (error.keyword) {
    case 'required':
      return 'is required'
    case 'additionalProperties':
      return 'is not known here'
    case 'enum':
      return `must be one of ${(error.params['allowedValues'] as string[]).join(', ')}`
    case 'minimum':
      return `must be at least ${String(error.params['limit'])}`
    case 'maximum':
      return `must be at most ${String(error.params['limit'])}`
    case 'type':
      if (error.params['type'] === 'integer') return 'must be a whole number'
      break
    case 'anyOf':
    case 'pattern':
      if (expected !== undefined) return `must be ${expected}`
  }
  return error.message ?? 'is not valid'
}
