/** New credentials for the same store, while connections to it are open: what is rotated must not need a restart. */
import { Cluster } from 'ioredis'
import { StartupError } from '../errors.ts'
import { connect, type RedisClient, type StoreAccess } from './connection.ts'

export interface Credentials {
  readonly username: string | undefined
  readonly password: string | undefined
}

const TRIAL_MS = 2_000
/** What a server answers to whom it does not know, or does not let do anything. */
const REFUSAL = /\b(?:WRONGPASS|NOAUTH|NOPERM)\b.*/

/** What a connection to this URL would identify itself with. */
export function credentialsOf(url: string): Credentials {
  const { username, password } = new URL(url)
  const given = (part: string): string | undefined => (part === '' ? undefined : decodeURIComponent(part))
  return { username: given(username), password: given(password) }
}

/**
 * Rejects with a StartupError where the store refuses them. One that does not answer is believed to take them: calls are
 * refused in any case until it does, and what was changed while it was away would else need somebody to come back.
 */
export async function tryCredentials(url: string, access: StoreAccess = {}): Promise<void> {
  const trial = connect({ ...access, url }, 'decide')
  const error = await new Promise<Error | null>((resolve) => {
    const impatience = setTimeout(resolve, TRIAL_MS, null)
    const over = (failure: Error | null): void => {
      clearTimeout(impatience)
      resolve(failure)
    }
    trial.on('error', over)
    trial.once('ready', () => void trial.ping().then(() => over(null), over))
  })
  trial.disconnect()
  const refusal = REFUSAL.exec(error?.message ?? '')?.[0]
  if (refusal !== undefined)
    throw new StartupError(`redis.url: the store refuses these credentials: ${refusal}`, 1)
}

/** From its next connect on, and at once where it is connected: the store may be about to close what has the ones before. */
export function useCredentials(redis: RedisClient, { username, password }: Credentials): void {
  // The configuration of a cluster has none.
  if (redis instanceof Cluster) return
  Object.assign(redis.options, { username, password })
  if (redis.status !== 'ready' || password === undefined) return
  // One that subscribes is allowed nothing else, and keeps what it has until it connects again.
  if (redis.mode === 'subscriber') return
  const identified = username === undefined ? redis.auth(password) : redis.auth(username, password)
  identified.catch(() => undefined)
}
