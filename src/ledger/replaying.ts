/** Sends the entries of the journals to the store as soon as it answers: in order, and each entry once (D2). */
import { UnsoundBooks } from '../store/unavailable.ts'
import { dayAt } from '../core/period.ts'
import type { BillingPeriod } from '../core/policy.ts'
import { NOTHING, type Day, type UnixMs } from '../core/units.ts'
import type { Logger } from 'pino'
import { BooksInput, chargeItem } from './books-input.ts'
import type { RedisClient } from '../store/connection.ts'
import type { Journal } from '../journal/journal.ts'
import { orgOf, type Book, type Payable } from '../journal/book.ts'
import * as keys from '../store/keys.ts'
import type { LedgerMetrics } from './ledger-metrics.ts'
import type { OrgView, OrgViews } from './org-views.ts'
import { entries } from './replies.ts'
import { countCrossings, countFreed, countSettled } from './resolved-credits.ts'
import { runScript } from '../store/scripts.ts'
import type { StoreClock } from '../store/clock.ts'
import { logRetry } from '../store/faults.ts'
import type { StoreWatch } from '../store/watch.ts'
import { PERIOD_LIFE_MS } from '../store/lifetimes.ts'

export interface ReplayingOptions {
  readonly redis: RedisClient
  readonly watch: StoreWatch
  readonly views: OrgViews
  readonly clock: StoreClock
  readonly journal: Journal
  readonly metrics: LedgerMetrics
  readonly logger: Logger
  readonly userDayLifeMs: number
  readonly onCrossings: (org: string) => void
}

const ROUND_MS = 250
const ADOPT_ROUNDS = 20
const UNSOUND_ROUNDS = 40
const MAX_BATCH = 64

/** An entry with the period and the day that it is charged to. */
interface Dated {
  readonly entry: Payable
  readonly periodNo: number
  readonly day: Day
}

export class Replaying {
  readonly #options: ReplayingOptions
  readonly #timer: NodeJS.Timeout
  /** Organizations whose counters do not add up, with the round from which on they are retried. */
  readonly #pausedUntil = new Map<string, number>()
  #isBusy = false
  #rounds = 0

  constructor(options: ReplayingOptions) {
    this.#options = options
    options.journal.adopt()
    this.#timer = setInterval(() => void this.#round(), ROUND_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #round(): Promise<void> {
    if (this.#isBusy) return
    this.#isBusy = true
    const { journal, logger } = this.#options
    try {
      this.#rounds += 1
      if (this.#rounds % ADOPT_ROUNDS === 0) journal.adopt()
      for (const book of journal.books) await this.#replay(book)
      await journal.tidy()
    } catch (error) {
      logRetry(logger, error, {}, 'replaying a journal failed, and is tried again')
    }
    this.#isBusy = false
  }

  async #replay(book: Book): Promise<void> {
    const { watch, logger } = this.#options
    for (const [org, due] of byOrg(book.payable)) {
      if (watch.isDown(org) || this.#rounds < (this.#pausedUntil.get(org) ?? 0)) continue
      try {
        await this.#replayOrg(book, org, due)
      } catch (error) {
        // Only an operator can repair the counters, and until then the log must not fill up.
        if (error instanceof UnsoundBooks) this.#pausedUntil.set(org, this.#rounds + UNSOUND_ROUNDS)
        const fields = { org, journal: book.file.id }
        logRetry(logger, error, fields, 'replaying a journal failed, and is tried again')
      }
    }
  }

  async #replayOrg(book: Book, org: string, due: readonly Payable[]): Promise<void> {
    const { views, clock, watch, logger } = this.#options
    for (let rest = due; rest.length > 0;) {
      const view = await watch.guard(org, () => views.current(org, clock.now()))
      if (view === null) {
        logger.warn({ org, entries: rest.length }, 'a journal has charges of an organization that is gone')
        book.paid(new Set(rest))
        return
      }
      const batch = await this.#samePeriod(view, rest.slice(0, MAX_BATCH))
      await this.#charge(book, view, batch)
      book.paid(new Set(batch.map(({ entry }) => entry)))
      rest = rest.slice(batch.length)
    }
  }

  /** The leading entries that belong to one period. */
  async #samePeriod(view: OrgView, due: readonly Payable[]): Promise<Dated[]> {
    const batch: Dated[] = []
    for (const entry of due) {
      const dated = await this.#dated(view, entry)
      if (batch[0] !== undefined && batch[0].periodNo !== dated.periodNo) break
      batch.push(dated)
    }
    return batch
  }

