/**
 * Authentication of the admin plane. The operator sends a token that is valid for all organizations. The owner of a key
 * of scope `admin` sends it as a bearer token, or uses a session of the page that was opened with such a key. Every
 * request reads the owner's membership and role from the store, so a removal takes effect at once (A1, A4).
 */
import type { FastifyRequest } from 'fastify'
import type { UnixMs } from '../core/units.ts'
import type { Directory } from '../directory/directory.ts'
import type { Role } from '../directory/members.ts'
import type { SessionLife } from '../directory/sessions.ts'
import type { KeyCache } from '../virtual-keys/cache.ts'
import { equal, isFromElsewhere, provesOwnPage, type SessionCookie } from './session-cookie.ts'
import type { Throttle } from './throttle.ts'

export type Principal = { readonly kind: 'operator' } | UserPrincipal

export interface UserPrincipal {
  readonly kind: Role
  readonly org: string
  readonly user: string
  readonly name: string | null
  readonly keyId: string
  /** Null for a request with a bearer token. */
  readonly session: SessionRef | null
}

export interface SessionRef {
  readonly token: string
  readonly expiresAt: UnixMs
}

/**
 * Why a request is not authenticated. `foreign`: it comes from a page of another site. `unproven`: nothing proves that
 * it comes from our page.
 */
export type Stranger =
  | { readonly kind: 'stranger' | 'foreign' | 'unproven' }
  | { readonly kind: 'throttled'; readonly retryAfterSeconds: number }

export interface CredentialOptions {
  /** Null if there is no operator. */
  readonly operatorToken: string | null
  readonly keyCache: Pick<KeyCache, 'lookup'>
  readonly directory: Pick<Directory, 'getMember' | 'readSession'>
  readonly throttle: Throttle
  readonly cookie: SessionCookie
  readonly sessionLife: SessionLife
  /** The public address of the page; null where it is not configured. */
  readonly publicUrl: string | null
}

const BEARER = /^Bearer +(\S{1,1000})$/i

/** Authenticates a request. Rejects with StoreUnavailable if the store does not answer. */
export async function whoAsks(
  request: FastifyRequest,
  options: CredentialOptions,
): Promise<Principal | Stranger> {
  const { authorization } = request.headers
  // A page of another site cannot add a bearer token to a request, so the token takes precedence over the cookie.
  if (authorization === undefined) return bySession(request, options)
  const token = BEARER.exec(authorization)?.[1]
  if (token === undefined) return { kind: 'stranger' }
  const attempt = await options.throttle.attempt(request.ip, token, () => byBearer(token, options))
  switch (attempt.status) {
    case 'passed':
      return attempt.value
    case 'failed':
      return { kind: 'stranger' }
    case 'throttled':
      return { kind: 'throttled', retryAfterSeconds: attempt.retryAfterSeconds }
  }
}

async function byBearer(
  token: string,
  { operatorToken, keyCache, directory }: CredentialOptions,
): Promise<Principal | null> {
  if (operatorToken !== null && equal(token, operatorToken)) return { kind: 'operator' }
  const key = await keyCache.lookup(token)
  if (key === null || key.scope !== 'admin' || key.user === null) return null
  const member = await directory.getMember(key.org, key.user)
  if (member === null) return null
  const { user, name, role } = member
  return { kind: role, org: key.org, user, name, keyId: key.keyId, session: null }
}

async function bySession(
  request: FastifyRequest,
  { cookie, directory, sessionLife, publicUrl }: CredentialOptions,
): Promise<Principal | Stranger> {
  const token = cookie.read(request)
  if (token === null) return { kind: 'stranger' }
  if (isFromElsewhere(request, publicUrl)) return { kind: 'foreign' }
  const session = await directory.readSession(token, sessionLife)
  if (session === null) return { kind: 'stranger' }
  if (!provesOwnPage(request, token)) return { kind: 'unproven' }
  const { org, member, keyId, expiresAt } = session
  const { user, name, role } = member
  return { kind: role, org, user, name, keyId, session: { token, expiresAt } }
}
