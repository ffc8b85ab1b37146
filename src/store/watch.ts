/**
 * Knows whether the store answers before a call asks it (D1).
 *
 * Every server is pinged many times a second. A server that does not respond for 220 ms counts as down, and nothing
 * more is sent to it until it answers again: calls wait for that (patience.ts), and background work fails at once. A
 * server that answers pings but refuses commands (a replica, a full disk) is detected by a call that failed twice. From
 * then on it is tested by a write.
 */
import { Cluster } from 'ioredis'
import type { Logger } from 'pino'
import { StoreUnavailable } from './unavailable.ts'
import { slotOf } from './cluster-slot.ts'
import type { RedisClient } from './connection.ts'
import * as keys from './keys.ts'
import { NodeWatch } from './node-watch.ts'
import { isNoConnection, NeverSent, refusesUs, storeFault } from './faults.ts'

export interface StoreWatch {
  /**
   * Whether the server with the keys of this hash tag is down. The tag is an organization's id, or a whole key without
   * a tag.
   */
  isDown(tag: string): boolean
  /** Whether every server of the store answers. */
  isUp(): boolean
  /** How long the server of this tag has been down, in ms; 0 while it is up. */
  downMs(tag: string): number
  /** How long no server of the store has responded, in ms; 0 while one does. */
  silentMs(): number
  /** The server's message if it refuses this gateway's credentials or permissions; null otherwise. */
  refusal(tag: string): string | null
  /** Resolves when the server of this tag answers again, or no longer serves keys; at once if it is up. */
  back(tag: string): Promise<void>
  /** Calls `look` when a server goes down, and on every tick while one is down. Returns a function that ends this. */
  whileDown(look: () => void): () => void
  /** Runs an operation on keys of this tag; rejects with StoreUnavailable as soon as their server counts as down. */
  guard<T>(tag: string, operation: () => Promise<T>): Promise<T>
  /** Reports that an operation on an organization's keys failed although it was retried. */
  failed(org: string, error: unknown): void
  close(): void
}

export interface StoreWatchOptions {
  readonly redis: RedisClient
  readonly logger: Logger
  /** Called on each transition of a server. */
  readonly onTransition?: (to: 'up' | 'down') => void
}

/** A server that stops is detected within two ticks and the silence: 300 ms. */
const TICK_MS = 40
const SILENCE_MS = 220
/** Name of the only server of a store that is not a cluster. */
const SINGLE = ''
const PROBE_LIFE_MS = 1_000
const REASON_MS = 1_000
/** While a server of a cluster is down, another may have replaced it. */
const REFRESH_TICKS = 5

/** A watch for a ledger that handles each failure on its own. */
export const UNWATCHED: StoreWatch = {
  isDown: () => false,
  isUp: () => true,
  downMs: () => 0,
  silentMs: () => 0,
  refusal: () => null,
  back: () => Promise.resolve(),
  whileDown: () => () => undefined,
  guard: (_tag, operation) => operation(),
  failed: () => undefined,
  close: () => undefined,
}

function watchNode(
  { redis, logger, onTransition }: StoreWatchOptions,
  name: string,
  { troubles, wentDown }: { readonly troubles: ConnectionTroubles; readonly wentDown: () => void },
): NodeWatch {
  return new NodeWatch({
    name,
    silenceMs: SILENCE_MS,
    ping: () => pingOf(redis, name),
    onAnswer: () => troubles.end(name),
    probe: (org) => redis.set(keys.probe(org), '1', 'PX', PROBE_LIFE_MS),
    onDown: (found) => {
      const log = (reason: string): void =>
        logger.error({ reason, ...(name !== SINGLE && { node: name }) }, 'the credit store does not answer')
      if (isNoConnection(found)) troubles.whenKnown(name, log)
      else log(found)
      onTransition?.('down')
      wentDown()
    },
    onUp: (downMs) => {
      troubles.end(name)
      logger.warn({ downMs, ...(name !== SINGLE && { node: name }) }, 'the credit store answers again')
      onTransition?.('up')
    },
  })
}

/**
 * The servers of the store, each with its watch. `look` is called when one goes down, and after each round of pings
 * while one is down.
 */
function watchNodes(options: StoreWatchOptions, troubles: ConnectionTroubles, look: () => void) {
  const { redis } = options
  const nodes = new Map<string, NodeWatch>()
  // A server is marked down in the middle of a failing call, so `look` runs after that call's code.
  const parts = { troubles, wentDown: () => queueMicrotask(look) }
  let ticks = 0

  const isUp = (): boolean => [...nodes.values()].every((node) => !node.isDown)

  function tick(): void {
    ticks += 1
    if (redis instanceof Cluster) {
      for (const name of masters(redis))
        if (!nodes.has(name)) nodes.set(name, watchNode(options, name, parts))
      if (ticks % REFRESH_TICKS === 0 && !isUp()) redis.refreshSlotsCache()
    }
    for (const node of nodes.values()) node.ask()
    // Replies that arrived while this process was busy are read before a server is judged as silent.
    setImmediate(() => {
      for (const node of nodes.values()) node.judge()
      if (!isUp()) look()
    })
  }

  const pruned = (): void => prune(redis, nodes)
  if (redis instanceof Cluster) redis.on('refresh', pruned)
  else nodes.set(SINGLE, watchNode(options, SINGLE, parts))
  const timer = setInterval(tick, TICK_MS).unref()

  return {
    isUp,
    all: () => [...nodes.values()],
    of(tag: string): NodeWatch | undefined {
      if (!(redis instanceof Cluster)) return nodes.get(SINGLE)
      const name = redis.slots[slotOf(tag)]?.[0]
      return name === undefined ? undefined : nodes.get(name)
    },
    close: () => {
      clearInterval(timer)
      redis.off('refresh', pruned)
    },
  }
}

