/**
 * Settle, free and expire: the three ways in which a hold is resolved. `settle` and `free` never reject: what the store
 * did not confirm is retried with the same id until it does, or until the journal has it. Retrying is safe for ever,
 * since the script never charges an id that it may have forgotten. The number of retries is bounded by the calls that
 * can be in flight.
 */
import type { Logger } from 'pino'
import type { Charge, Hold } from '../core/hold.ts'
import { UnsoundBooks } from '../store/unavailable.ts'
import { BooksInput, chargeItem } from './books-input.ts'
import type { RedisClient } from '../store/connection.ts'
import { createGroupCommit, type GroupCommit } from './group-commit.ts'
import type { CheckingScript, LedgerMetrics } from './ledger-metrics.ts'
import type { OpenHolds } from './open-holds.ts'
import type { OrgViews } from './org-views.ts'
import { entries, readLease, readTime, type Lease } from './replies.ts'
import { countCrossings, countExpired, countFreed, countSettled } from './resolved-credits.ts'
import { runScript } from '../store/scripts.ts'
import type { StoreClock } from '../store/clock.ts'
import type { Journal } from '../journal/journal.ts'
import { logRetry, mayHaveRun } from '../store/faults.ts'
import type { StoreWatch } from '../store/watch.ts'
import { UnderWay } from './under-way.ts'
import { PERIOD_LIFE_MS } from '../store/lifetimes.ts'

const MAX_BATCH = 64
const SETTLES_COLLECT_MS = 3
/** With the waits in between, a third of a second. */
const ATTEMPTS_BEFORE_JOURNAL = 2
const SLOWEST_RETRY_MS = 5_000

type Verb = 'settle' | 'free'

interface Item {
  readonly hold: Hold
  /** Null frees the hold. */
  readonly charge: Charge | null
  attempts: number
  /** Whether a failed attempt may have reached the store anyway. */
  mayHaveCome: boolean
}

export interface ResolvingOptions {
  readonly redis: RedisClient
  readonly watch: StoreWatch
  readonly views: OrgViews
  readonly clock: StoreClock
  readonly metrics: LedgerMetrics
  readonly logger: Logger
  /** Takes what the store does not confirm; absent: that stays in memory until the store confirms it. */
  readonly journal: Journal | null
  readonly userDayLifeMs: number
  readonly holds: OpenHolds
  readonly onCrossings: (org: string) => void
}

function byPeriod<T>(items: readonly T[], periodNo: (item: T) => number): Map<number, T[]> {
  const groups = new Map<number, T[]>()
  for (const item of items) {
    const group = groups.get(periodNo(item))
    if (group === undefined) groups.set(periodNo(item), [item])
    else group.push(item)
  }
  return groups
}

