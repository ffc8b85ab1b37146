/**
 * The public keys of one token issuer (RFC 7517). jose fetches and selects them, but this module decides when. jose
 * counts its cool-down from the last successful fetch, so every call would ask an issuer that is down.
 */
import { createRemoteJWKSet, customFetch, errors, type FetchImplementation, type JWTVerifyGetKey } from 'jose'
import { Client } from 'undici'
import { proxyFor } from '../outbound/proxies.ts'
import { connectorThrough } from '../outbound/tunnel.ts'

type FetchInit = Parameters<FetchImplementation>[1]

/** From this age on, the keys are refreshed in the background; calls do not wait for it. */
const REFRESH_MS = 300_000
/**
 * From this age on, the keys are no longer used. This is how long an issuer may be down before its tokens are not
 * accepted.
 */
const MAX_AGE_MS = 900_000
/**
 * A token with an unknown key id is refused only if the key set is younger than this; otherwise the keys are fetched
 * again.
 */
const UNKNOWN_KEY_MS = 5_000
/** For this long after a failed fetch, calls fail without another attempt. */
const FAILURE_MS = 1_000
const TIMEOUT_MS = 3_000
const MAX_BYTES = 1_048_576

/** An issuer's keys cannot be fetched, so its token can be neither accepted nor refused. */
export class IdentityUnavailable extends Error {
  override readonly name = 'IdentityUnavailable'
}

export interface IssuerKeysOptions {
  readonly jwksUrl: string
  /** Unix ms. */
  readonly now: () => number
  /** Called with the reason of each failed fetch. */
  readonly onFailure: (reason: string) => void
}

/** Finds the key of a token, for jose. Rejects with IdentityUnavailable, or with jose's own error if no key matches. */
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

  /** Whether less than `ms` have passed since `since`. False if the clock was set back to before it. */
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

/**
 * Fetches the keys, through the environment's proxy if there is one. The answer is bounded, and no redirect is
 * followed.
 */
async function fetchBounded(url: string, { headers, signal }: FetchInit): Promise<Response> {
  const target = new URL(url)
  const proxy = proxyFor(target)
  const client = new Client(
    target.origin,
    proxy === null ? {} : { connect: connectorThrough({ proxy, timeoutMs: TIMEOUT_MS }) },
  )
  try {
    const { statusCode, body } = await client
      .request({ method: 'GET', path: target.pathname + target.search, headers, signal })
      .catch((error: unknown) => {
        // Node's connection errors name addresses, or have no message at all if several addresses were tried.
        const isOfConnection = error instanceof Error && 'code' in error && typeof error.code === 'string'
        throw isOfConnection ? new Error('fetch failed', { cause: error }) : error
      })
    if (statusCode !== 200) throw new Error(`the answer has status ${statusCode}`)
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.byteLength
      if (bytes > MAX_BYTES) throw new Error(`the answer is longer than ${MAX_BYTES} bytes`)
      chunks.push(chunk)
    }
    return new Response(Buffer.concat(chunks))
  } finally {
    await client.destroy()
  }
}

/** The error's message, with its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { message, cause } = error
  if (!(cause instanceof Error)) return message
  return `${message}: ${'code' in cause ? String(cause.code) : cause.message}`
}
