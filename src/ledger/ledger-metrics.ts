/** Metrics of the ledger. On the hot path they only add numbers. */
import { CROSSING_TYPES, type CrossingType } from '../core/crossing.ts'
import { MICROCREDITS_PER_CREDIT } from '../core/units.ts'
import { LATENCY_BUCKETS, type Instruments } from '../metrics/instruments.ts'
import type { ScriptName } from '../store/scripts.ts'
import type { WaitMetrics } from '../store/patience.ts'

/** `returned`: charged when a lease expired, and given back because its call was not served. */
const CREDIT_KINDS = ['held', 'charged', 'freed', 'expired', 'returned'] as const
export type CreditKind = (typeof CREDIT_KINDS)[number]

/** Scripts that check the counters before they write. */
const CHECKING_SCRIPTS = [
  'reserve',
  'settle',
  'free',
  'expire',
  'replay',
] as const satisfies readonly ScriptName[]
export type CheckingScript = (typeof CHECKING_SCRIPTS)[number]

const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64]

export interface LedgerMetrics extends WaitMetrics {
  script(name: CheckingScript, seconds: number, batchSize: number): void
  /** `amount` in microcredits. */
  credits(kind: CreditKind, amount: number): void
  /** A provider reported more than the worst case that was held (C4). */
  holdExceeded(): void
  crossings(type: CrossingType, count: number): void
  /** A script refused a batch because the stored counters do not add up. */
  fault(script: CheckingScript): void
}

export function createLedgerMetrics(instruments: Instruments, waits: WaitMetrics): LedgerMetrics {
  const scripts = instruments.histogram({
    name: 'tollgate_ledger_seconds',
    help: 'Round trips to the store, by script.',
    label: 'script',
    buckets: LATENCY_BUCKETS,
  })
  const batches = instruments.histogram({
    name: 'tollgate_ledger_batch_size',
    help: 'Calls that shared one run of a script.',
    label: 'script',
    buckets: BATCH_BUCKETS,
  })
  const { credits, exceeded, crossings, faults } = counters(instruments)
  return {
    ...waits,
    script: (name, seconds, batchSize) => {
      scripts.observe(name, seconds)
      batches.observe(name, batchSize)
    },
    credits: (kind, amount) => void (credits[kind].count += amount),
    holdExceeded: () => void (exceeded.count += 1),
    crossings: (type, count) => void (crossings[type].count += count),
    fault: (script) => void (faults[script].count += 1),
  }
}

function counters(instruments: Instruments) {
  return {
    credits: instruments.countersBy({
      name: 'tollgate_credits_total',
      help: 'Credits by what became of them.',
      label: 'kind',
      values: CREDIT_KINDS,
      scale: MICROCREDITS_PER_CREDIT,
    }),
    exceeded: instruments.counter({
      name: 'tollgate_hold_exceeded_total',
      help: 'Calls that cost more than was held for them.',
    }),
    crossings: instruments.countersBy({
      name: 'tollgate_crossings_total',
      help: 'Thresholds and limits crossed.',
      label: 'type',
      values: CROSSING_TYPES,
    }),
    faults: instruments.countersBy({
      name: 'tollgate_ledger_faults_total',
      help: 'Batches that a script refused whole, because the counters in the store do not add up.',
      label: 'script',
      values: CHECKING_SCRIPTS,
    }),
  }
}

/** `openHolds` is read at each scrape. */
export function showOpenHolds(instruments: Instruments, openHolds: () => number): void {
  instruments.gauge({
    name: 'tollgate_holds_open',
    help: 'Open holds of this process.',
    read: openHolds,
  })
}
