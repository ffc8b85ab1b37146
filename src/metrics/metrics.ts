/**
 * Every metric, by its name in docs/metrics.md. What the hot path counts are plain numbers; prom-client reads them only
 * when somebody scrapes, because a labelled `inc` costs 300 ns and an `observe` 550.
 */
import { type Aggregator, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { UnpricedKind } from '../core/reports.ts'
import type { ErrorCode } from '../errors.ts'
import type { OnDrift } from '../directory/drift/check.ts'
import type { CreditKind, LedgerMetrics } from '../ledger/ledger-metrics.ts'
import type { DeliveryChannel, DeliveryState } from '../outbox/notice-log.ts'
import type { CrossingType } from '../ledger/replies.ts'
import { createCounters, DENIALS } from './counters.ts'
import { createHistogram } from './histogram.ts'
import { type MetricReport, reportOf } from './report.ts'
import { version } from '../package.ts'

export const OUTCOMES = [
  'ok',
  'denied',
  'busy',
  'unauthorized',
  'rejected',
  'upstream_error',
  'client_gone',
  'store_down',
] as const
export type RequestOutcome = (typeof OUTCOMES)[number]

const LATENCY_BUCKETS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
]
const UPSTREAM_BUCKETS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]
const WAIT_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60]
const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64]

/** How many jobs of a queue are in a state. */
interface QueueJobs {
  readonly queue: string
  readonly state: string
  readonly jobs: number
}

/** Numbers that others own, read at each scrape. */
export interface Gauges {
  readonly openHolds: () => number
  readonly openStreams: () => number
  readonly storeUp: () => boolean
  /** Seconds; see notices/sweep.ts. */
  readonly outboxLag: () => number
  /** None where that is not known; see notices/depth.ts. */
  readonly queueJobs: () => readonly QueueJobs[]
  /** What waits on disk for the store. */
  readonly journalEntries: () => number
}

/** What a scraper is answered. */
export interface Scrape {
  readonly contentType: string
  readonly body: string
  readonly status: number
}

export interface Metrics {
  readonly ledger: LedgerMetrics
  /** Makes the upstream's calls countable from 0 on. */
  declareUpstream(upstream: string, family: string): void
  request(upstream: string, family: string, outcome: RequestOutcome): void
  /** Seconds between the call's arrival and its dispatch to the upstream. */
  overhead(seconds: number): void
  /** Seconds between dispatch and the end of the answer. */
  upstream(name: string, seconds: number): void
  /** A call was answered with an error of our own. */
  refused(code: ErrorCode): void
  /** A provider reported usage of a kind that has no price of its own. */
  unpriced(kind: UnpricedKind): void
  /** A delivery came to a state. */
  notification(channel: DeliveryChannel, state: DeliveryState): void
  /** A configuration was refused while the gateway runs. */
  reloadFailed(): void
  /** So many users' counters were compared with usage and holds, and differed by so much in sum. */
  drift: OnDrift
  /** The store, or a server of it, stopped answering or answers again. */
  storeTransition(to: 'up' | 'down'): void
  /** Connects the gauges; before that, a scrape shows them as zero. */
  watch(gauges: Gauges): void
  scrape(): Promise<Scrape>
  /** The same as plain data, to be summed with that of other processes. */
  report(): Promise<MetricReport>
  /** Of a scrape's text. */
  readonly contentType: string
}

/** `aggregator` is how the gauges of several processes become one. */
function gauge(
  registry: Registry,
  name: string,
  help: string,
  read: () => number,
  aggregator: Aggregator = 'sum',
): void {
  new Gauge({
    name,
    help,
    aggregator,
    registers: [registry],
    collect() {
      this.set(read())
    },
  })
}

function createHistograms(registry: Registry) {
  const histogram = (name: string, help: string, label: string | null, buckets: readonly number[]) =>
    createHistogram(registry, { name, help, label, buckets })
  return {
    overhead: histogram(
      'tollgate_request_overhead_seconds',
      "What the gateway adds before the upstream's first byte.",
      null,
      LATENCY_BUCKETS,
    ),
    upstream: histogram(
      'tollgate_upstream_seconds',
      'From sending a call to the end of its answer.',
      'upstream',
      UPSTREAM_BUCKETS,
    ),
    scripts: histogram(
      'tollgate_ledger_seconds',
      'Round trips to the store, by script.',
      'script',
      LATENCY_BUCKETS,
    ),
    storeWaits: histogram(
      'tollgate_store_wait_seconds',
      'How long calls waited for a store that did not answer.',
      null,
      WAIT_BUCKETS,
    ),
    batches: histogram(
      'tollgate_ledger_batch_size',
      'Calls that shared one run of a script.',
      'script',
      BATCH_BUCKETS,
    ),
  }
}

