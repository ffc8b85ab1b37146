/**
 * The ledger on Redis, by the life of a hold. `Reserving` makes it and `Leases` renews it while its call runs.
 * `Resolving` ends it: settled (charged), freed, or expired because its gateway died. The store decides by the hold's
 * id which of these came first. An expired hold is corrected at most once, by its own settle or free. `Replaying`
 * brings the journal's entries to the store.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { UnixMs } from '../core/units.ts'
import { storeCall, type RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import type { Ledger } from './ledger.ts'
import type { LedgerMetrics } from './ledger-metrics.ts'
import { createAdminsToAsk } from './admins-to-ask.ts'
import { createLeases } from './leases.ts'
import type { Journal } from '../journal/journal.ts'
import { OpenHolds } from './open-holds.ts'
import { createOrgViews, type OrgViews } from './org-views.ts'
import type { CrossingType } from './replies.ts'
import { readStanding } from './standing.ts'
import { patiently, type Patience } from '../store/patience.ts'
import { Reserving } from './reserving.ts'
import { letThrough } from './let-through.ts'
import { Replaying } from './replaying.ts'
import { Resolving } from './resolving.ts'
import { createStoreClock, readStoreTime, type StoreClock } from '../store/clock.ts'
import { UNWATCHED, type StoreWatch } from '../store/watch.ts'

export interface RedisLedgerOptions {
  readonly redis: RedisClient
  readonly leaseMs: number
  /** How long usage by user and day is kept (P5). */
  readonly userDayLifeMs: number
  readonly metrics: LedgerMetrics
  readonly logger: Logger
  /** Called when a script has put crossings into an organization's outbox, so that the relay fetches them at once. */
  readonly onCrossings: (org: string) => void
  /** Knows whether the store answers; absent: each failure is handled on its own. */
  readonly watch?: StoreWatch
  /**
   * Absent: settles and frees that the store does not confirm stay in memory, and no call is let through without the
   * store.
   */
  readonly journal?: Journal
  /** The longest that a call waits for a store that does not answer; absent: 0. */
  readonly patienceMs?: number
  /** This machine's clock; absent: `Date.now`. */
  readonly wallClock?: () => number
}

export interface RedisLedger extends Ledger {
  readonly openHolds: () => number
  /** Opens the billing period that contains `now`, if the last one has ended. Rejects when the store does. */
  openPeriod(org: string, now: UnixMs): Promise<void>
  /** Counts crossings that were put into the outbox by something other than a call, and has them fetched. */
  crossed(org: string, type: CrossingType, count: number): void
  /** Expires every overdue lease now. Rejects when the store does. */
  sweep(): Promise<void>
  /** Stops the timers; open holds are left to their leases. */
  close(): void
}

const POLL_MS = 5

/** Requires a ready connection, since it reads the store's clock first. Rejects with StoreUnavailable. */
export async function createRedisLedger(options: RedisLedgerOptions): Promise<RedisLedger> {
  const { redis, leaseMs, metrics, logger, onCrossings, userDayLifeMs, watch = UNWATCHED } = options
  const { journal = null, patienceMs = 0 } = options
  const patience = { ms: patienceMs, metrics }
  const clock = createStoreClock(options.wallClock)
  clock.learn(await storeCall(() => readStoreTime(redis)))

  const views = createOrgViews(redis)
  const holds = new OpenHolds()
  const parts = { redis, watch, views, clock, holds, metrics, logger, userDayLifeMs, onCrossings }
  const resolving = new Resolving({ ...parts, journal })
  const leases = createLeases({ ...parts, leaseMs, resolving })
  const adminsToAsk = createAdminsToAsk(redis)
  const reserving = new Reserving({ ...parts, patience, leaseMs, resolving, adminsToAsk })
  const replaying = journal === null ? null : new Replaying({ ...parts, journal })

  return {
    reserve: (reservation) => reserving.reserve(reservation),
    letThrough: (reservation) => letThrough(journal, views, clock, reservation),
    settle: (hold, charge) => {
      if (hold.ticket === undefined) resolving.settle(hold, charge)
      else journal?.end(hold.ticket, charge)
    },
    free: (hold) => {
      if (hold.ticket === undefined) resolving.free(hold)
      else journal?.end(hold.ticket, null)
    },
    ...asking({ redis, watch, views, clock, patience }),
    drained: (ms) => drained(resolving, ms),
    async openPeriod(org, now) {
      views.forget(org)
      await views.current(org, now)
    },
    crossed: (org, type, count) => crossed(options, org, type, count),
    openHolds: () => holds.size,
    sweep: () => leases.sweep(),
    close: () => {
      reserving.close()
      leases.stop()
      replaying?.stop()
    },
  }
}

function crossed(
  { metrics, onCrossings }: RedisLedgerOptions,
  org: string,
  type: CrossingType,
  count: number,
): void {
  metrics.crossings(type, count)
  onCrossings(org)
}

async function drained(resolving: Resolving, ms: number): Promise<boolean> {
  const deadline = Date.now() + ms
  while (resolving.pending > 0 && Date.now() < deadline) await pause(POLL_MS)
  return resolving.pending === 0
}

/** Read-only questions, which decide nothing. */
function asking({
  redis,
  watch,
  views,
  clock,
  patience,
}: {
  readonly redis: RedisClient
  readonly watch: StoreWatch
  readonly views: OrgViews
  readonly clock: StoreClock
  readonly patience: Patience
}): Pick<Ledger, 'isMember' | 'standing'> {
  const read = <T>(org: string, ask: () => Promise<T>): Promise<T> =>
    storeCall(() => patiently(patience, watch, org, ask))
  return {
    isMember: (org, user) => read(org, async () => (await redis.hexists(keys.members(org), user)) === 1),
    standing: (org, user) =>
      read(org, async () => {
        views.forget(org)
        const view = await views.current(org, clock.now())
        return view === null ? null : readStanding(redis, view, user)
      }),
  }
}
