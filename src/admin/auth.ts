/** Authorization: which callers may use which route (A1). Authentication is in credentials.ts. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isOrgId } from '../core/policy.ts'
import {
  whoAsks,
  type CredentialOptions,
  type Principal,
  type Stranger,
  type UserPrincipal,
} from './credentials.ts'
import { sendProblem } from './problems.ts'
import { CSRF_HEADER } from './session-cookie.ts'

export type { Principal } from './credentials.ts'

/**
 * Which callers may use a route. `operator`: only the operator. `admin`: the operator, and admins of the organization
 * in the path. `member`: every member of an organization, for their own data only. `session`: only users who are signed
 * in to the page.
 */
export type Access = 'operator' | 'admin' | 'member' | 'session'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `public` where the app does not guard the route. */
    access?: Access | 'public'
  }
  interface FastifyRequest {
    /** Null only on routes that need no credentials. */
    principal: Principal | null
  }
}

export type AuthOptions = CredentialOptions

type Denial = 'member' | 'other_org' | 'operator_only' | 'users_only' | 'no_session'

/** Guards every route of this app. A route that declares no access makes the start fail. */
export function useAuth(app: FastifyInstance, options: AuthOptions): void {
  app.decorateRequest('principal', null)
  app.addHook('onRoute', ({ url, config }) => {
    if (config?.access === undefined || config.access === 'public')
      throw new Error(`${url} does not say who may use it`)
  })
  app.addHook('onRequest', async (request, reply) => {
    const found = await whoAsks(request, options)
    if (isStranger(found)) return turnAway(reply, found)
    const { org } = request.params as { org?: string }
    const denial = denialOf(found, request.routeOptions.config.access, org)
    if (denial !== null) return deny(reply, denial)
    if (org !== undefined && !isOrgId(org)) return sendNoOrg(reply)
    request.principal = found
  })
}

export function isOperator(request: FastifyRequest): boolean {
  return request.principal?.kind === 'operator'
}

/** The user who makes the request, on a route that is for users. */
export function userOf(principal: Principal | null): UserPrincipal {
  if (principal === null || principal.kind === 'operator') throw new Error('this route lets in users only')
  return principal
}

/** Sends the same response for an organization that does not exist and for one that the caller does not belong to. */
export function sendNoOrg(reply: FastifyReply): FastifyReply {
  return sendProblem(reply, 'not_found', 'There is no such organization.')
}

export function sendOperatorOnly(reply: FastifyReply, what: string): FastifyReply {
  return sendProblem(reply, 'forbidden', `Only the operator may ${what}.`)
}

function isStranger(found: Principal | Stranger): found is Stranger {
  return found.kind !== 'operator' && found.kind !== 'admin' && found.kind !== 'member'
}

function denialOf(
  principal: Principal,
  access: Access | 'public' | undefined,
  org: string | undefined,
): Denial | null {
  if (principal.kind === 'operator') {
    if (access === 'session') return 'no_session'
    return access === 'member' ? 'users_only' : null
  }
  if (org !== undefined && org !== principal.org) return 'other_org'
  if (access === 'member') return null
  if (access === 'session') return principal.session === null ? 'no_session' : null
  if (principal.kind === 'member') return 'member'
  return access === 'admin' ? null : 'operator_only'
}

function deny(reply: FastifyReply, denial: Denial): FastifyReply {
  switch (denial) {
    case 'member':
      return sendProblem(reply, 'forbidden', 'Only admins of the organization may see or change this.')
    case 'other_org':
      return sendNoOrg(reply)
    case 'operator_only':
      return sendOperatorOnly(reply, 'do this')
    case 'users_only':
      return sendProblem(
        reply,
        'forbidden',
        'This is about a member of an organization; the operator is none.',
      )
    case 'no_session':
      return sendProblem(reply, 'forbidden', 'A bearer has no session: sign in with POST /v1/session.')
  }
}

export function turnAway(reply: FastifyReply, stranger: Stranger): FastifyReply {
  switch (stranger.kind) {
    case 'stranger':
      return sendProblem(
        reply,
        'invalid_credentials',
        'Send the operator token, or a key of scope admin that belongs to a member of the organization, as authorization: Bearer; or sign in with POST /v1/session.',
      )
    case 'foreign':
      return sendProblem(
        reply,
        'cross_origin',
        'Only the page of this gateway itself may do this in a browser.',
      )
    case 'unproven':
      return sendProblem(
        reply,
        'csrf_required',
        `A change by a session needs the header ${CSRF_HEADER} with the csrf that GET /v1/session shows.`,
      )
    case 'throttled':
      reply.header('retry-after', stranger.retryAfterSeconds)
      return sendProblem(
        reply,
        'too_many_failures',
        `Too many attempts to authenticate from here have failed. Try again in ${stranger.retryAfterSeconds} s.`,
      )
  }
}