/** Without samples where nothing is known. Each process counts the same queues: together they know the largest count. */
function queueGauge(registry: Registry, read: () => readonly QueueJobs[]): void {
  new Gauge({
    name: 'tollgate_queue_jobs',
    help: 'Jobs in the queues of notifications.',
    labelNames: ['queue', 'state'],
    aggregator: 'max',
    registers: [registry],
    collect() {
      this.reset()
      for (const { queue, state, jobs } of read()) this.set({ queue, state }, jobs)
    },
  })
}

function registerGauges(registry: Registry, gauges: () => Gauges): void {
  const show = (name: string, help: string, read: (gauges: Gauges) => number, aggregator?: Aggregator) =>
    gauge(registry, name, help, () => read(gauges()), aggregator)
  show('tollgate_holds_open', 'Open holds of this process.', ({ openHolds }) => openHolds())
  show('tollgate_streams_open', 'Event streams that are being passed on.', ({ openStreams }) => openStreams())
  show(
    'tollgate_outbox_lag_seconds',
    'Age of the oldest crossing that no queue has.',
    ({ outboxLag }) => outboxLag(),
    'max',
  )
  queueGauge(registry, () => gauges().queueJobs())
  show(
    'tollgate_journal_entries',
    'Entries on disk that the store does not have yet.',
    ({ journalEntries }) => journalEntries(),
  )
  show('tollgate_store_up', 'Whether the store answers.', ({ storeUp }) => (storeUp() ? 1 : 0), 'min')
  new Gauge({
    name: 'tollgate_build_info',
    help: 'Always 1; the label says what runs.',
    labelNames: ['version'],
    aggregator: 'max',
    registers: [registry],
  }).set({ version: version() }, 1)
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  let gauges: Gauges = {
    openHolds: () => 0,
    openStreams: () => 0,
    storeUp: () => false,
    outboxLag: () => 0,
    queueJobs: () => [],
    journalEntries: () => 0,
  }
  const counters = createCounters(registry)
  const { requests, denials, refusals, credits, crossings, notifications, exceeded, reloadFailures } =
    counters
  const { overhead, upstream, scripts, batches, storeWaits } = createHistograms(registry)
  registerGauges(registry, () => gauges)

  return {
    ledger: {
      script: (name, seconds, batchSize) => {
        scripts.observe(name, seconds)
        batches.observe(name, batchSize)
      },
      credits: (kind: CreditKind, amount) => credits.add(kind, amount, () => ({ kind })),
      holdExceeded: () => exceeded.add('', 1, () => ({})),
      crossings: (type: CrossingType, count) => crossings.add(type, count, () => ({ type })),
      fault: (script) => counters.faults.add(script, 1, () => ({ script })),
      storeWait: () => counters.storeWaits.add('', 1, () => ({})),
      storeWaited: (seconds) => storeWaits.observe('', seconds),
    },
    declareUpstream: (name, family) => {
      for (const outcome of OUTCOMES)
        requests.declare(`${name} ${outcome}`, { upstream: name, family, outcome })
    },
    request: (name, family, outcome) =>
      requests.add(`${name} ${outcome}`, 1, () => ({ upstream: name, family, outcome })),
    overhead: (seconds) => overhead.observe('', seconds),
    upstream: (name, seconds) => upstream.observe(name, seconds),
    refused: (code) => {
      refusals.add(code, 1, () => ({ code }))
      if (DENIALS.has(code)) denials.add(code, 1, () => ({ code }))
    },
    unpriced: (kind) => counters.unpriced.add(kind, 1, () => ({ kind })),
    notification: (channel, state) => notifications.add(`${channel} ${state}`, 1, () => ({ channel, state })),
    reloadFailed: () => reloadFailures.add('', 1, () => ({})),
    drift: (checkedUsers, difference) => {
      counters.driftChecked.add('', checkedUsers, () => ({}))
      counters.drift.add('', difference, () => ({}))
    },
    storeTransition: (to) => counters.transitions.add(to, 1, () => ({ to })),
    watch: (watched) => {
      gauges = watched
    },
    scrape: async () => ({ contentType: registry.contentType, body: await registry.metrics(), status: 200 }),
    report: () => reportOf(registry),
    contentType: registry.contentType,
  }
}
