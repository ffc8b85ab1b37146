/**
 * Guessing is slow: who fails to authenticate too often is not asked for credentials any more until the window ends.
 *
 * Three rules keep that from hurting anybody else. A credential that was right once passes without being counted or
 * delayed, also from an address that is turned away. One address cannot use up what others may try: when all addresses
 * together failed too often, only those that failed themselves are turned away. And attempts of one address are looked at
 * one after the other, so that a thousand guesses at once are no more than one at a time.
 */
import { createHash } from 'node:crypto'
import ipaddr from 'ipaddr.js'
import { createLru } from '../core/lru.ts'

export interface ThrottleLimits {
  /** Failures of one address in a window. */
  readonly perAddress: number
  /** Failures of all addresses together in a window. */
  readonly overall: number
  readonly windowMs: number
}

/** Counts a failure in the store, for all gateways. Rejects when the store does. */
export type CountFailure = (subject: string) => Promise<FailureCount>

export interface FailureCount {
  readonly failures: number
  /** Until the window ends. */
  readonly resetMs: number
}

export type Attempt<T> =
  | { readonly status: 'passed'; readonly value: T }
  | { readonly status: 'failed' }
  | { readonly status: 'throttled'; readonly retryAfterSeconds: number }

export interface Throttle {
  /** Runs `check`, which resolves to null for wrong credentials, unless the address has failed too often. */
  attempt<T>(address: string, credential: string, check: () => Promise<T | null>): Promise<Attempt<T>>
}

export interface ThrottleOptions {
  readonly count: CountFailure
  readonly limits?: ThrottleLimits
  /** Milliseconds of any clock that only goes forward. */
  readonly now?: () => number
}

export const THROTTLE_LIMITS: ThrottleLimits = { perAddress: 20, overall: 500, windowMs: 600_000 }
const ALL = 'all'
const MOST_ADDRESSES = 10_000
const MOST_PROVEN = 10_000
/** Of an IPv6 address, what its owner was given: the rest can be chosen freely. */
const IPV6_NETWORK_PARTS = 4

interface Seen {
  readonly failures: number
  readonly until: number
}

export function createThrottle({
  count,
  limits = THROTTLE_LIMITS,
  now = () => performance.now(),
}: ThrottleOptions): Throttle {
  // What the store said last, and all there is to go by where it does not answer.
  const seen = createLru<Seen>(MOST_ADDRESSES)
  const proven = createLru<true>(MOST_PROVEN)
  const inTurn = createTurns()

  const current = (subject: string): Seen | null => {
    const found = seen.get(subject)
    return found !== undefined && now() < found.until ? found : null
  }
  const throttledUntil = (subject: string): number | null => {
    const own = current(subject)
    if (own === null) return null
    if (own.failures >= limits.perAddress) return own.until
    const all = current(ALL)
    return all !== null && all.failures >= limits.overall ? all.until : null
  }
  const add = async (subject: string): Promise<void> => {
    const before = current(subject)
    const here = (before?.failures ?? 0) + 1
    const { failures, resetMs } = await count(subject).catch(() => ({
      failures: here,
      resetMs: before === null ? limits.windowMs : before.until - now(),
    }))
    seen.set(subject, { failures: Math.max(failures, here), until: now() + resetMs })
  }

  return {
    async attempt(address, credential, check) {
      const fingerprint = createHash('sha256').update(credential).digest('hex')
      const subject = subjectOf(address)
      const look = async () => {
        const isProven = proven.get(fingerprint) !== undefined
        const until = isProven ? null : throttledUntil(subject)
        if (until !== null) return throttled(until - now())
        const value = await check()
        if (value !== null) {
          proven.set(fingerprint, true)
          return { status: 'passed', value } as const
        }
        proven.delete(fingerprint)
        await Promise.all([add(subject), add(ALL)])
        return { status: 'failed' } as const
      }
      return proven.get(fingerprint) === undefined ? inTurn(subject, look) : look()
    },
  }
}

function throttled(restMs: number): { status: 'throttled'; retryAfterSeconds: number } {
  return { status: 'throttled', retryAfterSeconds: Math.max(1, Math.ceil(restMs / 1_000)) }
}

/** Runs what is given for the same subject one after the other; nothing is kept of who has nothing under way. */
function createTurns(): <T>(subject: string, run: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>()
  return async (subject, run) => {
    const mine = (last.get(subject) ?? Promise.resolve()).then(run, run)
    last.set(subject, mine)
    try {
      return await mine
    } finally {
      if (last.get(subject) === mine) last.delete(subject)
    }
  }
}

/** An IPv4 address, the network of an IPv6 address, or `unknown`: what counts as one client. */
function subjectOf(address: string): string {
  if (!ipaddr.isValid(address)) return 'unknown'
  const parsed = ipaddr.process(address)
  if (parsed instanceof ipaddr.IPv4) return parsed.toString()
  const network = parsed.parts.slice(0, IPV6_NETWORK_PARTS).map((part) => part.toString(16))
  return `${network.join(':')}::`
}
