/** Applies new credentials to open connections of the same store, so that rotating them needs no restart. */
import { setTimeout as pause } from 'node:timers/promises'
import { Cluster } from 'ioredis'
import { hasCredentials } from '../config/urls.ts'
import type { RedisConfig } from '../config.ts'
import { StartupError } from '../errors.ts'
import { whatIsInTheWay, type RedisClient, type StoreAddress } from './connection.ts'
import { remoteAddress, secretKey } from './access.ts'

interface Credentials {
  readonly username: string | undefined
  readonly password: string | undefined
}

const TRIAL_MS = 2_000
/** Replies to wrong credentials or missing permissions. */
const REFUSAL = /\b(?:WRONGPASS|NOAUTH|NOPERM)\b.*/

/** The credentials of connections to this address. */
export function credentialsOf(address: StoreAddress): Credentials {
  if (!('url' in address) || !hasCredentials(address.url)) {
    const { username, password } = address
    return { username, password }
  }
  const { username, password } = new URL(address.url)
  const given = (part: string): string | undefined => (part === '' ? undefined : decodeURIComponent(part))
  return { username: given(username), password: given(password) }
}

/**
 * Rejects with a StartupError if the store, or a cluster node that the configuration names, refuses the credentials. A
 * server that does not answer is assumed to accept them. Calls are refused in any case until it answers, and rejecting
 * would make the operator apply the change again later.
 */
export async function tryCredentials(redis: RedisConfig): Promise<void> {
  const address = remoteAddress(redis)
  if (address === null) return
  const answers: (Error | null)[] = []
  const asked = Array.from({ length: redis.cluster?.length ?? 1 }, async (_, seed) => {
    answers.push(await whatIsInTheWay(address, seed))
  })
  await Promise.race([Promise.all(asked), pause(TRIAL_MS, null, { ref: false })])
  const refusal = answers
    .map((error) => REFUSAL.exec(error?.message ?? '')?.[0])
    .find((text) => text !== undefined)
  if (refusal === undefined) return
  throw new StartupError(`redis.${secretKey(redis)}: the store refuses these credentials: ${refusal}`, 1)
}

/**
 * Uses the credentials from the next connect on, and at once if it is connected: the store may be about to close
 * connections with the old ones.
 */
export function useCredentials(redis: RedisClient, credentials: Credentials): void {
  if (redis instanceof Cluster) {
    // Later nodes are connected with these options.
    Object.assign(redis.options.redisOptions ?? {}, credentials)
    for (const node of redis.nodes('all')) useCredentials(node, credentials)
    return
  }
  const { username, password } = credentials
  Object.assign(redis.options, { username, password })
  if (redis.status !== 'ready' || password === undefined) return
  // A subscribed connection may not send AUTH, and keeps its credentials until it reconnects.
  if (redis.mode === 'subscriber') return
  const identified = username === undefined ? redis.auth(password) : redis.auth(username, password)
  identified.catch(() => undefined)
}
