/** Makes reservations, in batches of one organization each. */
import { setTimeout as pause } from 'node:timers/promises'
import { NOTHING, type Microcredits, type UnixMs } from '../core/units.ts'
import type { RedisClient } from '../store/connection.ts'
import { createHoldIds } from './hold-ids.ts'
import type { Decision, Reservation, ReserveResult } from './ledger.ts'
import type { LedgerMetrics } from './ledger-metrics.ts'
import type { AdminsToAsk } from './admins-to-ask.ts'
import type { OpenHolds } from './open-holds.ts'
import type { OrgView, OrgViews } from './org-views.ts'
import type { Patience } from '../store/patience.ts'
import { Pending } from './pending.ts'
import { entries, readReserveEntry, readReserveHead, type ReserveEntry, type ReserveHead } from './replies.ts'
import { holdOf, reserveInput } from './reserve-input.ts'
import type { Resolving } from './resolving.ts'
import { NO_ANSWER, ReserveLine } from './reserve-line.ts'
import { runScript } from '../store/scripts.ts'
import type { StoreClock } from '../store/clock.ts'
import { mayHaveRun, mayPass } from '../store/faults.ts'
import type { StoreWatch } from '../store/watch.ts'

/** How often a batch is sent while the store finds its view stale. */
const MAX_STALE = 4
/** Each round expires up to 500 holds of the user; a dead gateway may leave more than one round's worth. */
const MAX_OVERDUE_ROUNDS = 20
/** The longest that a call waits for the user's settles: a slow store must not delay a refusal for longer. */
const SETTLES_WAIT_MS = 1_000

export interface ReservingOptions {
  readonly redis: RedisClient
  readonly watch: StoreWatch
  readonly views: OrgViews
  readonly clock: StoreClock
  readonly leaseMs: number
  readonly metrics: LedgerMetrics
  /** How long a call waits for a store that does not answer. */
  readonly patience: Patience
  /**
   * Expires leases of dead gateways that block a call, frees holds without an owner, and knows which settles are in
   * flight.
   */
  readonly resolving: Pick<Resolving, 'expire' | 'free' | 'underWay' | 'tried'>
  readonly holds: OpenHolds
  readonly adminsToAsk: AdminsToAsk
  readonly onCrossings: (org: string) => void
}

interface Decided {
  readonly view: OrgView
  readonly head: Extract<ReserveHead, { status: 'ok' }>
  readonly items: readonly unknown[]
  /** The same batch was sent before, and its reply was lost. */
  readonly wasInDoubt: boolean
}

/** Collects reservations by organization and decides them in batches. */
export class Reserving {
  readonly #options: ReservingOptions
  readonly #ids = createHoldIds()
  readonly #lines = new Map<string, ReserveLine>()
  readonly #stopLooking: () => void

