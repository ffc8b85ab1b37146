/**
 * The relay moves crossings from the outbox of an organization to the queue of notices, and redeliveries to that of deliveries.
 *
 * It is woken when a script's reply says that crossings were recorded, and by the sweep for entries that a crash left behind.
 * Several gateways may relay the same entries at the same time: a crossing's id is a hash of the crossing, the queue takes an id
 * once, and the log remembers which crossings a queue had. An entry leaves the outbox after all of that, never before.
 */
import type { Logger } from 'pino'
import type { Crossing } from '../core/crossing.ts'
import type { UnixMs } from '../core/units.ts'
import type { RedisClient } from '../store/connection.ts'
import type { NoticeLog } from '../outbox/notice-log.ts'
import type { StoreClock } from '../store/clock.ts'
import {
  dropFromOutbox,
  readOutbox,
  recordedAt,
  type OutboxEntry,
  type OutboxPage,
} from '../outbox/outbox.ts'
import { logRetry } from '../store/faults.ts'
import { crossingOf, UnreadableEntry } from './crossing.ts'
import type { Queues } from './queue.ts'

export interface RelayOptions {
  readonly redis: RedisClient
  readonly log: NoticeLog
  readonly queues: Queues
  readonly clock: Pick<StoreClock, 'now'>
  readonly logger: Logger
}

/** Entries of one step, which share one call of each script. */
const BATCH = 100
/** Organizations that are relayed at the same time. */
const CONCURRENT = 4

type Readable = { readonly entryId: string; readonly crossing: Crossing }

export class Relay {
  readonly #options: RelayOptions
  /** Woken organizations, in order; one that is being relayed may be here again. */
  readonly #waiting = new Set<string>()
  readonly #running = new Map<string, Promise<void>>()
  /** By organization, when the oldest entry was recorded that could not be relayed. */
  readonly #stuck = new Map<string, UnixMs>()
  #isStopped = false

  constructor(options: RelayOptions) {
    this.#options = options
  }

  /** Relays an organization's outbox soon. Calls that come before that run share it. */
  wake(org: string): void {
    if (this.#isStopped) return
    this.#waiting.add(org)
    this.#startNext()
  }

  /** Organizations whose last relay failed. */
  get stuck(): ReadonlyMap<string, UnixMs> {
    return this.#stuck
  }

  /** Resolves when no organization waits or is being relayed. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values())
  }

  /** Finishes what it was woken for, within `ms`, and relays nothing after that. */
  async stop(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const deadline = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))
    await Promise.race([this.idle(), deadline])
    clearTimeout(timer)
    this.#isStopped = true
    this.#waiting.clear()
  }

  #startNext(): void {
    for (const org of this.#waiting) {
      if (this.#running.size >= CONCURRENT) return
      if (this.#running.has(org)) continue
      this.#waiting.delete(org)
      const run = this.#run(org).finally(() => {
        this.#running.delete(org)
        this.#startNext()
      })
      this.#running.set(org, run)
    }
  }

  async #run(org: string): Promise<void> {
    let reached: UnixMs | null = null
    try {
      let after: string | null = null
      for (;;) {
        const page: OutboxPage | null = await readOutbox(this.#options.redis, org, after, BATCH)
        const first = page?.entries[0]
        if (page === null || first === undefined) break
        reached ??= recordedAt(first.entryId)
        await this.#relay(org, page)
        after = page.entries.at(-1)?.entryId ?? null
        if (page.entries.length < BATCH || this.#isStopped) break
      }
      this.#stuck.delete(org)
    } catch (error) {
      // The entries are still there: the next sweep, or the next crossing, tries again.
      logRetry(this.#options.logger, error, { org }, 'crossings wait in the outbox')
      this.#stuck.set(org, this.#stuck.get(org) ?? reached ?? this.#options.clock.now())
    }
  }

  async #relay(org: string, { orgCreatedAt, entries }: OutboxPage): Promise<void> {
    const { log, queues } = this.#options
    await this.#relayAgain(org, entries)
    const readable = entries.flatMap((entry) => this.#read(org, orgCreatedAt, entry))
    const opened = await log.open(
      orgCreatedAt,
      readable.map(({ crossing }) => crossing),
    )
    if (opened === 'other_org') return
    // A crossing that a queue had before must not be queued again.
    await queues.addCrossings(
      readable.flatMap(({ crossing }, i) => (opened[i] === 'relayed' ? [] : [crossing])),
    )
    await log.relayed(
      org,
      readable.map(({ entryId, crossing }) => ({ entryId, id: crossing.id })),
    )
  }

  async #relayAgain(org: string, entries: readonly OutboxEntry[]): Promise<void> {
    const { redis, log, queues } = this.#options
    const done: string[] = []
    for (const entry of entries) {
      const wish = redeliveryOf(entry)
      if (wish === null) continue
      const found = await log.get(org, wish.notice)
      if (found !== null) await queues.addFanOut(found.crossing, wish.round)
      done.push(entry.entryId)
    }
    await dropFromOutbox(redis, org, done)
  }

  #read(org: string, orgCreatedAt: string, entry: OutboxEntry): Readable[] {
    if (redeliveryOf(entry) !== null) return []
    try {
      return [{ entryId: entry.entryId, crossing: crossingOf(org, orgCreatedAt, entry) }]
    } catch (error) {
      if (!(error instanceof UnreadableEntry)) throw error
      const { entryId } = entry
      this.#options.logger.error({ org, entryId, reason: error.message }, 'an outbox entry cannot be read')
      return []
    }
  }
}

/** The notice that an admin wants redelivered (N2); null where the entry is a crossing. */
function redeliveryOf({ fields }: OutboxEntry): { notice: string; round: number } | null {
  const { type, notice = '', round = '' } = fields
  const isRedelivery = type === 'redelivery' && notice !== '' && /^\d{1,15}$/.test(round)
  return isRedelivery ? { notice, round: Number(round) } : null
}
