/**
 * Whether the store answers, known before a call asks (D1).
 *
 * Every server is asked for a sign of life a few times a second. One that gives none for as long as a call may be kept
 * waiting counts as down: who waits for it is told at once, and who comes is not kept, until it answers again. So a store
 * that hangs costs a few calls a fraction of a second, and the others nothing. A server that gives signs of life and
 * refuses what matters (a replica, a full disk) is found by a call that failed twice, and asked by a write from then on.
 */
import { Cluster } from 'ioredis'
import type { Logger } from 'pino'
import { slotOf } from './cluster-slot.ts'
import type { RedisClient } from './connection.ts'
import * as keys from './keys.ts'
import { StoreUnavailable } from './ledger.ts'
import { NodeWatch } from './node-watch.ts'
import { isNoConnection, NeverSent, storeFault } from './store-faults.ts'

export interface StoreWatch {
  /** Whether the server is down that has the keys of this hash tag: an organization's id, or a whole key without a tag. */
  isDown(tag: string): boolean
  /** Whether every server of the store answers. */
  isUp(): boolean
  /** Runs an operation on keys of this tag; rejects with StoreUnavailable as soon as their server counts as down. */
  guard<T>(tag: string, operation: () => Promise<T>): Promise<T>
  /** An operation on an organization's keys failed for good. */
  failed(org: string, error: unknown): void
  close(): void
}

export interface StoreWatchOptions {
  readonly redis: RedisClient
  readonly logger: Logger
  /** Called on each transition of a server. */
  readonly onTransition?: (to: 'up' | 'down') => void
}

/** A server that stops is found within two ticks and the silence: 300 ms. */
const TICK_MS = 40
const SILENCE_MS = 220
/** The only server of a store that is no cluster. */
const SINGLE = ''
const PROBE_LIFE_MS = 1_000
/** While a server of a cluster is down, somebody else may have been put in its place. */
const REFRESH_TICKS = 5

/** For a ledger that takes every failure as it comes. */
export const UNWATCHED: StoreWatch = {
  isDown: () => false,
  isUp: () => true,
  guard: (_tag, operation) => operation(),
  failed: () => undefined,
  close: () => undefined,
}

function watchNode(
  { redis, logger, onTransition }: StoreWatchOptions,
  name: string,
  whyNot: () => string,
): NodeWatch {
  return new NodeWatch({
    silenceMs: SILENCE_MS,
    ping: () => pingOf(redis, name),
    probe: (org) => redis.set(keys.probe(org), '1', 'PX', PROBE_LIFE_MS),
    onDown: (found) => {
      const reason = isNoConnection(found) ? whyNot() : found
      logger.error({ reason, ...(name !== SINGLE && { node: name }) }, 'the credit store does not answer')
      onTransition?.('down')
    },
    onUp: (downMs) => {
      logger.warn({ downMs, ...(name !== SINGLE && { node: name }) }, 'the credit store answers again')
      onTransition?.('up')
    },
  })
}

export function createStoreWatch(options: StoreWatchOptions): StoreWatch {
  const { redis } = options
  const nodes = new Map<string, NodeWatch>()
  const whyNot = connectionTrouble(redis)
  let ticks = 0

  function nodeOf(tag: string): NodeWatch | undefined {
    if (!(redis instanceof Cluster)) return nodes.get(SINGLE)
    const name = redis.slots[slotOf(tag)]?.[0]
    return name === undefined ? undefined : nodes.get(name)
  }

  function tick(): void {
    ticks += 1
    if (redis instanceof Cluster) {
      for (const name of masters(redis))
        if (!nodes.has(name)) nodes.set(name, watchNode(options, name, whyNot))
      if (ticks % REFRESH_TICKS === 0 && !isUp()) redis.refreshSlotsCache()
    }
    for (const node of nodes.values()) node.ask()
    // What arrived while this process was busy is read before a server is judged as silent.
    setImmediate(() => {
      for (const node of nodes.values()) node.judge()
    })
  }

  const isUp = (): boolean => [...nodes.values()].every((node) => !node.isDown)
  const pruned = (): void => prune(redis, nodes)

  if (redis instanceof Cluster) redis.on('refresh', pruned)
  else nodes.set(SINGLE, watchNode(options, SINGLE, whyNot))
  const timer = setInterval(tick, TICK_MS).unref()

  return {
    isDown: (tag) => nodeOf(tag)?.isDown ?? false,
    isUp,
    guard: (tag, operation) => {
      const node = nodeOf(tag)
      if (node === undefined) return operation()
      if (node.isDown) return Promise.reject(new NeverSent(node.reason))
      return new Promise((resolve, reject) => {
        const giveUp = (reason: string): void => reject(new StoreUnavailable(reason))
        node.waiting.add(giveUp)
        operation()
          .finally(() => node.waiting.delete(giveUp))
          .then(resolve, reject)
      })
    },
    failed: (org, error) => {
      const reason = storeFault(error)
      if (reason !== null) nodeOf(org)?.refused(reason, org)
    },
    close: () => {
      clearInterval(timer)
      redis.off('refresh', pruned)
    },
  }
}

/** Why there is no connection (nobody listens, another password): commands are told only that there is none. */
function connectionTrouble(redis: RedisClient): () => string {
  const unknown = 'no connection'
  let trouble = unknown
  redis.on('error', (error: Error) => (trouble = error.message)).on('ready', () => (trouble = unknown))
  return () => trouble
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

/** Servers that no slot belongs to any more are nobody's trouble. */
function prune(redis: RedisClient, nodes: Map<string, NodeWatch>): void {
  if (!(redis instanceof Cluster)) return
  const owners = new Set(redis.slots.map((slot) => slot[0]))
  for (const [name, node] of nodes) {
    if (owners.has(name)) continue
    nodes.delete(name)
    node.leave()
  }
}
