/**
 * Slows down guessing: a client that fails to authenticate too often is refused without a check until the window ends.
 *
 * Three rules protect other clients. A credential that was valid before passes without being counted or delayed, even
 * from a throttled address. One address cannot use up the attempts of others: when all addresses together failed too
 * often, only addresses with failures of their own are throttled. And unproven attempts of one address are checked one
 * after the other, so parallel guesses gain nothing over sequential ones.
 */
import { createHash } from 'node:crypto'
import ipaddr from 'ipaddr.js'
import { createLru } from '../core/lru.ts'

export interface ThrottleLimits {
  /** Failures of one address per window. */
  readonly perAddress: number
  /** Failures of all addresses together per window. */
  readonly overall: number
  readonly windowMs: number
}

/** Counts a failure in the store, for all gateways. Rejects when the store does not answer. */
export type CountFailure = (subject: string) => Promise<FailureCount>

export interface FailureCount {
  readonly failures: number
  /** Milliseconds until the window ends. */
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
  /** Milliseconds of any monotonic clock. */
  readonly now?: () => number
}

export const THROTTLE_LIMITS: ThrottleLimits = { perAddress: 20, overall: 500, windowMs: 600_000 }
const ALL = 'all'
const MOST_ADDRESSES = 10_000
const MOST_PROVEN = 10_000
/** The network part of an IPv6 address, which is assigned to its owner; the owner chooses the rest freely. */
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
  // The counts that the store returned last. While the store does not answer, only these are used.
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

/** Runs the functions of one subject one after the other. A subject without a running function uses no memory. */
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

/** The unit that counts as one client: an IPv4 address, the network of an IPv6 address, or `unknown`. */
function subjectOf(address: string): string {
  if (!ipaddr.isValid(address)) return 'unknown'
  const parsed = ipaddr.process(address)
  if (parsed instanceof ipaddr.IPv4) return parsed.toString()
  const network = parsed.parts.slice(0, IPV6_NETWORK_PARTS).map((part) => part.toString(16))
  return `${network.join(':')}::`
}
