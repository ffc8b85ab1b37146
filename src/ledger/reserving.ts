/** Reserve, in batches of one organization each. */
import { setTimeout as pause } from 'node:timers/promises'
import { NOTHING, type Microcredits, type UnixMs } from '../core/units.ts'
import { reconnected, type RedisClient } from './connection.ts'
import { createGroupCommit, type GroupCommit } from './group-commit.ts'
import { createHoldIds } from './hold-ids.ts'
import { StoreUnavailable, type Decision, type Hold, type Reservation, type ReserveResult } from './ledger.ts'
import type { LedgerMetrics } from './ledger-metrics.ts'
import type { AdminsToAsk } from './admins-to-ask.ts'
import type { OrgView, OrgViews } from './org-views.ts'
import { entries, readReserveEntry, readReserveHead, type ReserveEntry, type ReserveHead } from './replies.ts'
import { holdOf, reserveArguments } from './reserve-arguments.ts'
import { runScript } from './scripts.ts'
import type { StoreClock } from './store-clock.ts'
import { mayHaveRun, NeverSent } from './store-faults.ts'
import type { StoreWatch } from './store-watch.ts'

const MAX_BATCH = 64
/** A batch is asked again this often when the belief it was built on was stale, or its outcome is unknown. */
const MAX_STALE = 4
const ASK_AGAIN_AFTER_MS = 120
/** The longest that asking again waits for a connection; a store that is down is found sooner, by the watch. */
const RECONNECT_MS = 1_000
/** Each round expires up to 500 holds of the user; a dead gateway may leave more than one round's. */
const MAX_OVERDUE_ROUNDS = 20
/** The longest that a call waits for the user's settles: a store that is slow must not keep a call that could be told. */
const SETTLES_WAIT_MS = 1_000

interface Pending {
  readonly reservation: Reservation
  id: string
  overdueRounds: number
  settlesAwaited: boolean
  /** How many settles had been tried here when the call was asked for. */
  settledBefore: number
  readonly resolve: (result: ReserveResult) => void
  readonly reject: (error: StoreUnavailable) => void
}

export interface ReservingOptions {
  readonly redis: RedisClient
  readonly watch: StoreWatch
  readonly views: OrgViews
  readonly clock: StoreClock
  readonly leaseMs: number
  readonly metrics: LedgerMetrics
  /** Resolves leases of dead gateways that stand in a caller's way. */
  readonly expire: (org: string, leases: readonly string[]) => Promise<unknown>
  /** Settles of the user that are under way from here, if any. */
  readonly underWay: (org: string, user: string) => Promise<void> | null
  /** Counts up with every settle that was tried from here. */
  readonly settlesTried: () => number
  /** Called for an id whose fate is unknown: it is to be freed, whether it exists or not. */
  readonly release: (hold: Hold) => void
  readonly adminsToAsk: AdminsToAsk
  readonly onReserved: (hold: Hold) => void
  readonly onCrossings: (org: string) => void
}

/** The belief under which a batch may have been admitted without an answer; null where nothing is in doubt. */
interface Doubt {
  view: OrgView | null
}

interface Decided {
  readonly view: OrgView
  readonly head: Extract<ReserveHead, { status: 'ok' }>
  readonly items: readonly unknown[]
  /** The same was asked before, without an answer. */
  readonly wasInDoubt: boolean
}

/** Collects reservations by organization and decides them in batches. */
export class Reserving {
  readonly #options: ReservingOptions
  readonly #ids = createHoldIds()
  readonly #queues = new Map<string, GroupCommit<Pending>>()

  constructor(options: ReservingOptions) {
    this.#options = options
  }