  constructor(options: ReservingOptions) {
    this.#options = options
    this.#stopLooking = options.watch.whileDown(() => {
      for (const line of this.#lines.values()) if (options.watch.isDown(line.org)) line.look()
    })
  }

  close(): void {
    this.#stopLooking()
  }

  #mint(): string {
    return this.#ids.mint(this.#options.clock.now())
  }

  reserve(reservation: Reservation): Promise<ReserveResult> {
    const { watch, patience } = this.#options
    const { org, waitedMs = 0 } = reservation
    // A call that may pass without the store does not wait for one that has been down for long.
    const spentMs = waitedMs + (reservation.mayPass === true ? watch.downMs(org) : 0)
    return new Promise((resolve, reject) => {
      const deadlineMs = performance.now() + patience.ms - spentMs
      const { metrics } = patience
      const pending = new Pending({ reservation, id: this.#mint(), deadlineMs, metrics, resolve, reject })
      if (watch.isDown(org)) {
        const reason = watch.refusal(org)
        if (reason !== null || pending.isInVain(performance.now())) {
          pending.fail(reason ?? NO_ANSWER)
          return
        }
        pending.wait()
      }
      this.#enqueue(pending)
    })
  }

  #enqueue(pending: Pending): void {
    const { org } = pending.reservation
    let line = this.#lines.get(org)
    if (line === undefined) {
      const created: ReserveLine = new ReserveLine({
        org,
        redis: this.#options.redis,
        watch: this.#options.watch,
        decide: () => this.#commit(created),
        giveUp: (view, item) => this.#giveUp(view, item),
      })
      this.#lines.set(org, created)
      line = created
    }
    line.add(pending)
  }

  /**
   * Frees the hold that a lost request may still create, since no call would own it. A retry of the call gets another
   * id.
   */
  #giveUp(view: OrgView, pending: Pending): void {
    this.#options.resolving.free(holdOf(view, pending, NOTHING))
    if (!pending.isOver) pending.id = this.#mint()
  }

  /**
   * Reservations that may have been admitted in a period or day that is over are given up and retried under other ids.
   * One id admitted twice would be two holds of which only one is resolved.
   */
  #startAnewWhereOver(view: OrgView, { running, doubt }: ReserveLine): void {
    const before = doubt.lost
    if (before === null) return
    if (before.period.no === view.period.no && before.day.day === view.day.day) return
    for (const pending of running) this.#giveUp(before, pending)
    doubt.lost = null
  }

  async #commit(line: ReserveLine): Promise<void> {
    const { org, running: batch } = line
    const decided = await this.#decide(line)
    if (decided === null) {
      for (const pending of batch) if (!pending.isOver) pending.answer({ status: 'unknown_org' })
      return
    }
    const { view, head, items, wasInDoubt } = decided
    if (head.crossings > 0) {
      this.#options.metrics.crossings('user.limit.reached', head.crossings)
      this.#options.onCrossings(org)
    }
    batch.forEach((pending, index) => {
      const entry = readReserveEntry(items[index])
      if (wasInDoubt && entry.status !== 'reserved') this.#giveUp(view, pending)
      this.#answer(view, head.now, pending, entry)
    })
  }

  /** Sends the batch until its view is current; null for an organization that does not exist. */
  async #decide(line: ReserveLine): Promise<Decided | null> {
    const { views, clock, watch } = this.#options
    const { org, doubt } = line
    for (let attempt = 0; attempt < MAX_STALE; attempt += 1) {
      const view = await watch.guard(org, () => views.current(org, clock.now()))
      if (view === null) return null
      this.#startAnewWhereOver(view, line)
      const { head, items } = entries(await this.#ask(view, line), () =>
        this.#options.metrics.fault('reserve'),
      )
      const read = readReserveHead(head)
      if (read.status === 'ok') {
        const wasInDoubt = doubt.lost !== null
        doubt.lost = null
        clock.learn(read.now)
        const worded = await this.#withWordsOf(read.revision, view, read.now)
        return { view: worded, head: read, items, wasInDoubt }
      }
      views.forget(org)
      if (read.status === 'no_org') return null
      clock.learn(read.now)
    }
    throw new Error(`the period of ${org} keeps changing`)
  }

  /**
   * Sends a batch once and waits for the reply, even if the store falls silent: calls that run out of time are answered
   * meanwhile. `doubt` records that the batch may have taken effect without a reply.
   */
  async #ask(view: OrgView, { running, doubt }: ReserveLine): Promise<unknown> {
    const { redis, metrics, leaseMs, resolving } = this.#options
    for (const pending of running) pending.settledBefore = resolving.tried
    const input = reserveInput(view, running, leaseMs)
    const started = performance.now()
    const wasSent = redis.status === 'ready'
    doubt.asked = view
    try {
      return await runScript(redis, 'reserve', input)
    } catch (error) {
      if (wasSent && mayHaveRun(error)) doubt.lost = view
      throw error
    } finally {
      doubt.asked = null
      metrics.script('reserve', (performance.now() - started) / 1_000, running.length)
    }
  }

  /** Refusals use the texts of the settings that decided (L8): these may have been saved after the view was read. */
  async #withWordsOf(revision: number, view: OrgView, now: UnixMs): Promise<OrgView> {
    if (revision === view.revision) return view
    this.#options.views.forget(view.org)
    // The decision stands even if its texts can no longer be read.
    const { watch, views } = this.#options
    const fresh = await watch.guard(view.org, () => views.current(view.org, now)).catch(() => null)
    return fresh === null ? view : { ...fresh, period: view.period, day: view.day }
  }

  #answer(view: OrgView, now: UnixMs, pending: Pending, entry: ReserveEntry): void {
    if (pending.isOver) {
      if (entry.status === 'reserved') this.#giveUp(view, pending)
      return
    }
    switch (entry.status) {
      case 'overdue':
        this.#expireThenAskAgain(pending, entry.leases)
        return
      case 'gone':
        pending.fail('the hold was released before it was made')
        return
      case 'unknown_user':
        pending.answer({ status: 'unknown_user' })
        return
      case 'reserved':
      case 'denied':
      case 'too_large':
      case 'busy':
      case 'unbounded': {
        const { period, limits, billing, name } = view
        const decision: Decision = {
          now,
          period,
          standing: entry.standing,
          required: entry.amount,
          timezone: billing.timezone,
          explanation: limits.explanation,
          orgName: name,
          admins: [],
        }
        if (entry.status === 'reserved') this.#admit(view, pending, entry.amount, decision)
        else if (entry.status !== 'busy' || !this.#askAgainAfterSettles(pending)) {
          const { status } = entry
          void this.#options
            .adminsToAsk(view)
            .then((admins) => pending.answer({ status, decision: { ...decision, admins } }))
        }
      }
    }
  }

  #admit(view: OrgView, pending: Pending, amount: Microcredits, decision: Decision): void {
    const hold = holdOf(view, pending, amount)
    this.#options.metrics.credits('held', amount)
    this.#options.holds.opened(hold)
    pending.answer({ status: 'reserved', hold, decision })
  }

  #expireThenAskAgain(pending: Pending, leases: readonly string[]): void {
    pending.overdueRounds += 1
    if (pending.overdueRounds > MAX_OVERDUE_ROUNDS) {
      pending.fail('a lease that is over could not be expired')
      return
    }
    this.#options.resolving.expire(pending.reservation.org, leases).then(
      () => this.#enqueue(pending),
      (error: unknown) => {
        if (mayPass(error) && !pending.isInVain(performance.now())) this.#enqueue(pending)
        else pending.fail(String(error), error)
      },
    )
  }

  /**
   * A caller that sends one call after another must not be refused for calls in flight only because the last settle
   * still waits for its batch. So the reservation is sent once more after it. It is also sent again if a settle was
   * tried meanwhile, since that may have reached the store after the reservation.
   */
  #askAgainAfterSettles(pending: Pending): boolean {
    if (pending.settlesAwaited) return false
    const { org, user } = pending.reservation
    const { resolving } = this.#options
    const settles = resolving.underWay(org, user)
    if (settles === null && resolving.tried === pending.settledBefore) return false
    pending.settlesAwaited = true
    void Promise.race([settles, pause(SETTLES_WAIT_MS)]).then(() => this.#enqueue(pending))
    return true
  }
}
