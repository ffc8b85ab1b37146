/**
 * Every metric, by the names of the contract. What the hot path counts are plain numbers; prom-client reads them only
 * when somebody scrapes, because a labelled `inc` costs 300 ns and an `observe` 550.
 */
import { type Aggregator, collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'
import type { ErrorCode } from './errors.ts'
import type { CreditKind, LedgerMetrics } from './ledger/ledger-metrics.ts'
import type { DeliveryChannel, DeliveryState } from './ledger/notice-log.ts'
import type { CrossingType } from './ledger/replies.ts'
import { MICROCREDITS_PER_CREDIT } from './core/units.ts'
import { createHistogram } from './metrics-histogram.ts'
import { type MetricReport, reportOf } from './metrics-report.ts'

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

const LATENCY_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5]
const UPSTREAM_BUCKETS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]
const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64]

/** Numbers that others own, read at each scrape. */
export interface Gauges {
  readonly openHolds: () => number
  readonly openStreams: () => number
  readonly storeUp: () => boolean
  /** Seconds; see notices/sweep.ts. */
  readonly outboxLag: () => number
}

/** What a scraper is answered. */
export interface Scrape {
  readonly contentType: string
  readonly body: string
  readonly status: number
}

export interface Metrics {
  readonly ledger: LedgerMetrics
  request(upstream: string, family: string, outcome: RequestOutcome): void
  /** Seconds between the call's arrival and its dispatch to the upstream. */
  overhead(seconds: number): void
  /** Seconds between dispatch and the end of the answer. */
  upstream(name: string, seconds: number): void
  denial(code: ErrorCode): void
  /** A delivery came to a state. */
  notification(channel: DeliveryChannel, state: DeliveryState): void
  /** Connects the gauges; before that, a scrape shows them as zero. */
  watch(gauges: Gauges): void
  scrape(): Promise<Scrape>
  /** The same as plain data, to be summed with that of other processes. */
  report(): Promise<MetricReport>
  /** Of a scrape's text. */
  readonly contentType: string
}

/** A count by label values: a plain number in a map, found by one string. */
class Tally {
  readonly #counts = new Map<string, { labels: Record<string, string>; count: number }>()

  add(key: string, count: number, labels: () => Record<string, string>): void {
    const known = this.#counts.get(key)
    if (known === undefined) this.#counts.set(key, { labels: labels(), count })
    else known.count += count
  }

  register(registry: Registry, name: string, help: string, labelNames: string[], scale = 1): void {
    const counts = this.#counts
    new Counter({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset()
        for (const { labels, count } of counts.values()) this.inc(labels, count / scale)
      },
    })
  }
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

function createTallies(registry: Registry) {
  const tallies = {
    requests: new Tally(),
    denials: new Tally(),
    credits: new Tally(),
    crossings: new Tally(),
    notifications: new Tally(),
    exceeded: new Tally(),
  }
  const { requests, denials, credits, crossings, notifications, exceeded } = tallies
  requests.register(registry, 'tollgate_requests_total', 'Calls by how they ended.', [
    'upstream',
    'family',
    'outcome',
  ])
  denials.register(registry, 'tollgate_denials_total', 'Calls refused for credits, by error code.', ['code'])
  credits.register(
    registry,
    'tollgate_credits_total',
    'Credits by what became of them.',
    ['kind'],
    MICROCREDITS_PER_CREDIT,
  )
  crossings.register(registry, 'tollgate_crossings_total', 'Thresholds and limits crossed.', ['type'])
  notifications.register(
    registry,
    'tollgate_notifications_total',
    'Deliveries of notices by the state that they came to.',
    ['channel', 'state'],
  )
  exceeded.register(
    registry,
    'tollgate_hold_exceeded_total',
    'Calls that cost more than was held for them.',
    [],
  )
  // A counter that does not exist until it counts breaks `rate()` on its first increase.
  exceeded.add('', 0, () => ({}))
  return tallies
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
    batches: histogram(
      'tollgate_ledger_batch_size',
      'Calls that shared one run of a script.',
      'script',
      BATCH_BUCKETS,
    ),
  }
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  let gauges: Gauges = { openHolds: () => 0, openStreams: () => 0, storeUp: () => false, outboxLag: () => 0 }
  const { requests, denials, credits, crossings, notifications, exceeded } = createTallies(registry)
  const { overhead, upstream, scripts, batches } = createHistograms(registry)
  gauge(registry, 'tollgate_holds_open', 'Open holds of this process.', () => gauges.openHolds())
  gauge(registry, 'tollgate_streams_open', 'Event streams that are being passed on.', () =>
    gauges.openStreams(),
  )
  gauge(
    registry,
    'tollgate_outbox_lag_seconds',
    'Age of the oldest crossing that no queue has.',
    () => gauges.outboxLag(),
    'max',
  )
  gauge(registry, 'tollgate_store_up', 'Whether the store answers.', () => (gauges.storeUp() ? 1 : 0), 'min')

  return {
    ledger: {
      script: (name, seconds, batchSize) => {
        scripts.observe(name, seconds)
        batches.observe(name, batchSize)
      },
      credits: (kind: CreditKind, amount) => credits.add(kind, amount, () => ({ kind })),
      holdExceeded: () => exceeded.add('', 1, () => ({})),
      crossings: (type: CrossingType, count) => crossings.add(type, count, () => ({ type })),
    },
    request: (name, family, outcome) =>
      requests.add(`${name} ${outcome}`, 1, () => ({ upstream: name, family, outcome })),
    overhead: (seconds) => overhead.observe('', seconds),
    upstream: (name, seconds) => upstream.observe(name, seconds),
    denial: (code) => denials.add(code, 1, () => ({ code })),
    notification: (channel, state) => notifications.add(`${channel} ${state}`, 1, () => ({ channel, state })),
    watch: (watched) => {
      gauges = watched
    },
    scrape: async () => ({ contentType: registry.contentType, body: await registry.metrics(), status: 200 }),
    report: () => reportOf(registry),
    contentType: registry.contentType,
  }
}
