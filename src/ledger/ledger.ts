/**
 * The port between the path of a call and the store that holds credits. `redis-ledger.ts` is the implementation.
 *
 * Expected outcomes are values (an admission that is refused is one of them); a store that cannot be reached is an
 * exception, `StoreUnavailable`.
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
  /** Most that the call can cost, by the estimate of `straddle`. */
  readonly worstCase: Microcredits
  /** Most that the call can cost, certain; null where nothing bounds it (then `strict` refuses it). */
  readonly strictWorstCase: Microcredits | null
  /** What expiry charges when the gateway died: the price of the prompt. */
  readonly promptPrice: Microcredits
  /** Whether an unknown user may be enrolled (the key is an app's; the organization has the last word). */
  readonly mayEnroll: boolean
  /** Whether the call passes without the store where waiting for it is in vain (D1, `open`). */
  readonly mayPass?: boolean
  /** For how long the call has waited for the store before (ms). */
  readonly waitedMs?: number
  /** Whether the caller has hung up: such a call no longer waits for the store. */
  readonly isGone?: () => boolean
}

/** What the store said at admission or refusal; `amounts` as they stood with this call's own hold. */
export interface Decision {
  readonly now: UnixMs
  readonly period: BillingPeriod
  readonly standing: Standing
  /** What the organization's mode of admission requires for the call. */
  readonly required: Microcredits
  /** The organization's settings that a refusal is worded with, of the revision that this was decided under. */
  readonly timezone: string
  readonly explanation: Explanation
  readonly orgName: string
  /** Admins whom a refused user should ask, by name; empty where any may be asked, and for who was not refused. */
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
  /** Holds the worst case of a call, or says why not, in one atomic step. Rejects with StoreUnavailable. */
  reserve(reservation: Reservation): Promise<ReserveResult>
  /**
   * Lets a call through without limits because the store is down (D1, `open`): what it costs is charged when the store is
   * back. Rejects with StoreUnavailable where that cannot be made sure of.
   */
  letThrough(reservation: Reservation): Promise<Hold>
  /** Settles a hold to what the call cost. Never rejects: the ledger keeps trying until the store has it. */
  settle(hold: Hold, charge: Charge): void
  /** Frees a hold whose call was not served. Never rejects, like `settle`. */
  free(hold: Hold): void
  /** Whether the user belongs to the organization right now (A4). Rejects with StoreUnavailable. */
  isMember(org: string, user: string): Promise<boolean>
  /** A user's own standing (E4); null when the organization or the member does not exist. Rejects with StoreUnavailable. */
  standing(org: string, user: string): Promise<UserStanding | null>
  /** Resolves when nothing that was handed to `settle` or `free` is still on its way, or after `ms`. */
  drained(ms: number): Promise<boolean>
}
