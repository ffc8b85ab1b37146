/**
 * Looks up virtual keys, at most once a minute each, and drops a revoked one within a second.
 *
 * The cache holds a key's owner and permissions. What must be current at the very next call (membership, limits) is
 * read by the scripts.
 */
import { isWellFormedKey } from '../core/virtual-key.ts'
import { storeCall, type RedisClient } from '../store/connection.ts'
import { hashKey, parseIdentity, type KeyIdentity } from '../directory/virtual-keys.ts'
import { listenForInvalidations } from './invalidations.ts'
import * as keys from '../store/keys.ts'
import { createLookupBudget, type LookupBudget } from './lookup-budget.ts'
import { NO_PATIENCE, patiently, type Patience } from '../store/patience.ts'
import { mayPass } from '../store/faults.ts'
import { createLru, type Lru } from '../core/lru.ts'
import { UNWATCHED, type StoreWatch } from '../store/watch.ts'

export type { KeyIdentity } from '../directory/virtual-keys.ts'

export interface KeyCache {
  /**
   * The identity of a key; null for a malformed, unknown or revoked one. Rejects with StoreUnavailable if it is not
   * cached and the store cannot be asked within the patience (D1). Rejects with TooManyLookups if too many unknown keys
   * are being looked up. Failures are not cached. A key that was known here before never waits behind guesses, and
   * stays known while the store is down.
   */
  lookup(key: string): KeyIdentity | null | Promise<KeyIdentity | null>
  /** Stops listening; the connections stay open and belong to the caller. */
  close(): Promise<void>
}

export interface KeyCacheOptions {
  readonly redis: RedisClient
  /** A connection of its own, made to listen. */
  readonly listener: RedisClient
  /** Knows whether the store answers; absent: each failure is handled on its own. */
  readonly watch?: StoreWatch
  /** How long a look-up waits for a store that does not answer; absent: it does not wait. */
  readonly patience?: Patience
  /** Unix ms, of this process: only differences matter. */
  readonly now: () => number
  readonly limits?: { readonly known: number; readonly unknown: number }
  readonly budget?: LookupBudget
  /** How often it checks that it still receives revocations. */
  readonly beatMs?: number
}

interface Entry {
  readonly identity: KeyIdentity | null
  readonly loadedAt: number
  /** How often revocations may have been missed before this entry was loaded. */
  readonly misses: number
}

interface Loading {
  readonly promise: Promise<KeyIdentity | null>
  readonly look: Look
}

interface Look {
  /** Counts the revocations that arrived while the reply was in flight: the reply may be older than they are. */
  revocations: number
}

const LIFE_MS = 60_000
/**
 * The maximum age of an entry while revocations are not received: this is how long a revoked key may keep working then.
 */
const DEAF_LIFE_MS = 1_000
const LIMITS = { known: 100_000, unknown: 10_000 }
/** How often a look-up is made at most while revocations overtake it. The last reply is used, but not cached. */
const MOST_LOOKS = 3

export function createKeyCache(options: KeyCacheOptions): KeyCache {
  const { redis, watch = UNWATCHED, patience = NO_PATIENCE, now, limits = LIMITS } = options
  const { listener, budget = createLookupBudget() } = options
  const entries = createEntries(limits)
  const loading = new Map<string, Loading>()
  let misses = 0

  const invalidations = listenForInvalidations({
    redis,
    listener,
    onInvalidated: (sha256) => {
      if (sha256 === '*') doubtAll()
      if (sha256 === '*') entries.clear()
      else entries.delete(sha256)
      const running = loading.get(sha256)
      if (running !== undefined) running.look.revocations += 1
    },
    onMissed: doubtAll,
    ...(options.beatMs !== undefined && { beatMs: options.beatMs }),
  })

  /** Makes every entry due for a new look-up. Known keys stay valid until the store answers. */
  function doubtAll(): void {
    misses += 1
    for (const { look } of loading.values()) look.revocations += 1
  }

  const isFresh = (entry: Entry): boolean =>
    entry.misses === misses && now() - entry.loadedAt < (invalidations.hearing() ? LIFE_MS : DEAF_LIFE_MS)

  async function load(sha256: string, look: Look, wait: Patience): Promise<KeyIdentity | null> {
    for (let looks = 1; ; looks += 1) {
      const { revocations } = look
      const loadedAt = now()
      const identity = await find(redis, watch, sha256, wait)
      const overtaken = look.revocations !== revocations
      if (!overtaken) entries.set(sha256, { identity, loadedAt, misses })
      if (!overtaken || looks === MOST_LOOKS) return identity
    }
  }

  function startLoading(sha256: string, known: KeyIdentity | null): Promise<KeyIdentity | null> {
    const look: Look = { revocations: 0 }
    const loaded =
      known === null
        ? budget.lookUp(() => load(sha256, look, patience))
        : load(sha256, look, NO_PATIENCE).catch((error: unknown) => orKnown(entries.get(sha256), error))
    const promise = loaded.finally(() => loading.delete(sha256))
    loading.set(sha256, { promise, look })
    return promise
  }

  return {
    lookup: (key) => {
      const sha256 = hashKey(key)
      const entry = entries.get(sha256)
      if (entry !== undefined && isFresh(entry)) return entry.identity
      if (!isWellFormedKey(key)) return null
      const known = entry?.identity ?? null
      if (known !== null && watch.isDown(keys.virtualKey(sha256))) return known
      return loading.get(sha256)?.promise ?? startLoading(sha256, known)
    },
    close: () => invalidations.close(),
  }
}

async function find(
  redis: RedisClient,
  watch: StoreWatch,
  sha256: string,
  wait: Patience,
): Promise<KeyIdentity | null> {
  const name = keys.virtualKey(sha256)
  return parseIdentity(await storeCall(() => patiently(wait, watch, name, () => redis.hgetall(name))))
}

/** A known key stays known while the store does not answer, unless it was revoked meanwhile. */
function orKnown(entry: Entry | undefined, error: unknown): KeyIdentity {
  if (entry === undefined || entry.identity === null || !mayPass(error)) throw error
  return entry.identity
}

/**
 * Known and unknown keys are cached separately, so that a flood of invented keys cannot evict real ones. Entries are
 * stored by hash: no key stays in memory.
 */
function createEntries(limits: { readonly known: number; readonly unknown: number }): Lru<Entry> {
  const known = createLru<Entry>(limits.known)
  const unknown = createLru<Entry>(limits.unknown)
  return {
    get: (sha256) => known.get(sha256) ?? unknown.get(sha256),
    set: (sha256, entry) => {
      const [kept, other] = entry.identity === null ? [unknown, known] : [known, unknown]
      kept.set(sha256, entry)
      other.delete(sha256)
    },
    delete: (sha256) => {
      known.delete(sha256)
      unknown.delete(sha256)
    },
    clear: () => {
      known.clear()
      unknown.clear()
    },
  }
}