  /** A call belongs to the period that was open when it was let through (P3). */
  async #dated(view: OrgView, entry: Payable): Promise<Dated> {
    if ('hold' in entry) return { entry, periodNo: entry.hold.periodNo, day: entry.hold.day }
    const { at } = entry.call
    let { period } = view
    while (at < period.start && period.no > 1) {
      const before = await this.#period(view.org, period.no - 1)
      if (before === null || before.end <= at) break
      period = before
    }
    return { entry, periodNo: period.no, day: dayAt(view.billing.timezone, at).day }
  }

  async #period(org: string, no: number): Promise<BillingPeriod | null> {
    const { redis, watch } = this.#options
    const [start, end] = await watch.guard(org, () => redis.hmget(keys.total(org, no), 'start', 'end'))
    if (typeof start !== 'string' || typeof end !== 'string') return null
    return { no, start: Number(start) as UnixMs, end: Number(end) as UnixMs }
  }

  async #charge(book: Book, { org, period }: OrgView, batch: readonly Dated[]): Promise<void> {
    const { redis, watch, userDayLifeMs, metrics, onCrossings } = this.#options
    const books = new BooksInput(org, batch[0]?.periodNo ?? period.no, userDayLifeMs)
    const items = batch.map((dated) => itemOf(books, dated))
    const input = {
      ...books.input(period.end + PERIOD_LIFE_MS, items),
      keys: { ...books.keys(), journals: keys.journals(org) },
      args: { ...books.args(period.end + PERIOD_LIFE_MS), journal: book.file.id },
    }
    const started = performance.now()
    const answer = await watch.guard(org, () => runScript(redis, 'replay', input))
    const reply = entries(answer, () => metrics.fault('replay'))
    metrics.script('replay', (performance.now() - started) / 1_000, batch.length)
    batch.forEach(({ entry }, index) => this.#notice(book, entry, String(reply.items[index])))
    if (countCrossings(metrics, reply.head)) onCrossings(org)
  }

  #notice(book: Book, entry: Payable, status: string): void {
    const { metrics, logger } = this.#options
    if (entry.kind === 'free') countFreed(metrics, entry.hold, status)
    else if (entry.kind === 'settle') countSettled(metrics, entry.hold, entry.charge, status)
    else if (status === 'charged') metrics.credits('charged', entry.charge.cost)
    if (status === 'too_old')
      logger.error(
        { journal: book.file.id, entry },
        'nobody knows whether this was charged: it is not, again',
      )
  }
}

function byOrg(payable: readonly Payable[]): Map<string, Payable[]> {
  const groups = new Map<string, Payable[]>()
  for (const entry of payable) {
    const group = groups.get(orgOf(entry))
    if (group === undefined) groups.set(orgOf(entry), [entry])
    else group.push(entry)
  }
  return groups
}

function itemOf(books: BooksInput, { entry, day }: Dated) {
  const { user, source, model, orgCreatedAt } = 'hold' in entry ? entry.hold : entry.call
  const charge =
    entry.kind === 'free' ? { cost: NOTHING, model, inputTokens: 0, outputTokens: 0 } : entry.charge
  return {
    seq: entry.seq,
    kind: entry.kind,
    ...('hold' in entry
      ? books.hold(entry.hold.id, user, day)
      : { hold_id: '', ...books.usage(user, day), bucket: 0 }),
    source,
    ...chargeItem(charge),
    org_created_at: orgCreatedAt,
    may_have_come: entry.kind === 'settle' && entry.mayHaveCome ? '1' : '',
  }
}
