/** Opens the configured store, and refuses one that cannot hold the ledger. */
import { setTimeout as pause } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { StartupError } from '../errors.ts'
import {
  connect,
  reconnected,
  whatIsInTheWay,
  type Purpose,
  type RedisClient,
  type StoreAddress,
} from './connection.ts'
import { credentialsOf, tryCredentials, useCredentials } from './credentials.ts'
import { startEmbeddedRedis, type EmbeddedRedis } from './embedded-redis.ts'
import { accessFault, remoteAddress } from './access.ts'
import { checkServer, unlike } from './server-check.ts'
import { createStoreWatch, type StoreWatch } from './watch.ts'

export interface Store {
  /** The connection for decisions. */
  readonly redis: RedisClient
  /** The connection that only listens. */
  readonly listener: RedisClient
  /** Knows whether the store answers. */
  readonly watch: StoreWatch
  /** Opens one more connection, which `stop` closes with the others. */
  open(purpose: Purpose): RedisClient
  /**
   * Asks the store whether it accepts another configuration's credentials. Rejects with a StartupError if it refuses
   * them; nothing changes until `use`.
   */
  prepare(config: Config['redis']): Promise<NextCredentials>
  /** Closes the connections, and the embedded server last. */
  stop(): Promise<void>
}

export interface NextCredentials {
  /** Opens a connection with the new credentials. */
  readonly open: Store['open']
  /** Applies the credentials to open and to later connections. */
  use(): void
}

const WAIT_MS = 30_000
const POLL_MS = 100
const CONNECT_MS = 1_000

function describe(redis: Config['redis']): string {
  if (redis.embedded !== undefined) return `the embedded Redis in ${redis.embedded}`
  if (redis.cluster !== undefined) return `the Redis Cluster at ${redis.cluster.join(', ')}`
  // Messages must not contain the password that a URL may hold.
  return `the Redis at ${(redis.url ?? '').replace(/\?.*$/, '').replace(/\/\/.*@/, '//***@')}`
}

async function addressOf(
  redis: Config['redis'],
  logger: Logger,
  runningSocket: string | undefined,
): Promise<{ address: StoreAddress; embedded: EmbeddedRedis | null }> {
  if (runningSocket !== undefined) return { address: { socketPath: runningSocket }, embedded: null }
  if (redis.embedded !== undefined) {
    const embedded = await startEmbeddedRedis(redis.embedded, { log: (message) => logger.warn(message) })
    return { address: { socketPath: embedded.socketPath }, embedded }
  }
  const address = remoteAddress(redis)
  if (address === null) throw new Error('a store has a place')
  return { address, embedded: null }
}

async function waitUntilReady(
  redis: RedisClient,
  { config, address, what }: { config: Config['redis']; address: StoreAddress; what: string },
): Promise<void> {
  const deadline = Date.now() + WAIT_MS
  let reason = 'it did not answer'
  for (let attempt = 0; Date.now() < deadline; attempt += 1) {
    // The connection refuses commands until it is connected, even if the server is fine. An error ends this wait.
    await reconnected(redis, CONNECT_MS)
    try {
      await redis.ping()
      return
    } catch (error) {
      const cause = (await whatIsInTheWay(address, attempt)) ?? error
      reason = cause instanceof Error ? cause.message : String(cause)
      const fault = cause instanceof Error ? accessFault(cause, config, what) : null
      if (fault !== null) throw fault
      if (reason.startsWith('ERR unknown command')) throw unlike(what, cause)
    }
    await pause(POLL_MS)
  }
  throw new StartupError(`redis: ${what} cannot be reached within 30 s: ${reason}`, 2)
}

function createConnections(first: StoreAddress, logger: Logger) {
  let address = first
  const all = new Set<RedisClient>()
  function openAt(at: StoreAddress, purpose: Purpose): RedisClient {
    const connection = connect(at, purpose)
    connection.on('error', (error: Error) => logger.debug({ reason: error.message }, 'store connection'))
    connection.once('end', () => all.delete(connection))
    all.add(connection)
    return connection
  }
  return {
    open: (purpose: Purpose) => openAt(address, purpose),
    prepare: async (redis: Config['redis']): Promise<NextCredentials> => {
      const next = remoteAddress(redis) ?? address
      const isSame = isDeepStrictEqual(credentialsOf(next), credentialsOf(address))
      if (!isSame) await tryCredentials(redis)
      return {
        open: (purpose) => openAt(isSame ? address : next, purpose),
        use() {
          if (isSame) return
          address = next
          for (const connection of all) useCredentials(connection, credentialsOf(next))
        },
      }
    },
    close() {
      for (const connection of all) connection.disconnect()
    },
  }
}

/**
 * Rejects with a StartupError if the store cannot be reached within 30 s or is too old (exit code 2), or if it refuses
 * the configured user, password or certificates (1). `runningSocket` is the socket of an embedded server that another
 * process runs already.
 */
export async function openStore(
  config: Config['redis'],
  logger: Logger,
  options: {
    readonly runningSocket?: string
    /** Called when the store, or a server of it, stops answering or answers again. */
    readonly onTransition?: (to: 'up' | 'down') => void
  } = {},
): Promise<Store> {
  const what = describe(config)
  const { address, embedded } = await addressOf(config, logger, options.runningSocket)
  const connections = createConnections(address, logger)
  const redis = connections.open('decide')
  const listener = connections.open('listen')
  async function stop(): Promise<void> {
    connections.close()
    await embedded?.stop()
  }
  try {
    await waitUntilReady(redis, { config, address, what })
    await checkServer(redis, config, what, logger)
  } catch (error) {
    await stop()
    throw error
  }
  const watch = createStoreWatch({ redis, logger, ...options })
  return {
    redis,
    listener,
    watch,
    open: connections.open,
    prepare: connections.prepare,
    stop: () => {
      watch.close()
      return stop()
    },
  }
}