  #mint(): string {
    return this.#ids.mint(this.#options.clock.now())
  }

  reserve(reservation: Reservation): Promise<ReserveResult> {
    if (this.#options.watch.isDown(reservation.org)) {
      return Promise.reject(new NeverSent('the store does not answer'))
    }
    return new Promise((resolve, reject) => {
      this.#enqueue({
        reservation,
        id: this.#mint(),
        overdueRounds: 0,
        settlesAwaited: false,
        settledBefore: 0,
        resolve,
        reject,
      })
    })
  }

  #enqueue(pending: Pending): void {
    const { org } = pending.reservation
    let queue = this.#queues.get(org)
    if (queue === undefined) {
      const run = (batch: Pending[]): Promise<void> => this.#run(org, batch)
      queue = createGroupCommit<Pending>({ maxBatch: MAX_BATCH, collect: 'turn', run })
      this.#queues.set(org, queue)
    }
    queue.add(pending)
  }

  /**
   * An outcome that is not known is asked for once more with the same ids. What may still have taken effect after that is
   * released. Who waits behind a store that is gone is told at once.
   */
  async #run(org: string, batch: Pending[]): Promise<void> {
    const { watch } = this.#options
    const doubt: Doubt = { view: null }
    try {
      await this.#commit(org, batch, doubt).catch(async (error: unknown) => {
        if (watch.isDown(org)) throw error
        await pause(ASK_AGAIN_AFTER_MS)
        await watch.guard(org, () => reconnected(this.#options.redis, RECONNECT_MS))
        await this.#commit(org, batch, doubt).catch((again: unknown) => {
          // What the server itself said tells more than that its connection was closed after it.
          throw mayHaveRun(error) ? again : error
        })
      })
    } catch (error) {
      watch.failed(org, error)
      const reason = error instanceof Error ? error.message : String(error)
      const waiting = this.#queues.get(org)?.takeWaiting() ?? []
      for (const pending of [...batch, ...waiting])
        pending.reject(new StoreUnavailable(reason, { cause: error }))
    }
    const { view } = doubt
    if (view !== null) for (const pending of batch) this.#giveUp(view, pending)
  }

  /** What may be admitted by a question that was lost, should it arrive after all, nobody would own. The next has another id. */
  #giveUp(view: OrgView, pending: Pending): void {
    this.#options.release(holdOf(view, pending, NOTHING))
    pending.id = this.#mint()
  }

  /**
   * What may have been admitted in a period or on a day that is over is given up, and asked for anew under other ids: one
   * id admitted twice would be two holds with one fate.
   */
  #startAnewWhereOver(view: OrgView, batch: readonly Pending[], doubt: Doubt): void {
    const before = doubt.view
    if (before === null) return
    if (before.period.no === view.period.no && before.day.day === view.day.day) return
    for (const pending of batch) this.#giveUp(before, pending)
    doubt.view = null
  }

  async #commit(org: string, batch: readonly Pending[], doubt: Doubt): Promise<void> {
    const decided = await this.#decide(org, batch, doubt)
    if (decided === null) {
      for (const pending of batch) pending.resolve({ status: 'unknown_org' })
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

  /** Asks until the belief is fresh; null for an organization that does not exist. */
  async #decide(org: string, batch: readonly Pending[], doubt: Doubt): Promise<Decided | null> {
    const { views, clock, watch } = this.#options
    for (let attempt = 0; attempt < MAX_STALE; attempt += 1) {
      const view = await watch.guard(org, () => views.current(org, clock.now()))
      if (view === null) return null
      this.#startAnewWhereOver(view, batch, doubt)
      const { head, items } = entries(await this.#ask(view, batch, doubt))
      const read = readReserveHead(head)
      if (read.status === 'ok') {
        const wasInDoubt = doubt.view !== null
        doubt.view = null
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

  /** Sends a batch once. `doubt` remembers that it may have taken effect without an answer. */
  async #ask(view: OrgView, batch: readonly Pending[], doubt: Doubt): Promise<unknown> {
    const { redis, watch, metrics, leaseMs, settlesTried } = this.#options
    for (const pending of batch) pending.settledBefore = settlesTried()
    const { keyList, args } = reserveArguments(view, batch, leaseMs)
    const started = performance.now()
    const wasSent = redis.status === 'ready'
    try {
      return await watch.guard(view.org, () => runScript(redis, 'reserve', keyList, args))
    } catch (error) {
      if (wasSent && mayHaveRun(error)) doubt.view = view
      throw error
    } finally {
      metrics.script('reserve', (performance.now() - started) / 1_000, batch.length)
    }
  }

  /** The settings may have been saved since the view was read: refusals are worded with those that decided (L8). */
  async #withWordsOf(revision: number, view: OrgView, now: UnixMs): Promise<OrgView> {
    if (revision === view.revision) return view
    this.#options.views.forget(view.org)
    // What was decided stands, also when its words cannot be had any more.
    const { watch, views } = this.#options
    const fresh = await watch.guard(view.org, () => views.current(view.org, now)).catch(() => null)
    return fresh === null ? view : { ...fresh, period: view.period, day: view.day }
  }

  #answer(view: OrgView, now: UnixMs, pending: Pending, entry: ReserveEntry): void {
    switch (entry.status) {
      case 'overdue':
        this.#expireThenAskAgain(pending, entry.leases)
        return
      case 'gone':
        pending.reject(new StoreUnavailable('the hold was released before it was made'))
        return
      case 'unknown_user':
        pending.resolve({ status: 'unknown_user' })
        return
      case 'reserved':
      case 'denied':
      case 'too_large':
      case 'busy':
      case 'unbounded': {
        const { period, explanation, billing, name } = view
        const decision: Decision = {
          now,
          period,
          standing: entry.standing,
          required: entry.amount,
          timezone: billing.timezone,
          explanation,
          orgName: name,
          admins: [],
        }
        if (entry.status === 'reserved') this.#admit(view, pending, entry.amount, decision)
        else if (entry.status !== 'busy' || !this.#askAgainAfterSettles(pending)) {
          const { status } = entry
          void this.#options
            .adminsToAsk(view)
            .then((admins) => pending.resolve({ status, decision: { ...decision, admins } }))
        }
      }
    }
  }

  #admit(view: OrgView, pending: Pending, amount: Microcredits, decision: Decision): void {
    const hold = holdOf(view, pending, amount)
    this.#options.metrics.credits('held', amount)
    this.#options.onReserved(hold)
    pending.resolve({ status: 'reserved', hold, decision })
  }

  #expireThenAskAgain(pending: Pending, leases: readonly string[]): void {
    pending.overdueRounds += 1
    if (pending.overdueRounds > MAX_OVERDUE_ROUNDS) {
      pending.reject(new StoreUnavailable('a lease that is over could not be expired'))
      return
    }
    this.#options.expire(pending.reservation.org, leases).then(
      () => this.#enqueue(pending),
      (error: unknown) => pending.reject(new StoreUnavailable(String(error), { cause: error })),
    )
  }

  /**
   * A caller that sends one call after the other must not be told of calls in flight only because the last one's settle
   * is collecting company: the question is put once more behind it. A settle that was tried since may have come to the
   * store behind the question, too.
   */
  #askAgainAfterSettles(pending: Pending): boolean {
    if (pending.settlesAwaited) return false
    const { org, user } = pending.reservation
    const settles = this.#options.underWay(org, user)
    if (settles === null && this.#options.settlesTried() === pending.settledBefore) return false
    pending.settlesAwaited = true
    void Promise.race([settles, pause(SETTLES_WAIT_MS)]).then(() => this.#enqueue(pending))
    return true
  }
}
