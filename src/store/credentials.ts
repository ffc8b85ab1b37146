/** New credentials for the same store, while connections to it are open: what is rotated must not need a restart. */
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
/** What a server answers to whom it does not know, or does not let do anything. */
const REFUSAL = /\b(?:WRONGPASS|NOAUTH|NOPERM)\b.*/

/** What a connection to this address identifies itself with. */
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
 * Rejects with a StartupError where the store, or a node of a cluster that the configuration names, refuses them. One that
 * does not answer is believed to take them: calls are refused in any case until it does, and what was changed while it was
 * away would else need somebody to come back.
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

/** From its next connect on, and at once where it is connected: the store may be about to close what has the ones before. */
export function useCredentials(redis: RedisClient, credentials: Credentials): void {
  if (redis instanceof Cluster) {
    // Nodes that it meets from now on are made from these.
    Object.assign(redis.options.redisOptions ?? {}, credentials)
    for (const node of redis.nodes('all')) useCredentials(node, credentials)
    return
  }
  const { username, password } = credentials
  Object.assign(redis.options, { username, password })
  if (redis.status !== 'ready' || password === undefined) return
  // One that subscribes is allowed nothing else, and keeps what it has until it connects again.
  if (redis.mode === 'subscriber') return
  const identified = username === undefined ? redis.auth(password) : redis.auth(username, password)
  identified.catch(() => undefined)
}
