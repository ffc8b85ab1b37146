/** Metrics of the data plane. */
import { UNPRICED_KINDS, type UnpricedKind } from '../core/reports.ts'
import { ERRORS, type ErrorCode } from '../errors.ts'
import { LATENCY_BUCKETS, type Instruments, type Series } from '../metrics/instruments.ts'
import type { OpenCalls } from './open-calls.ts'

const OUTCOMES = [
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

/** Refusals for lack of credits. Refusals for other reasons are counted only under `tollgate_refusals_total`. */
const DENIALS = [
  'user_credit_limit_reached',
  'request_exceeds_credit_limit',
  'credits_in_flight',
] as const satisfies readonly ErrorCode[]

/** Seconds. */
const UPSTREAM_BUCKETS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]

export interface CallMetrics {
  /** Registers the counters of an upstream, so that they are exported as 0 before its first call. */
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
}

type ByOutcome = Readonly<Record<RequestOutcome, Series>>

export function createCallMetrics(instruments: Instruments, open: OpenCalls): CallMetrics {
  const seriesOf = instruments.counters({
    name: 'tollgate_requests_total',
    help: 'Calls by how they ended.',
    labels: ['upstream', 'family', 'outcome'],
  })
  const requests = new Map<string, ByOutcome>()
  function requestsOf(upstream: string, family: string): ByOutcome {
    // A reload may give an upstream another family.
    const key = `${family} ${upstream}`
    let known = requests.get(key)
    if (known === undefined) {
      const entries = OUTCOMES.map((outcome) => [outcome, seriesOf({ upstream, family, outcome })])
      known = Object.fromEntries(entries) as ByOutcome
      requests.set(key, known)
    }
    return known
  }
  const denials: Partial<Record<ErrorCode, Series>> = instruments.countersBy({
    name: 'tollgate_denials_total',
    help: 'Calls refused for credits, by error code.',
    label: 'code',
    values: DENIALS,
  })
  const refusals = instruments.countersBy({
    name: 'tollgate_refusals_total',
    help: 'Calls that the gateway answered with an error of its own, by error code.',
    label: 'code',
    values: Object.keys(ERRORS) as readonly ErrorCode[],
  })
  const unpriced = instruments.countersBy({
    name: 'tollgate_unpriced_usage_total',
    help: 'Usage that providers reported and that has no price of its own, charged as the closest kind.',
    label: 'kind',
    values: UNPRICED_KINDS,
  })
  const { overhead, upstream } = timings(instruments)
  instruments.gauge({
    name: 'tollgate_streams_open',
    help: 'Event streams that are being passed on.',
    read: () => open.streams,
  })
  return {
    declareUpstream: (name, family) => void requestsOf(name, family),
    request: (name, family, outcome) => void (requestsOf(name, family)[outcome].count += 1),
    overhead: (seconds) => overhead.observe('', seconds),
    upstream: (name, seconds) => upstream.observe(name, seconds),
    refused: (code) => {
      refusals[code].count += 1
      const denied = denials[code]
      if (denied !== undefined) denied.count += 1
    },
    unpriced: (kind) => void (unpriced[kind].count += 1),
  }
}

function timings(instruments: Instruments) {
  return {
    overhead: instruments.histogram({
      name: 'tollgate_request_overhead_seconds',
      help: "What the gateway adds before the upstream's first byte.",
      buckets: LATENCY_BUCKETS,
    }),
    upstream: instruments.histogram({
      name: 'tollgate_upstream_seconds',
      help: 'From sending a call to the end of its answer.',
      label: 'upstream',
      buckets: UPSTREAM_BUCKETS,
    }),
  }
}
