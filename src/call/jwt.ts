/**
 * Authenticates callers by a JWT of a configured issuer (RFC 7519). A verified token is cached by its hash for up to a
 * minute, so that only the first call pays for checking the signature. A refused token is not cached.
 */
import { createHash } from 'node:crypto'
import { decodeJwt, errors, jwtVerify, type JWTPayload } from 'jose'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { isOrgId, isSource, isUserId, type Source } from '../core/policy.ts'
import { createLru } from '../core/lru.ts'
import { createIssuerKeys, IdentityUnavailable } from './issuer-keys.ts'

type IssuerConfig = Config['auth']['jwt'][number]

/** The identity that a token stands for. */
export interface JwtIdentity {
  readonly kind: 'token'
  readonly org: string
  readonly user: string
  /** At least one; the first is the default of a call. */
  readonly sources: readonly Source[]
}

export interface JwtVerifier {
  /**
   * The identity that a token stands for; null for a token that is not accepted, for any reason. Rejects with
   * IdentityUnavailable if its issuer's keys cannot be fetched: that is never a reason to refuse the token.
   */
  verify(token: string): Promise<JwtIdentity | null>
}

export interface JwtVerifierOptions {
  /** Unix ms. */
  readonly now?: () => number
  readonly logger: Pick<Logger, 'debug' | 'warn'>
  /** How many tokens are remembered. */
  readonly remembered?: number
}

interface Verified {
  readonly identity: JwtIdentity
  /** Unix ms. */
  readonly expiresAt: number
}

type Verify = (token: string, at: number) => Promise<Verified>

/** How far an issuer's clock may differ from ours, for `exp` and `nbf`. */
const CLOCK_TOLERANCE_SECONDS = 5
/**
 * How long a verified token is cached. It adds to the age of the keys in how long a token keeps working after its
 * issuer withdraws the signing key.
 */
const REMEMBERED_MS = 60_000
const REMEMBERED = 50_000

/** Whether a bearer may be a JWT: three parts separated by dots. Virtual keys contain no dots. */
export function isTokenShaped(bearer: string): boolean {
  return bearer.split('.', 4).length === 3
}

export function createJwtVerifier(
  issuers: readonly IssuerConfig[],
  { now = Date.now, logger, remembered = REMEMBERED }: JwtVerifierOptions,
): JwtVerifier {
  const known = new Map<string, Verify>(
    issuers.map((issuer) => [issuer.issuer, createIssuer(issuer, now, logger)]),
  )
  const tokens = createLru<{ readonly identity: JwtIdentity; readonly until: number }>(remembered)

  return {
    async verify(token) {
      const at = now()
      const sha256 = createHash('sha256').update(token).digest('base64')
      const entry = tokens.get(sha256)
      if (entry !== undefined && at < entry.until) return entry.identity
      tokens.delete(sha256)
      const issuer = claimedIssuer(token)
      const verify = issuer === null ? undefined : known.get(issuer)
      if (verify === undefined) return null
      try {
        const { identity, expiresAt } = await verify(token, at)
        tokens.set(sha256, { identity, until: Math.min(expiresAt, at + REMEMBERED_MS) })
        return identity
      } catch (error) {
        if (error instanceof IdentityUnavailable) throw error
        // jose's messages name the fault and contain nothing of the token. An error that is not jose's own is the fault
        // of a key.
        const reason = error instanceof Error ? error.message : String(error)
        logger[error instanceof errors.JOSEError ? 'debug' : 'warn']({ issuer, reason }, 'a token is refused')
        return null
      }
    },
  }
}

/** The issuer that a token claims. Nothing is verified yet, so the claim only selects one of the configured issuers. */
function claimedIssuer(token: string): string | null {
  try {
    const { iss } = decodeJwt(token)
    return typeof iss === 'string' ? iss : null
  } catch {
    return null
  }
}

/** Verifies tokens of one issuer. Rejects with jose's error for a bad one, or with IdentityUnavailable. */
function createIssuer(config: IssuerConfig, now: () => number, logger: JwtVerifierOptions['logger']): Verify {
  const { issuer, audience, claims, orgs } = config
  const algorithms = [...config.algorithms]
  if (audience === undefined)
    logger.warn(
      { issuer },
      'every token of this issuer is taken, whoever it was made for: auth.jwt has no audience',
    )
  const keys = createIssuerKeys({
    jwksUrl: config.jwksUrl,
    now,
    onFailure: (reason) => logger.warn({ issuer, reason }, "an issuer's keys cannot be fetched"),
  })
  return async (token, at) => {
    const { payload } = await jwtVerify(token, keys, {
      issuer,
      algorithms,
      requiredClaims: ['exp'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(at),
    })
    if (audience !== undefined && !isFor(payload, audience)) throw invalidClaim('aud', 'this gateway')
    const identity = identityOf(payload, claims)
    if (orgs !== undefined && !orgs.includes(identity.org)) {
      throw new errors.JWTInvalid('the issuer does not speak for this organization')
    }
    return { identity, expiresAt: (payload.exp ?? 0) * 1_000 }
  }
}

/**
 * Access tokens of Amazon Cognito and others have no `aud`; they name the client they were made for (RFC 9068, section
 * 2.2).
 */
function isFor({ aud, client_id: client }: JWTPayload, audience: string): boolean {
  if (aud === undefined) return client === audience
  return Array.isArray(aud) ? aud.includes(audience) : aud === audience
}

function identityOf(payload: JWTPayload, claims: IssuerConfig['claims']): JwtIdentity {
  const org = payload[claims.org]
  if (typeof org !== 'string' || !isOrgId(org)) throw invalidClaim(claims.org, 'the id of an organization')
  const user = payload[claims.user]
  if (typeof user !== 'string' || !isUserId(user)) throw invalidClaim(claims.user, 'the id of a user')
  const named = claims.source === undefined ? undefined : payload[claims.source]
  const sources = namedSources(named)
  if (sources === null) throw invalidClaim(claims.source ?? '', 'a source or a list of sources')
  return { kind: 'token', org, user, sources }
}

/** A source or a list of them; `chat` where the token says nothing; null for anything else. */
function namedSources(named: unknown): readonly Source[] | null {
  if (named === undefined) return ['chat']
  const list: readonly unknown[] = Array.isArray(named) ? named : [named]
  const sources = list.filter((source) => typeof source === 'string').filter(isSource)
  return sources.length === list.length && sources.length > 0 ? [...new Set(sources)] : null
}

function invalidClaim(claim: string, what: string): Error {
  return new errors.JWTInvalid(`the claim '${claim}' is not ${what}`)
}
