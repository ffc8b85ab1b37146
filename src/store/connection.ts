/** Connections to the store. Each purpose has its own, because each must handle failures in its own way. */
import { once } from 'node:events'
import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis'
import { StoreUnavailable, UnsoundBooks } from './unavailable.ts'
import { unbracketed } from '../core/hosts.ts'
import { LastingCluster } from './lasting-cluster.ts'

export type RedisClient = Redis | Cluster

/** Credentials of a connection, beyond those in a URL. */
export interface StoreAccess {
  readonly username?: string
  readonly password?: string
  /** Encrypted; the texts of PEM files. */
  readonly tls?: {
    readonly ca?: string
    readonly cert?: string
    readonly key?: string
    readonly servername?: string
  }
}

/** The store's address: one server by URL or socket, or the seeds of a cluster. */
export type StoreAddress = StoreAccess &
  ({ readonly url: string } | { readonly socketPath: string } | { readonly cluster: readonly string[] })

const COMMAND_TIMEOUT_MS = 2_000

/**
 * The connection for decisions. If a connection drops after a command ran and before its reply came, ioredis by default
 * sends the command again, which would count a charge twice. The first four options turn such an unknown result into a
 * rejection, and the ledger resolves it by asking again with the same hold ids.
 */
const DECISIVE: RedisOptions = {
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  commandTimeout: COMMAND_TIMEOUT_MS,
  connectTimeout: 2_000,
  // A connection without replies may be dead without either end noticing.
  socketTimeout: 5 * COMMAND_TIMEOUT_MS,
  retryStrategy: (attempt) => Math.min(50 * attempt, 1_000),
  // 1 reconnects without sending the command again; 2 would run a script twice.
  reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 1 : false),
  noDelay: true,
  keepAlive: 10_000,
}

/** A connection that only listens: it reconnects for ever by itself, and never runs a script. */
const LISTENING: RedisOptions = {
  ...DECISIVE,
  enableOfflineQueue: true,
  maxRetriesPerRequest: null,
  socketTimeout: undefined,
  autoResubscribe: true,
}

/**
 * A connection that takes jobs from a queue: it waits for the store for ever, and so do its commands. Its commands may
 * run twice and must tolerate that.
 */
const WORKING: RedisOptions = {
  maxRetriesPerRequest: null,
  enableOfflineQueue: true,
  connectTimeout: 2_000,
  retryStrategy: (attempt) => Math.min(50 * attempt, 1_000),
  noDelay: true,
  keepAlive: 10_000,
}

/** `decide` fails fast and never runs a command twice; jobs are also put into a queue with it. */
export type Purpose = 'decide' | 'listen' | 'work'

const OPTIONS: Readonly<Record<Purpose, RedisOptions>> = {
  decide: DECISIVE,
  listen: LISTENING,
  work: WORKING,
}

/** Opens a connection in the background. Errors reach the `error` event and the sender of a command. */
export function connect(address: StoreAddress, purpose: Purpose): RedisClient {
  const options = { ...OPTIONS[purpose], ...accessOf(address) }
  if ('cluster' in address) return connectCluster(address.cluster, purpose, options)
  return connectServer(address, options)
}

function connectServer(
  address: Exclude<StoreAddress, { readonly cluster: unknown }>,
  options: RedisOptions,
): Redis {
  if ('socketPath' in address) return clearTimeoutOnClose(new Redis({ ...options, path: address.socketPath }))
  return clearTimeoutOnClose(new Redis(address.url, options))
}

/**
 * ioredis (5.11) keeps the timer of `socketTimeout` when a connection closes with a command in flight. Without this, it
 * would destroy the next connection, which is healthy, when it fires. Nodes of a cluster are never connected again.
 */
function clearTimeoutOnClose(redis: Redis): Redis {
  redis.on('close', () => {
    const timed = redis as unknown as { socketTimeoutTimer: NodeJS.Timeout | undefined }
    clearTimeout(timed.socketTimeoutTimer)
    timed.socketTimeoutTimer = undefined
  })
  return redis
}

function accessOf({ username, password, tls }: StoreAccess): RedisOptions {
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls !== undefined && { tls }),
  }
}

