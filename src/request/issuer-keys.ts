/**
 * The public keys of one token issuer (RFC 7517). jose fetches and picks them; when they are fetched is decided here,
 * because jose counts its cool-down from the last fetch that succeeded: while an issuer is down, every call would ask it.
 */
import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose'

/** Keys of this age are fetched anew behind the back of a call, which does not wait … */
const REFRESH_MS = 300_000
/** … and from this age on they are not used any more: so long may an issuer be down before its tokens are not accepted. */
const MAX_AGE_MS = 900_000
/** A token is refused for a key that nobody knows only by a key set younger than this. */
const UNKNOWN_KEY_MS = 5_000
/** After a fetch that failed, callers are told so for this long without another one. */
const FAILURE_MS = 1_000
const TIMEOUT_MS = 3_000
const MAX_BYTES = 1_048_576

/** An issuer's keys cannot be fetched, so that nothing is known about its token: it is neither good nor bad. */
export class IdentityUnavailable extends Error {
  override readonly name = 'IdentityUnavailable'
}

export interface IssuerKeysOptions {
  readonly jwksUrl: string
  /** Unix ms. */
  readonly now: () => number
  /** Told of each fetch that failed. */
  readonly onFailure: (reason: string) => void
}

/** Finds the key of a token, for jose. Rejects with IdentityUnavailable, or with jose's own error where no key fits. */
export function createIssuerKeys({ jwksUrl, now, onFailure }: IssuerKeysOptions): JWTVerifyGetKey {
  const keySet = createRemoteJWKSet(new URL(jwksUrl), {
    timeoutDuration: TIMEOUT_MS,
    cacheMaxAge: Infinity,
    cooldownDuration: Infinity,
    [customFetch]: fetchBounded,
  })
  let loadedAt = -Infinity
  let failedAt = -Infinity
  let loading: Promise<void> | null = null

  /** Whether less than `ms` have passed since; no longer so once the clock was set back to before it. */
  const isWithin = (since: number, ms: number): boolean => now() >= since && now() - since < ms

  async function fetchKeys(): Promise<void> {
    try {
      await keySet.reload()
      loadedAt = now()
    } catch (error) {
      failedAt = now()
      const reason = reasonOf(error)
      onFailure(reason)
      throw new IdentityUnavailable(reason, { cause: error })
    } finally {
      loading = null
    }
  }

  async function load(): Promise<void> {
    if (loading === null && isWithin(failedAt, FAILURE_MS)) {
      throw new IdentityUnavailable('the last attempt to fetch the keys has just failed')
    }
    await (loading ??= fetchKeys())
  }

  return async (header, token) => {
    if (!isWithin(loadedAt, MAX_AGE_MS)) await load()
    else if (!isWithin(loadedAt, REFRESH_MS)) load().catch(() => undefined)
    try {
      return await keySet(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey) || isWithin(loadedAt, UNKNOWN_KEY_MS)) throw error
      await load()
      return keySet(header, token)
    }
  }
}

/** A fetch whose answer is bounded; jose reads it to its end, whatever its size. */
async function fetchBounded(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init)
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel()
    throw new Error(`the answer has status ${response.status}`)
  }
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength
    if (bytes > MAX_BYTES) throw new Error(`the answer is longer than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  return new Response(Buffer.concat(chunks))
}

/** What failed, with its cause: fetch itself says no more than that it failed. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  if (!(cause instanceof Error)) return error.message
  return `${error.message}: ${'code' in cause ? String(cause.code) : cause.message}`
}