export class Resolving {
  readonly #options: ResolvingOptions
  readonly #queues = {
    settle: new Map<string, GroupCommit<Item>>(),
    free: new Map<string, GroupCommit<Item>>(),
  }
  readonly #underWay = new UnderWay()
  #pending = 0

  constructor(options: ResolvingOptions) {
    this.#options = options
  }

  /** Settles and frees that the store has not confirmed yet. */
  get pending(): number {
    return this.#pending
  }

  settle(hold: Hold, charge: Charge): void {
    this.#submit('settle', { hold, charge, attempts: 0, mayHaveCome: false })
  }

  free(hold: Hold): void {
    this.#submit('free', { hold, charge: null, attempts: 0, mayHaveCome: false })
  }

  /** Expires those of the leases that are over, and returns how many were. Rejects when the store does. */
  async expire(org: string, leases: readonly string[]): Promise<number> {
    let expired = 0
    for (const [periodNo, group] of byPeriod(leases.map(readLease), (lease) => lease.periodNo)) {
      for (let at = 0; at < group.length; at += MAX_BATCH) {
        expired += await this.#expireBatch(org, periodNo, group.slice(at, at + MAX_BATCH))
      }
    }
    return expired
  }

  /** How many settles and frees have been tried so far, whatever the result. */
  get tried(): number {
    return this.#underWay.tried
  }

  /** See UnderWay. */
  underWay(org: string, user: string): Promise<void> | null {
    return this.#underWay.ofUser(org, user)
  }

  #submit(verb: Verb, item: Item): void {
    this.#pending += 1
    this.#underWay.began(item.hold)
    this.#queueOf(verb, item.hold.org).add(item)
  }

  #queueOf(verb: Verb, org: string): GroupCommit<Item> {
    const known = this.#queues[verb].get(org)
    if (known !== undefined) return known
    const queue = createGroupCommit<Item>({
      maxBatch: MAX_BATCH,
      collect: SETTLES_COLLECT_MS,
      run: async (items) => {
        for (const [periodNo, group] of byPeriod(items, (item) => item.hold.periodNo))
          await this.#resolve(queue, verb, periodNo, group)
      },
    })
    this.#queues[verb].set(org, queue)
    return queue
  }

  async #resolve(
    queue: GroupCommit<Item>,
    verb: Verb,
    periodNo: number,
    group: readonly Item[],
  ): Promise<void> {
    const org = group[0]?.hold.org ?? ''
    try {
      if (verb === 'settle') await this.#settleBatch(org, periodNo, group)
      else await this.#freeBatch(org, periodNo, group)
    } catch (error) {
      // If one user's counters do not add up, the other users' calls must still be charged.
      if (error instanceof UnsoundBooks && group.length > 1) {
        for (const item of group) await this.#resolve(queue, verb, periodNo, [item])
        return
      }
      if (group[0]?.attempts === 0) {
        const fields = { org, verb, holds: group.length }
        logRetry(this.#options.logger, error, fields, 'resolving is tried again')
      }
      for (const item of group) this.#failed(queue, item, error)
    }
  }

  async #settleBatch(org: string, periodNo: number, items: readonly Item[]): Promise<void> {
    const books = new BooksInput(org, periodNo, this.#options.userDayLifeMs)
    const calls = items.flatMap(({ hold: { id, user, day, source, orgCreatedAt }, charge }) =>
      charge === null
        ? []
        : [{ ...books.hold(id, user, day), source, ...chargeItem(charge), org_created_at: orgCreatedAt }],
    )
    const input = books.input(await this.#endOfLife(org), calls)
    const reply = await this.#timed('settle', org, items.length, (redis) => runScript(redis, 'settle', input))
    this.#noticeCrossings(org, reply.head)
    items.forEach((item, index) => {
      this.#noticeSettled(item, String(reply.items[index]))
      this.#done(item)
    })
  }

  async #freeBatch(org: string, periodNo: number, items: readonly Item[]): Promise<void> {
    const books = new BooksInput(org, periodNo, this.#options.userDayLifeMs)
    const holds = items.map(({ hold: { id, user, day, source, model } }) => ({
      ...books.hold(id, user, day),
      source,
      model,
    }))
    const input = books.input(await this.#endOfLife(org), holds)
    const reply = await this.#timed('free', org, items.length, (redis) => runScript(redis, 'free', input))
    items.forEach((item, index) => {
      countFreed(this.#options.metrics, item.hold, String(reply.items[index]))
      this.#done(item)
    })
  }

  async #expireBatch(org: string, periodNo: number, leases: readonly Lease[]): Promise<number> {
    const books = new BooksInput(org, periodNo, this.#options.userDayLifeMs)
    const holds = leases.map(({ holdId, user, day }) => ({ ...books.hold(holdId, user, day), date: day }))
    const input = books.input(await this.#endOfLife(org), holds)
    const reply = await this.#timed('expire', org, leases.length, (redis) =>
      runScript(redis, 'expire', input),
    )
    this.#noticeCrossings(org, reply.head)
    return reply.items.filter((item) => countExpired(this.#options.metrics, String(item))).length
  }

  async #timed(
    name: CheckingScript,
    org: string,
    size: number,
    run: (redis: RedisClient) => Promise<unknown>,
  ) {
    const { redis, watch } = this.#options
    const started = performance.now()
    const answer = await watch.guard(org, () => run(redis))
    const reply = entries(answer, () => this.#options.metrics.fault(name))
    this.#options.metrics.script(name, (performance.now() - started) / 1_000, size)
    this.#options.clock.learn(readTime(reply.head))
    return reply
  }

  /** When hashes that a charge creates expire: at the open period's end of life, even in an older period. */
  async #endOfLife(org: string): Promise<number> {
    const { views, clock, watch } = this.#options
    const view = await watch.guard(org, () => views.current(org, clock.now()))
    return (view?.period.end ?? clock.now()) + PERIOD_LIFE_MS
  }

  #noticeCrossings(org: string, head: unknown): void {
    if (countCrossings(this.#options.metrics, head)) this.#options.onCrossings(org)
  }

  #noticeSettled({ hold, charge }: Item, status: string): void {
    if (charge === null) return
    const { metrics, logger } = this.#options
    countSettled(metrics, hold, charge, status)
    if (status === 'too_old') logger.error({ hold, charge }, 'a settle came after its horizon: not charged')
  }

  #done(item: Item): void {
    this.#pending -= 1
    if (item.attempts === 0) this.#underWay.wasTried(item.hold)
    this.#options.holds.closed(item.hold)
  }

  /**
   * Retries a failed item, or writes it to the journal if the store will not take it soon: it must outlive this
   * process.
   */
  #failed(queue: GroupCommit<Item>, item: Item, error: unknown): void {
    const { journal, watch } = this.#options
    const { hold, charge } = item
    if (mayHaveRun(error)) item.mayHaveCome = true
    const isUrgent = item.attempts >= ATTEMPTS_BEFORE_JOURNAL || watch.isDown(hold.org)
    if (journal === null || !isUrgent) {
      this.#tryAgain(queue, item)
      return
    }
    const journaled = charge === null ? journal.free(hold) : journal.settle(hold, charge, item.mayHaveCome)
    journaled.then(
      () => this.#done(item),
      () => this.#tryAgain(queue, item),
    )
  }

  #tryAgain(queue: GroupCommit<Item>, item: Item): void {
    if (item.attempts === 0) this.#underWay.wasTried(item.hold)
    item.attempts += 1
    const wait = Math.min(100 * 2 ** Math.min(item.attempts - 1, 10), SLOWEST_RETRY_MS)
    setTimeout(() => queue.add(item), wait).unref()
  }
}
