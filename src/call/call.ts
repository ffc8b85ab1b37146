/** What the steps of a call hand on to each other. */
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
  /** Path that the upstream's URL itself has, without a slash at its end. */
  readonly basePath: string
  /** What stands at the provider in place of the `/v1` that callers write; null where that is `/v1` as well. */
  readonly apiPath: string | null
  readonly host: string
  /** The provider's own key, where the configuration has one. */
  readonly apiKey: string | null
  readonly priceProvider: string | null
  /** What becomes of calls while the store is down. */
  readonly onStoreDown: 'closed' | 'open'
  readonly timeouts: { readonly firstByteMs: number; readonly idleMs: number }
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

/** Reads along with an answer. */
export interface Meter {
  push(chunk: Buffer): void
  /** What the answer told, whether it came to its end or not: at once, or when all that came compressed is unpacked. */
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

/** An exchange of which nothing is known. */
export const LOST: Outcome = {
  sent: true,
  status: null,
  firstByteMs: null,
  complete: false,
  reading: null,
  clientGone: false,
  failure: 'broken',
}

/** What is noted on the way of a call that will be logged. */
export interface CallRecord {
  caller: Caller | null
  /** A priced model's id: what a caller invents is not repeated. */
  model: string | null
  stream: boolean
  held: Microcredits | null
  /** Null where nothing was charged. */
  charge: Charge | null
  /** `performance.now()`. */
  sentMs: number | null
  upstream: Outcome | null
}

/** One call on its way, from its headers to the end of its answer. */
export interface Call {
  readonly opened: OpenRequest
  readonly target: UpstreamTarget
  readonly route: MeteredRoute
  /** The path at the provider, as it stood on the wire. */
  readonly path: string
  readonly requestId: string
  /** When the call arrived (`performance.now()`). */
  readonly startedMs: number
  /** What is noted of it for the log; null for most. */
  readonly record: CallRecord | null
}
