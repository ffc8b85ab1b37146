/** The queue of one organization's reservations, in order: one batch is decided while the others wait. */
import { setTimeout as pause } from 'node:timers/promises'
import { UnsoundBooks } from '../store/unavailable.ts'
import { reconnected, type RedisClient } from '../store/connection.ts'
import { createGroupCommit, type GroupCommit } from './group-commit.ts'
import type { OrgView } from './org-views.ts'
import type { Pending } from './pending.ts'
import { mayHaveRun, mayPass } from '../store/faults.ts'
import type { StoreWatch } from '../store/watch.ts'

export interface ReserveLineOptions {
  readonly org: string
  readonly redis: RedisClient
  readonly watch: StoreWatch
  /** Sends the running batch to the store, and answers its calls. */
  readonly decide: () => Promise<void>
  /** Frees the hold that may exist for a call that no longer waits. */
  readonly giveUp: (view: OrgView, pending: Pending) => void
}

/** Tracks reservations that may have been admitted although no reply arrived. */
interface Doubt {
  /** The view of the request whose reply was lost; null if nothing is in doubt. */
  lost: OrgView | null
  /** The view of the request in flight. */
  asked: OrgView | null
}

const MAX_BATCH = 64
/** The pause before the first retry. */
const ASK_AGAIN_AFTER_MS = 120
/** The longest that a retry waits for a connection. The watch finds out sooner that the store is down. */
const RECONNECT_MS = 1_000
export const NO_ANSWER = 'the store does not answer'
const NONE: readonly Pending[] = []

export class ReserveLine {
  readonly org: string
  /** The calls of the batch that is being decided. */
  running = NONE
  readonly doubt: Doubt = { lost: null, asked: null }
  readonly #options: ReserveLineOptions
  readonly #queue: GroupCommit<Pending>

  constructor(options: ReserveLineOptions) {
    this.org = options.org
    this.#options = options
    const run = (batch: Pending[]): Promise<void> => this.#run(batch)
    this.#queue = createGroupCommit<Pending>({ maxBatch: MAX_BATCH, collect: 'turn', run })
  }

  add(pending: Pending): void {
    this.#queue.add(pending)
  }

  /**
   * Decides a batch. A temporary failure is retried with the same ids, which is safe whether or not the script ran:
   * once after a moment, then each time that the store is back, as long as a call of the batch waits.
   */
  async #run(batch: readonly Pending[]): Promise<void> {
    this.running = batch
    let before: unknown = null
    for (let attempt = 1; this.running.length > 0; attempt += 1) {
      try {
        await this.#options.decide()
        break
      } catch (error) {
        if (error instanceof UnsoundBooks) {
          for (const pending of this.running) this.#dismiss(pending, error.message, error)
          break
        }
        // The server's own error tells more than the closed connection that followed it.
        const told = before !== null && !mayHaveRun(before) && mayHaveRun(error) ? before : error
        before = error
        await this.#waitAfter(attempt, told)
        this.running = this.running.filter(({ isOver }) => !isOver)
      }
    }
    this.running = NONE
    this.doubt.lost = null
  }

  /** Resolves when the batch may be retried. Calls that no longer wait have been answered by then. */
  async #waitAfter(attempt: number, error: unknown): Promise<void> {
    const { watch, redis } = this.#options
    if (attempt > 1) {
      watch.failed(this.org, error)
      if (!mayPass(error)) {
        this.#dismissAll(error)
        return
      }
      this.look()
    }
    if (!watch.isDown(this.org)) {
      await pause(ASK_AGAIN_AFTER_MS)
      if (!watch.isDown(this.org)) await reconnected(redis, RECONNECT_MS)
    }
    await watch.back(this.org)
  }

  /**
   * Called while the store does not answer. Dismisses the calls that have waited too long, and those whose client has
   * disconnected.
   */
  look(): void {
    const { waiting } = this.#queue
    if (this.running.length === 0 && waiting.length === 0) return
    const refusal = this.#options.watch.refusal(this.org)
    const nowMs = performance.now()
    const lookAt = (pending: Pending): void => {
      if (pending.isOver) return
      if (refusal === null && !pending.isInVain(nowMs)) pending.wait()
      else this.#dismiss(pending, refusal ?? NO_ANSWER)
    }
    this.running.forEach(lookAt)
    waiting.forEach(lookAt)
    this.#queue.drop(({ isOver }) => isOver)
  }

  /** Dismisses every call, because the error is not temporary. */
  #dismissAll(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    for (const pending of [...this.running, ...this.#queue.waiting]) this.#dismiss(pending, reason, error)
    this.#queue.drop(() => true)
  }

  #dismiss(pending: Pending, reason: string, cause?: unknown): void {
    if (pending.isOver) return
    pending.fail(reason, cause)
    const view = this.doubt.lost ?? this.doubt.asked
    if (view !== null && this.running.includes(pending)) this.#options.giveUp(view, pending)
  }
}
