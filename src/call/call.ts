/** The data that the steps of a call pass to each other. */
import type { Dispatcher } from 'undici'
import type { Charge } from '../core/hold.ts'
import type { Source } from '../core/policy.ts'
import type { Tariff } from '../core/tariff.ts'
import type { Microcredits } from '../core/units.ts'
import type { CallShape, Family, MeteredRoute, Reading } from '../families/family.ts'
import type { OpenRequest } from './open-calls.ts'

/** An upstream as a call sees it. */
export interface UpstreamTarget {
  readonly name: string
  readonly family: Family
  readonly dispatcher: Dispatcher
  /** Scheme, host and port. */
  readonly origin: string
  /** Path of the upstream's URL itself, without a slash at its end. */
  readonly basePath: string
  /** The path that the provider uses in place of the `/v1` that callers write; null if the provider uses `/v1` too. */
  readonly apiPath: string | null
  readonly host: string
  /** The provider's own key, where the configuration has one. */
  readonly apiKey: string | null
  readonly priceProvider: string | null
  /** Whether calls are refused (`closed`) or let through (`open`) while the store is down. */
  readonly onStoreDown: 'closed' | 'open'
  readonly timeouts: { readonly connectMs: number; readonly firstByteMs: number; readonly idleMs: number }
}

/** Who pays for a call. */
export interface Caller {
  readonly org: string
  readonly user: string
  readonly source: Source
  /** Whether an unknown user becomes a member by calling, where the organization allows it: by an app's key or a token. */
  readonly mayEnroll: boolean
}

/** A call with its prices. */
export interface PricedCall {
  readonly shape: CallShape
  readonly tariff: Tariff
  readonly worstCase: Microcredits
  readonly strictWorstCase: Microcredits | null
  readonly promptPrice: Microcredits
}

/** Reads usage from an answer while it is forwarded. */
export interface Meter {
  push(chunk: Buffer): void
  /**
   * What the answer reported, whether or not it is complete. Synchronous for a plain answer; a Promise for a compressed
   * one, resolved when everything received is unpacked.
   */
  end(): Reading | Promise<Reading>
}

/** How the exchange with the upstream ended. */
export interface Outcome {
  /** Whether any byte of the request may have reached the upstream. */
  readonly sent: boolean
  /** Status of the upstream's answer; null where none came. */
  readonly status: number | null
  /** When its answer began (`performance.now()`); null where none came. */
  readonly firstByteMs: number | null
  /** Whether the answer came to its proper end. */
  readonly complete: boolean
  readonly reading: Reading | null
  readonly clientGone: boolean
  readonly failure: 'unreachable' | 'timeout' | 'broken' | null
}

/** The outcome of an exchange whose result is unknown. */
export const LOST: Outcome = {
  sent: true,
  status: null,
  firstByteMs: null,
  complete: false,
  reading: null,
  clientGone: false,
  failure: 'broken',
}

/** The facts that are collected while a sampled call runs. */
export interface CallRecord {
  caller: Caller | null
  /** The id of a priced model; a name that the caller invented is not logged. */
  model: string | null
  stream: boolean
  held: Microcredits | null
  /** Null where nothing was charged. */
  charge: Charge | null
  /** `performance.now()`. */
  sentMs: number | null
  upstream: Outcome | null
}

/** One call in flight, from its headers to the end of its answer. */
export interface Call {
  readonly opened: OpenRequest
  readonly target: UpstreamTarget
  readonly route: MeteredRoute
  /** The path below the upstream's prefix, exactly as the client sent it. */
  readonly path: string
  readonly requestId: string
  /** When the call arrived (`performance.now()`). */
  readonly startedMs: number
  /** The facts to log; null for a call that is not sampled. */
  readonly record: CallRecord | null
}