/**
 * How a cluster's redirections are followed. MOVED, ASK and TRYAGAIN mean that nothing ran, so the same command is sent
 * again, up to 16 times. TRYAGAIN answers a script of several keys while its slot moves; it is retried for about a
 * second.
 */
const REDIRECTIONS: ClusterOptions = {
  // The ready check asks only one master, which may be the one that hangs; the watch checks every server anyway.
  enableReadyCheck: false,
  retryDelayOnTryAgain: 100,
  slotsRefreshTimeout: 500,
  slotsRefreshInterval: 5_000,
  clusterRetryStrategy: (attempt) => Math.min(50 * attempt, 1_000),
}

/**
 * By default a cluster's connection resends a command whose connection closed, to any node, although it may have run.
 * The ledger handles that itself, as on a single server. A cluster that is down fails at once.
 */
const DECISIVE_REDIRECTIONS: ClusterOptions = {
  ...REDIRECTIONS,
  retryDelayOnFailover: 0,
  retryDelayOnClusterDown: 0,
}

function connectCluster(seeds: readonly string[], purpose: Purpose, redisOptions: RedisOptions): Cluster {
  const cluster = new LastingCluster(seeds.map(parseHostPort), {
    ...(purpose === 'decide' ? DECISIVE_REDIRECTIONS : REDIRECTIONS),
    redisOptions,
    // By default ioredis connects to the seeds' IP addresses, for which certificates are not valid.
    ...(redisOptions.tls !== undefined && { dnsLookup: (host, found) => found(null, host) }),
    enableOfflineQueue: redisOptions.enableOfflineQueue ?? false,
  })
  if (purpose === 'decide') connectEarly(cluster)
  return cluster
}

/**
 * ioredis connects to a node with the first command, and refuses further commands until it is connected. A replica that
 * becomes a master must be connected by then.
 */
function connectEarly(cluster: Cluster): void {
  const connectNode = (node: Redis): void => {
    if (node.status === 'wait' && cluster.status === 'ready') node.connect().catch(() => undefined)
  }
  cluster.on('ready', () => cluster.nodes('all').forEach(connectNode))
  cluster.on('+node', (node: Redis) => setImmediate(connectNode, node))
}

function parseHostPort(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':')
  return { host: unbracketed(text.slice(0, colon)), port: Number(text.slice(colon + 1)) }
}

/**
 * Asks one server, the next of a cluster's seeds at each attempt, on a connection of its own. Returns the error that
 * prevents a connection, which the other connections do not report while they retry; null if the server answers.
 */
export async function whatIsInTheWay(address: StoreAddress, attempt: number): Promise<Error | null> {
  const options: RedisOptions = {
    ...DECISIVE,
    ...accessOf(address),
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: null,
  }
  const redis =
    'cluster' in address
      ? new Redis({ ...options, ...parseHostPort(address.cluster[attempt % address.cluster.length] ?? '') })
      : connectServer(address, options)
  const reasons: Error[] = []
  redis.on('error', (error: Error) => reasons.push(error))
  try {
    await redis.connect()
    await redis.ping()
    // ioredis sends this before a connection is ready.
    await redis.info('server')
    return null
  } catch (error) {
    return reasons[0] ?? (error instanceof Error ? error : new Error(String(error)))
  } finally {
    redis.disconnect()
  }
}

/**
 * Asks for something that any server knows: the only server, or all masters of a cluster, whose first answer counts.
 */
export function askAny<T>(redis: RedisClient, ask: (server: Redis) => Promise<T>): Promise<T> {
  return redis instanceof Cluster ? Promise.any(redis.nodes('master').map(ask)) : ask(redis)
}

/** Resolves when the connection is ready (again), or after `ms` at the latest. */
export async function reconnected(redis: RedisClient, ms: number): Promise<void> {
  if (redis.status === 'ready') return
  await once(redis, 'ready', { signal: AbortSignal.timeout(ms) }).catch(() => undefined)
}

/**
 * Runs a store operation. Every error becomes StoreUnavailable, except UnsoundBooks: counters that do not add up are
 * not a fault of the connection.
 */
export async function storeCall<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation()
  } catch (error) {
    if (error instanceof UnsoundBooks) throw error
    throw new StoreUnavailable(error instanceof Error ? error.message : String(error), { cause: error })
  }
}
