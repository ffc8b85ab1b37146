/** The metrics of all parts, and the gauges of their state. Each part defines its own. */
import { createCallMetrics, type CallMetrics } from '../call/call-metrics.ts'
import type { OpenCalls } from '../call/open-calls.ts'
import type { OnDrift } from '../directory/drift/check.ts'
import { createDriftMetrics } from '../directory/drift/drift-metrics.ts'
import type { Journal } from '../journal/journal.ts'
import { showJournal } from '../journal/journal-metrics.ts'
import { createLedgerMetrics, showOpenHolds, type LedgerMetrics } from '../ledger/ledger-metrics.ts'
import type { RedisLedger } from '../ledger/redis-ledger.ts'
import type { Instruments } from '../metrics/instruments.ts'
import { createNotificationMetrics, showNotices, type NotificationMetrics } from '../notifications/metrics.ts'
import type { Notices } from '../notifications/notifications.ts'
import { createStoreMetrics, type StoreMetrics } from '../store/store-metrics.ts'
import type { Store } from '../store/store.ts'

export interface Counting {
  readonly call: CallMetrics
  readonly store: StoreMetrics
  readonly ledger: LedgerMetrics
  readonly notifications: NotificationMetrics
  readonly onDrift: OnDrift
}

export function createCounting(instruments: Instruments, open: OpenCalls): Counting {
  const store = createStoreMetrics(instruments)
  return {
    call: createCallMetrics(instruments, open),
    store,
    ledger: createLedgerMetrics(instruments, store.waits),
    notifications: createNotificationMetrics(instruments),
    onDrift: createDriftMetrics(instruments),
  }
}

/** Gauges of these parts, read at each scrape. */
export function showState(
  instruments: Instruments,
  { store }: Counting,
  parts: {
    readonly store: Pick<Store, 'watch'>
    readonly ledger: Pick<RedisLedger, 'openHolds'>
    readonly journal: Pick<Journal, 'entries'>
    /** The notifications in force: a reload may replace them. */
    readonly notices: () => Notices
  },
): void {
  store.showUp(parts.store.watch)
  showOpenHolds(instruments, () => parts.ledger.openHolds())
  showJournal(instruments, parts.journal)
  showNotices(instruments, parts.notices)
}
