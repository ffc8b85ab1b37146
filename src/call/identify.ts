/** Finds out who pays for a call: the owner of the key or token, the user that an app names, and the source. */
import type { IncomingHttpHeaders } from 'node:http'
import { isSource, isUserId } from '../core/policy.ts'
import { isWellFormedKey } from '../core/virtual-key.ts'
import { isRefusal, refuse, type Refusal } from '../errors.ts'
import type { KeyCache, KeyIdentity } from '../virtual-keys/cache.ts'
import { TooManyLookups } from '../virtual-keys/lookup-budget.ts'
import type { Caller } from './call.ts'
import { credentialOf, type Credential } from './credentials.ts'
import { IdentityUnavailable } from './issuer-keys.ts'
import { isTokenShaped, type JwtIdentity, type JwtVerifier } from './jwt.ts'

type Identity = KeyIdentity | JwtIdentity | null

/**
 * The identity that a credential stands for; null if it is not accepted. Synchronous if the identity is cached, as for
 * nearly every call. Rejects with StoreUnavailable, IdentityUnavailable or TooManyLookups.
 */
export type LookUp = ((credential: Credential) => Identity | Promise<Identity>) & {
  /** The header in which apps name their user, besides `x-tollgate-user`; in lower case. */
  readonly userHeader?: string
}

const USER_HEADER = 'x-tollgate-user'

/** Looks up virtual keys. If issuers are configured, it verifies bearers that look like a JWT as tokens. */
export function createLookUp(
  keys: Pick<KeyCache, 'lookup'>,
  jwt: JwtVerifier | null,
  userHeader: string = USER_HEADER,
): LookUp {
  const lookUp: LookUp = (credential) =>
    jwt !== null && isToken(credential) ? jwt.verify(credential.key) : keys.lookup(credential.key)
  return Object.assign(lookUp, { userHeader: userHeader.toLowerCase() })
}

function isToken({ key, isBearer }: Credential): boolean {
  return isBearer && isTokenShaped(key)
}

function header(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name]
  return typeof value === 'string' && value !== '' ? value : null
}

/** What a credential permits. */
interface Grant extends Pick<KeyIdentity, 'org' | 'user' | 'app' | 'sources'> {
  /** The credential's name in messages. */
  readonly what: 'This key' | 'This token'
  readonly mayEnroll: boolean
}

/**
 * Prefixes of the keys of AI providers. People who move a client to the gateway often leave the provider's key in it.
 */
const PROVIDER_KEY = /^(?:sk-|sk_|AIza|AQ\.|gsk_|xai-|pplx-|r8_|hf_|nvapi-)/
const OWN_KEY = 'tg_'

/** Explains what is probably wrong with an unknown key, without repeating the key. */
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

/** The user that a header names; null if the header is absent, a refusal if it is not a user id. */
function namedIn(headers: IncomingHttpHeaders, name: string): string | null | Refusal {
  const named = header(headers, name)
  if (named === null || isUserId(named)) return named
  return refuse(
    'invalid_request',
    `${name} is not a user name: 1 to 128 of A-Z a-z 0-9 . _ @ + | : # / ' = ! $ & ~ ^ -.`,
    { param: name },
  )
}

/** The user that an app names. Two headers that differ are refused: one of them may come from the app's own user. */
function userOfApp(headers: IncomingHttpHeaders, user: string | null, userHeader: string): string | Refusal {
  const ours = namedIn(headers, USER_HEADER)
  if (ours !== null && typeof ours === 'object') return ours
  const theirs = userHeader === USER_HEADER ? null : namedIn(headers, userHeader)
  if (theirs !== null && typeof theirs === 'object') return theirs
  if (ours !== null && theirs !== null && ours !== theirs)
    return refuse('invalid_request', `${USER_HEADER} and ${userHeader} name two users.`, {
      param: userHeader,
    })
  const param = userHeader
  return (
    theirs ??
    ours ??
    user ??
    refuse(
      'user_required',
      `This key belongs to an app: name the user of this call in the header ${param}.`,
      {
        param,
      },
    )
  )
}

/**
 * With a key or token of one user, only `x-tollgate-user` is checked. The app's configured header may be present and is
 * ignored.
 */
function userOf(
  { what, app, user }: Grant,
  headers: IncomingHttpHeaders,
  userHeader: string,
): string | Refusal {
  if (app) return userOfApp(headers, user, userHeader)
  const named = namedIn(headers, USER_HEADER)
  if (named !== null && typeof named === 'object') return named
  if (user === null) return refuse('user_required', 'This key belongs to no user.')
  if (named !== null && named !== user) {
    return refuse(
      'user_not_allowed',
      `${what} belongs to one user and cannot name another in ${USER_HEADER}.`,
      { param: USER_HEADER },
    )
  }
  return user
}

/**
 * The credential could not be checked, so the answer is not a 401: too many unknown keys are being looked up, or the
 * issuer's keys cannot be fetched.
 */
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
 * Synchronous if the credential's identity is cached. Rejects with StoreUnavailable if it is not and the store cannot
 * be asked: never a wrong 401 (D1).
 */
export function identify(
  lookUp: LookUp,
  headers: IncomingHttpHeaders,
  url: string,
): Caller | Refusal | Promise<Caller | Refusal> {
  const credential = credentialOf(headers, url)
  if ('fault' in credential) return refuse('invalid_api_key', credential.fault)
  const found = lookUp(credential)
  const { userHeader = USER_HEADER } = lookUp
  if (!(found instanceof Promise)) return callerOf(found, credential, headers, userHeader)
  return found.then((identity) => callerOf(identity, credential, headers, userHeader), unknowable)
}

function callerOf(
  identity: Identity,
  credential: Credential,
  headers: IncomingHttpHeaders,
  userHeader: string,
): Caller | Refusal {
  const grant = grantOf(identity, credential)
  if (isRefusal(grant)) return grant
  const { org, what, sources, mayEnroll } = grant
  const user = userOf(grant, headers, userHeader)
  if (typeof user !== 'string') return user
  const source = header(headers, 'x-tollgate-source') ?? sources[0] ?? 'chat'
  if (!isSource(source) || !sources.includes(source)) {
    return refuse('source_not_allowed', `${what} may not call as source '${source.slice(0, 64)}'.`, {
      param: 'x-tollgate-source',
    })
  }
  return { org, user, source, mayEnroll }
}
