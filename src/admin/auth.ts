/**
 * Who asks, and whether they may (A1): the operator by a token, above all organizations, or an admin of one organization
 * by a key of scope `admin`. Whether its owner is an admin is read anew for every request, so a role that was taken away
 * is gone at once.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { isOrgId } from '../core/policy.ts'
import type { Directory } from '../ledger/directory.ts'
import type { KeyCache } from '../ledger/key-cache.ts'
import { sendProblem } from './problems.ts'

export type Principal =
  | { readonly kind: 'operator' }
  | { readonly kind: 'admin'; readonly org: string; readonly user: string; readonly keyId: string }

/** Who may use a route: only the operator, or also admins of the organization that its path names. */
export type Access = 'operator' | 'admin'

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access
  }
  interface FastifyRequest {
    /** Null only where a route needs no credentials. */
    principal: Principal | null
  }
}

export interface AuthOptions {
  /** Null: nobody is the operator. */
  readonly operatorToken: string | null
  readonly keyCache: KeyCache
  readonly directory: Pick<Directory, 'getMember'>
}

/** What somebody who is signed in may not do, or the principal. */
type Verdict = Principal | 'stranger' | 'member' | 'other_org' | 'operator_only'

const BEARER = /^Bearer +(\S{1,1000})$/i

/** Guards every route of this app. A route that does not say who may use it is a mistake that stops the start. */
export function useAuth(app: FastifyInstance, options: AuthOptions): void {
  const isOperator = operatorCheck(options.operatorToken)

  app.decorateRequest('principal', null)
  app.addHook('onRoute', ({ url, config }) => {
    if (config?.access === undefined) throw new Error(`${url} does not say who may use it`)
  })
  app.addHook('onRequest', async (request, reply) => {
    const verdict = await judge(request, isOperator, options)
    if (typeof verdict === 'string') return refuse(reply, verdict)
    const { org } = request.params as { org?: string }
    if (org !== undefined && !isOrgId(org)) return sendNoOrg(reply)
    request.principal = verdict
  })
}

export function isOperator(request: FastifyRequest): boolean {
  return request.principal?.kind === 'operator'
}

/** The same answer for an organization that does not exist as for one that is somebody else's. */
export function sendNoOrg(reply: FastifyReply): FastifyReply {
  return sendProblem(reply, 'not_found', 'There is no such organization.')
}

export function sendOperatorOnly(reply: FastifyReply, what: string): FastifyReply {
  return sendProblem(reply, 'forbidden', `Only the operator may ${what}.`)
}

/** Compares hashes, so that the time it takes tells neither the token nor its length. */
function operatorCheck(operatorToken: string | null): (token: string) => boolean {
  if (operatorToken === null) return () => false
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  const wanted = digest(operatorToken)
  return (token) => timingSafeEqual(digest(token), wanted)
}

async function judge(
  request: FastifyRequest,
  isOperatorToken: (token: string) => boolean,
  { keyCache, directory }: AuthOptions,
): Promise<Verdict> {
  const token = BEARER.exec(request.headers.authorization ?? '')?.[1]
  if (token === undefined) return 'stranger'
  if (isOperatorToken(token)) return { kind: 'operator' }
  const key = await keyCache.lookup(token)
  if (key === null || key.scope !== 'admin' || key.user === null) return 'stranger'
  const member = await directory.getMember(key.org, key.user)
  if (member === null) return 'stranger'
  const { org } = request.params as { org?: string }
  if (org !== undefined && org !== key.org) return 'other_org'
  if (member.role !== 'admin') return 'member'
  if (request.routeOptions.config.access !== 'admin') return 'operator_only'
  return { kind: 'admin', org: key.org, user: key.user, keyId: key.keyId }
}

function refuse(reply: FastifyReply, verdict: Exclude<Verdict, Principal>): FastifyReply {
  switch (verdict) {
    case 'stranger':
      return sendProblem(
        reply,
        'invalid_credentials',
        'Send the operator token, or a key of scope admin that belongs to an admin of the organization, as authorization: Bearer.',
      )
    case 'member':
      return sendProblem(reply, 'forbidden', 'Only admins of the organization may see or change this.')
    case 'other_org':
      return sendNoOrg(reply)
    case 'operator_only':
      return sendOperatorOnly(reply, 'do this')
  }
}
