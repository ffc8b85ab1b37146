/** Metrics of the store: whether it answers, and how long calls waited for it. */
import type { Instruments } from '../metrics/instruments.ts'
import type { WaitMetrics } from './patience.ts'
import type { StoreWatch } from './watch.ts'

/** Seconds. */
const WAIT_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60]

export interface StoreMetrics {
  readonly waits: WaitMetrics
  /** The store, or a server of it, stopped answering or answers again. */
  transition(to: 'up' | 'down'): void
  /** Exports from now on whether the store answers. */
  showUp(watch: Pick<StoreWatch, 'isUp'>): void
}

export function createStoreMetrics(instruments: Instruments): StoreMetrics {
  const transitions = instruments.countersBy({
    name: 'tollgate_store_transitions_total',
    help: 'How often the store, or a server of it, stopped answering or answered again.',
    label: 'to',
    values: ['up', 'down'],
  })
  const waits = instruments.counter({
    name: 'tollgate_store_waits_total',
    help: 'Calls that had to wait for a store that did not answer.',
  })
  const waited = instruments.histogram({
    name: 'tollgate_store_wait_seconds',
    help: 'How long calls waited for a store that did not answer.',
    buckets: WAIT_BUCKETS,
  })
  return {
    waits: {
      storeWait: () => void (waits.count += 1),
      storeWaited: (seconds) => waited.observe('', seconds),
    },
    transition: (to) => void (transitions[to].count += 1),
    showUp: (watch) =>
      instruments.gauge({
        name: 'tollgate_store_up',
        help: 'Whether the store answers.',
        read: () => (watch.isUp() ? 1 : 0),
        aggregator: 'min',
      }),
  }
}
