/** What whoever asks may do (A1). Every route says who may use it; who that is, credentials.ts finds out. */
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
 * Who may use a route: only the operator; also admins of the organization that its path names; whoever belongs to an
 * organization, about nothing but themselves; or only who is signed in to the page.
 */
export type Access = 'operator' | 'admin' | 'member' | 'session'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `public` where the app does not guard it. */
    access?: Access | 'public'
  }
  interface FastifyRequest {
    /** Null only where a route needs no credentials. */
    principal: Principal | null
  }
}

export type AuthOptions = CredentialOptions

type Denial = 'member' | 'other_org' | 'operator_only' | 'users_only' | 'no_session'

/** Guards every route of this app. A route that does not say who may use it is a mistake that stops the start. */
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

/** Who asks, on a route that is for users. */
export function userOf(principal: Principal | null): UserPrincipal {
  if (principal === null || principal.kind === 'operator') throw new Error('this route lets in users only')
  return principal
}

/** The same answer for an organization that does not exist as for one that is somebody else's. */
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
