/** Who pays for this call: whose key or token it is, the user that an app names, the source. */
import type { IncomingHttpHeaders } from 'node:http'
import { isSource, isUserId } from '../core/policy.ts'
import { isWellFormedKey } from '../core/virtual-key.ts'
import { isRefusal, refuse, type Refusal } from '../errors.ts'
import type { KeyCache, KeyIdentity } from '../ledger/key-cache.ts'
import { TooManyLookups } from '../ledger/lookup-budget.ts'
import type { Caller } from './call.ts'
import { credentialOf, type Credential } from './credentials.ts'
import { IdentityUnavailable } from './issuer-keys.ts'
import { isTokenShaped, type JwtIdentity, type JwtVerifier } from './jwt.ts'

type Identity = KeyIdentity | JwtIdentity | null

/**
 * Whom a credential names; null where it is not accepted. At once where that is remembered, as for nearly every call.
 * Rejects with StoreUnavailable or IdentityUnavailable.
 */
export type LookUp = (credential: Credential) => Identity | Promise<Identity>

/** Looks virtual keys up and, where issuers are configured, verifies what may be a token of theirs. */
export function createLookUp(keys: Pick<KeyCache, 'lookup'>, jwt: JwtVerifier | null): LookUp {
  return (credential) =>
    jwt !== null && isToken(credential) ? jwt.verify(credential.key) : keys.lookup(credential.key)
}

function isToken({ key, isBearer }: Credential): boolean {
  return isBearer && isTokenShaped(key)
}

function header(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name]
  return typeof value === 'string' && value !== '' ? value : null
}

/** What a credential lets its bearer do. */
interface Grant extends Pick<KeyIdentity, 'org' | 'user' | 'app' | 'sources'> {
  /** What the credential is called in a message. */
  readonly what: 'This key' | 'This token'
  readonly mayEnroll: boolean
}

/** How keys of AI providers begin: those who move a client over to the gateway often leave theirs in it. */
const PROVIDER_KEY = /^(?:sk-|sk_|AIza|AQ\.|gsk_|xai-|pplx-|r8_|hf_|nvapi-)/
const OWN_KEY = 'tg_'

/** What is probably wrong with a key that nobody has; the key itself is not repeated. */
function unknownKey(key: string): string {
  const provider = PROVIDER_KEY.exec(key)?.[0]
  if (provider !== undefined) {
    return `This is a key of an AI provider (${provider}…), not of this gateway, whose keys begin with ${OWN_KEY}. Ask an admin of your organization for one.`
  }
  if (key.startsWith(OWN_KEY) && !isWellFormedKey(key)) {
    return `This API key has a typing error, or a part of it is missing: a key is ${OWN_KEY} and 36 letters and digits, and its checksum is not right. Copy it once more.`
  }
  return 'This API key is not known here, or was revoked.'
}

function grantOf(identity: Identity, credential: Credential): Grant | Refusal {
  if (identity === null) {
    return isToken(credential)
      ? refuse(
          'invalid_api_key',
          'This token is not accepted here: it has to be signed by an issuer that this gateway knows, made for this gateway, not expired, and to name an organization and a user.',
        )
      : refuse('invalid_api_key', unknownKey(credential.key))
  }
  // The identity provider vouches for its users, as an app does: docs/decisions/0008-jwt-callers.md.
  const { org, user, sources } = identity
  if ('kind' in identity) return { org, user, sources, what: 'This token', app: false, mayEnroll: true }
  if (identity.scope !== 'traffic') {
    return refuse('invalid_api_key', 'This is a key for the admin API: it carries no traffic.')
  }
  const { app } = identity
  return { org, user, sources, what: 'This key', app, mayEnroll: app }
}

function userOf({ what, app, user }: Grant, headers: IncomingHttpHeaders): string | Refusal {
  const named = header(headers, 'x-tollgate-user')
  const param = 'x-tollgate-user'
  if (named !== null && !isUserId(named)) {
    return refuse(
      'invalid_request',
      'x-tollgate-user is not a user name: 1 to 128 of A-Z a-z 0-9 . _ @ + | : -.',
      { param },
    )
  }
  if (app) {
    return (
      named ??
      user ??
      refuse(
        'user_required',
        'This key belongs to an app: name the user of this call in the header x-tollgate-user.',
        { param },
      )
    )
  }
  if (user === null) return refuse('user_required', 'This key belongs to no user.')
  if (named !== null && named !== user) {
    return refuse(
      'user_not_allowed',
      `${what} belongs to one user and cannot name another in x-tollgate-user.`,
      { param },
    )
  }
  return user
}

/** Nothing is known about the credential, so it is no 401: its key is not looked up now, or its issuer's cannot be had. */
function unknowable(error: unknown): Refusal {
  if (error instanceof TooManyLookups) {
    return refuse('overloaded', 'Too many unknown keys are being looked up here. Try again in a moment.')
  }
  if (!(error instanceof IdentityUnavailable)) throw error
  return refuse(
    'identity_unavailable',
    'The keys of the issuer of this token cannot be fetched right now. Try again in a moment.',
  )
}

/**
 * At once where the credential's bearer is remembered. Rejects with StoreUnavailable when it is not and cannot be looked
 * up: never a wrong 401 (D1).
 */
export function identify(
  lookUp: LookUp,
  headers: IncomingHttpHeaders,
  url: string,
): Caller | Refusal | Promise<Caller | Refusal> {
  const credential = credentialOf(headers, url)
  if ('fault' in credential) return refuse('invalid_api_key', credential.fault)
  const found = lookUp(credential)
  if (!(found instanceof Promise)) return callerOf(found, credential, headers)
  return found.then((identity) => callerOf(identity, credential, headers), unknowable)
}

function callerOf(
  identity: Identity,
  credential: Credential,
  headers: IncomingHttpHeaders,
): Caller | Refusal {
  const grant = grantOf(identity, credential)
  if (isRefusal(grant)) return grant
  const { org, what, sources, mayEnroll } = grant
  const user = userOf(grant, headers)
  if (typeof user !== 'string') return user
  const source = header(headers, 'x-tollgate-source') ?? sources[0] ?? 'chat'
  if (!isSource(source) || !sources.includes(source)) {
    return refuse('source_not_allowed', `${what} may not call as source '${source.slice(0, 64)}'.`, {
      param: 'x-tollgate-source',
    })
  }
  return { org, user, source, mayEnroll }
}
