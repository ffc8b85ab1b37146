/** A call that asks for a hold, until it is answered. */
import { StoreUnavailable, UnsoundBooks } from '../store/unavailable.ts'
import type { Reservation, ReserveResult } from './ledger.ts'
import type { WaitMetrics } from '../store/patience.ts'

export interface PendingOptions {
  readonly reservation: Reservation
  /** The id of its hold. */
  readonly id: string
  /** Until when it waits for a store that does not answer (`performance.now()`). */
  readonly deadlineMs: number
  readonly metrics: WaitMetrics
  readonly resolve: (result: ReserveResult) => void
  readonly reject: (error: StoreUnavailable | UnsoundBooks) => void
}

export class Pending {
  readonly reservation: Reservation
  id: string
  overdueRounds = 0
  settlesAwaited = false
  /** How many settles had been tried here when the call was asked for. */
  settledBefore = 0
  readonly #options: PendingOptions
  /** Since when it has waited for the store; null where the store answers. */
  #waitingSinceMs: number | null = null
  #isOver = false

  constructor(options: PendingOptions) {
    this.reservation = options.reservation
    this.id = options.id
    this.#options = options
  }

  /** Whether it has been answered. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** The store does not answer, so it waits from now on. */
  wait(): void {
    if (this.#waitingSinceMs !== null) return
    this.#waitingSinceMs = performance.now()
    this.#options.metrics.storeWait()
  }

  /** Whether waiting on is in vain: its time is up, or its caller has hung up. */
  isInVain(nowMs: number): boolean {
    return nowMs >= this.#options.deadlineMs || this.reservation.isGone?.() === true
  }

  answer(result: ReserveResult): void {
    this.#end()
    this.#options.resolve(result)
  }

  fail(reason: string, cause?: unknown): void {
    this.#end()
    this.#options.reject(cause instanceof UnsoundBooks ? cause : new StoreUnavailable(reason, { cause }))
  }

  #end(): void {
    this.#isOver = true
    if (this.#waitingSinceMs === null) return
    this.#options.metrics.storeWaited((performance.now() - this.#waitingSinceMs) / 1_000)
    this.#waitingSinceMs = null
  }
}
