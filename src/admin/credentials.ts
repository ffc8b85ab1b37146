/**
 * Who asks: the operator by a token, above all organizations; the owner of a key of scope `admin`, as a bearer; or the same
 * person by the session of the page, which was opened with such a key. Whether an owner is a member, and in which role, is
 * read anew for every request: what was taken away is gone at once (A1, A4).
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
  /** Null for a bearer. */
  readonly session: SessionRef | null
}

export interface SessionRef {
  readonly token: string
  readonly expiresAt: UnixMs
}

/** Why nobody is known to ask. `foreign`: the page of another site; `unproven`: no page of ours can be told. */
export type Stranger =
  | { readonly kind: 'stranger' | 'foreign' | 'unproven' }
  | { readonly kind: 'throttled'; readonly retryAfterSeconds: number }

export interface CredentialOptions {
  /** Null: nobody is the operator. */
  readonly operatorToken: string | null
  readonly keyCache: Pick<KeyCache, 'lookup'>
  readonly directory: Pick<Directory, 'getMember' | 'readSession'>
  readonly throttle: Throttle
  readonly cookie: SessionCookie
  readonly sessionLife: SessionLife
  /** Where people reach the page; null where that is not configured. */
  readonly publicUrl: string | null
}

const BEARER = /^Bearer +(\S{1,1000})$/i

/** Rejects with StoreUnavailable where it cannot be known. */
export async function whoAsks(
  request: FastifyRequest,
  options: CredentialOptions,
): Promise<Principal | Stranger> {
  const { authorization } = request.headers
  // A bearer was put there on purpose, which no page of another site can do: it goes before the cookie.
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
