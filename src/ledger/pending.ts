/** A call that waits for the answer to its reservation. */
import { StoreUnavailable, UnsoundBooks } from '../store/unavailable.ts'
import type { Reservation, ReserveResult } from './ledger.ts'
import type { WaitMetrics } from '../store/patience.ts'

export interface PendingOptions {
  readonly reservation: Reservation
  /** The id of its hold. */
  readonly id: string
  /** Until when the call waits for a store that does not answer (`performance.now()`). */
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
  /** How many settles and frees this gateway had tried when the reservation was last sent. */
  settledBefore = 0
  readonly #options: PendingOptions
  /** When it began to wait for the store (`performance.now()`); null while the store answers. */
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

  /** Records that the call waits because the store does not answer. */
  wait(): void {
    if (this.#waitingSinceMs !== null) return
    this.#waitingSinceMs = performance.now()
    this.#options.metrics.storeWait()
  }

  /** Whether to stop waiting: the call's time is up, or its client has disconnected. */
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
