/**
 * The interface between the call pipeline and the store that holds credits. `redis-ledger.ts` implements it.
 *
 * Expected outcomes are values, including a refused admission. A store that cannot be reached is an exception,
 * `StoreUnavailable`.
 */
import type { Charge, Hold } from '../core/hold.ts'
import type { BillingPeriod, Explanation, Source, Standing } from '../core/policy.ts'
import type { Microcredits, UnixMs } from '../core/units.ts'

/** What a call asks the ledger to hold. */
export interface Reservation {
  readonly org: string
  readonly user: string
  readonly source: Source
  /** The name under which usage is kept: a priced model's id. */
  readonly model: string
  /** The most that the call can cost, by the estimate that `straddle` uses. */
  readonly worstCase: Microcredits
  /** The certain maximum of what the call can cost; null if nothing bounds it (then `strict` refuses it). */
  readonly strictWorstCase: Microcredits | null
  /** What expiry charges when the gateway died: the price of the prompt. */
  readonly promptPrice: Microcredits
  /**
   * Whether an unknown user may be enrolled: the credential is an app's key or a token. The organization's setting
   * decides.
   */
  readonly mayEnroll: boolean
  /** Whether the call may go through without the store once waiting for it is in vain (D1, `open`). */
  readonly mayPass?: boolean
  /** How long the call has waited for the store before (ms). */
  readonly waitedMs?: number
  /** Whether the client has disconnected: such a call no longer waits for the store. */
  readonly isGone?: () => boolean
}

/** The store's decision. On an admission, `standing` includes this call's own hold. */
export interface Decision {
  readonly now: UnixMs
  readonly period: BillingPeriod
  readonly standing: Standing
  /** The amount that the organization's admission mode requires for the call. */
  readonly required: Microcredits
  /** The organization's settings for the text of a refusal, from the revision under which the call was decided. */
  readonly timezone: string
  readonly explanation: Explanation
  readonly orgName: string
  /** Admins whom a refused user should ask, by name; empty if any admin may be asked, and for admitted calls. */
  readonly admins: readonly string[]
}

export type ReserveResult =
  | { readonly status: 'reserved'; readonly hold: Hold; readonly decision: Decision }
  | {
      /**
       * `denied`: the limit is reached. `too_large`: strict, and the worst case does not fit into what is left.
       * `busy`: only calls in flight are in the way. `unbounded`: strict, and nothing bounds the cost.
       */
      readonly status: 'denied' | 'too_large' | 'busy' | 'unbounded'
      readonly decision: Decision
    }
  | { readonly status: 'unknown_user' | 'unknown_org' }

export interface UserStanding extends Standing {
  readonly period: BillingPeriod
  readonly timezone: string
  readonly hideAmounts: boolean
}

export interface Ledger {
  /**
   * Holds the worst case of a call, or returns why not, in one atomic step. Rejects with StoreUnavailable, or with
   * UnsoundBooks if the stored counters do not add up.
   */
  reserve(reservation: Reservation): Promise<ReserveResult>
  /**
   * Lets a call through without limits because the store is down (D1, `open`). Its cost is charged when the store is
   * back. Rejects with StoreUnavailable if the charge cannot be guaranteed.
   */
  letThrough(reservation: Reservation): Promise<Hold>
  /**
   * Settles a hold to what the call cost. Never rejects: the ledger retries until the store, or the journal, has it.
   */
  settle(hold: Hold, charge: Charge): void
  /** Frees a hold whose call was not served. Never rejects, like `settle`. */
  free(hold: Hold): void
  /** Whether the user belongs to the organization right now (A4). Rejects with StoreUnavailable. */
  isMember(org: string, user: string): Promise<boolean>
  /** A user's own standing (E4); null when the organization or the member does not exist. Rejects with StoreUnavailable. */
  standing(org: string, user: string): Promise<UserStanding | null>
  /** Resolves to true when everything passed to `settle` or `free` is confirmed, or to false after `ms`. */
  drained(ms: number): Promise<boolean>
}