export function createStoreWatch(options: StoreWatchOptions): StoreWatch {
  const lookers = new Set<() => void>()
  const troubles = new ConnectionTroubles(options.redis)
  const nodes = watchNodes(options, troubles, () => {
    for (const look of lookers) look()
  })

  return {
    isDown: (tag) => nodes.of(tag)?.isDown ?? false,
    isUp: nodes.isUp,
    downMs: (tag) => nodes.of(tag)?.downMs ?? 0,
    silentMs: () => {
      const silences = nodes.all().map(({ silentMs }) => silentMs)
      return silences.length === 0 ? 0 : Math.min(...silences)
    },
    refusal: (tag) => {
      const node = nodes.of(tag)
      if (node === undefined || !node.isDown) return null
      const reason = isNoConnection(node.lastError) ? troubles.of(node.name) : node.lastError
      return refusesUs(reason) ? reason : null
    },
    back: (tag) => {
      const node = nodes.of(tag)
      if (node === undefined || !node.isDown) return Promise.resolve()
      return new Promise((resolve) => node.waitingForReturn.add(resolve))
    },
    whileDown: (look) => {
      lookers.add(look)
      return () => void lookers.delete(look)
    },
    guard: (tag, operation) => guarded(nodes.of(tag), operation),
    failed: (org, error) => {
      const reason = storeFault(error)
      if (reason !== null) nodes.of(org)?.refused(reason, isNoConnection(reason) ? null : org)
    },
    close: nodes.close,
  }
}

function guarded<T>(node: NodeWatch | undefined, operation: () => Promise<T>): Promise<T> {
  if (node === undefined) return operation()
  if (node.isDown) return Promise.reject(new NeverSent(node.reason))
  return new Promise((resolve, reject) => {
    const giveUp = (reason: string): void => reject(new StoreUnavailable(reason))
    node.waiting.add(giveUp)
    operation()
      .finally(() => node.waiting.delete(giveUp))
      .then(resolve, reject)
  })
}

/**
 * The reason why there is no connection to a server (nothing listens, another password). Commands only report that
 * there is none.
 */
class ConnectionTroubles {
  readonly #found = new Map<string, string>()
  /** By server: who waits for its reason. */
  readonly #waiting = new Map<string, () => void>()

  constructor(redis: RedisClient) {
    if (redis instanceof Cluster)
      redis.on('node error', ({ message }: Error, name: string) => this.#add(name, message))
    else redis.on('error', ({ message }: Error) => this.#add(SINGLE, message))
  }

  of(name: string): string {
    return this.#found.get(name) ?? 'no connection'
  }

  /**
   * Calls `tell` with the reason, once: at once if it is known. On a busy machine a server is found to be down before the
   * next connection has failed; then it is told when it is known, when the server answers, or after a second.
   */
  whenKnown(name: string, tell: (reason: string) => void): void {
    if (this.#found.has(name)) {
      tell(this.of(name))
      return
    }
    const done = (): void => {
      clearTimeout(timer)
      this.#waiting.delete(name)
      tell(this.of(name))
    }
    const timer = setTimeout(done, REASON_MS).unref()
    this.#waiting.set(name, done)
  }

  /**
   * The server has answered. A cluster that is ready may still lack a server, whose reason is kept until it answers.
   */
  end(name: string): void {
    this.#waiting.get(name)?.()
    this.#found.delete(name)
  }

  /**
   * After a server refuses a password, commands fail on a connection that it has closed: the refusal stays the reason.
   */
  #add(name: string, message: string): void {
    if (isNoConnection(message) && this.#found.has(name)) return
    this.#found.set(name, message)
    if (!isNoConnection(message)) this.#waiting.get(name)?.()
  }
}

function masters(cluster: Cluster): string[] {
  return cluster.nodes('master').map(({ options }) => `${options.host ?? ''}:${options.port ?? ''}`)
}

function pingOf(redis: RedisClient, name: string): Promise<unknown> {
  if (!(redis instanceof Cluster)) return redis.ping()
  const node = redis
    .nodes('master')
    .find(({ options }) => `${options.host ?? ''}:${options.port ?? ''}` === name)
  return node === undefined ? Promise.reject(new Error('Connection is closed.')) : node.ping()
}

/** Drops the watches of servers that no longer own a slot. */
function prune(redis: RedisClient, nodes: Map<string, NodeWatch>): void {
  if (!(redis instanceof Cluster)) return
  const owners = new Set(redis.slots.map((slot) => slot[0]))
  for (const [name, node] of nodes) {
    if (owners.has(name)) continue
    nodes.delete(name)
    node.leave()
  }
}
