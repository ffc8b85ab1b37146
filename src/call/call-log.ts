/**
 * Writes one log line for each sampled call (`log.calls`): caller, model, outcome, credits and timings. Of the headers
 * it logs only the request id and the trace id. It reads no query, body or answer, so it cannot leak them.
 */
import type { IncomingMessage } from 'node:http'
import type { Logger } from 'pino'
import { toCredits } from '../core/units.ts'
import type { ErrorCode } from '../errors.ts'
import type { CallRecord, UpstreamTarget } from './call.ts'
import type { RequestOutcome } from './call-metrics.ts'

export interface CallLog {
  /** A record for a call of the sample; null for every other. */
  begin(): CallRecord | null
  end(record: CallRecord, ending: CallEnding): void
  /** Logs a call of a free route that was passed on to the provider or refused. */
  passed(request: IncomingMessage, ending: PassedEnding): void
}

export interface PassedEnding {
  readonly requestId: string
  readonly target: UpstreamTarget
  readonly outcome: RequestOutcome
  /** Status of the answer that the client got; null if no answer was begun. */
  readonly status: number | null
  readonly code: ErrorCode | null
  readonly startedMs: number
}

export interface CallEnding extends PassedEnding {
  readonly request: IncomingMessage
  readonly route: string
}

export interface CallLogOptions {
  /** The share of calls that are logged, from 0 to 1. */
  readonly sample: number
  readonly logger: Logger
  /** Returns a number from 0 up to, but not including, 1. */
  readonly random?: () => number
}

const TRACEPARENT = /^[\da-f]{2}-([\da-f]{32})-[\da-f]{16}-[\da-f]{2}(?:-|$)/
const NO_TRACE = '0'.repeat(32)

/** The trace's id in a `traceparent` header (W3C Trace Context, section 3.2.2); null where there is none. */
export function traceIdOf({ headers }: IncomingMessage): string | null {
  const given = headers['traceparent']
  const id = typeof given === 'string' ? TRACEPARENT.exec(given)?.[1] : undefined
  return id === undefined || id === NO_TRACE ? null : id
}

export function createCallLog({ sample, logger, random = Math.random }: CallLogOptions): CallLog {
  const isLogged = (): boolean => sample > 0 && random() < sample
  return {
    begin: () => (isLogged() ? emptyRecord() : null),
    end: (record, ending) => logger.info(lineOf(record, ending), 'call'),
    passed: (request, { requestId, target, outcome, status, code, startedMs }) => {
      if (!isLogged()) return
      const ms = { total: rounded(performance.now() - startedMs) }
      const { name: upstream, family } = target
      const traceId = traceIdOf(request)
      logger.info(
        {
          requestId,
          ...some({ traceId }),
          upstream,
          family: family.name,
          outcome,
          ...some({ code, status }),
          ms,
        },
        'call',
      )
    },
  }
}

function emptyRecord(): CallRecord {
  return {
    caller: null,
    model: null,
    stream: false,
    held: null,
    charge: null,
    sentMs: null,
    upstream: null,
  }
}

function lineOf(record: CallRecord, ending: CallEnding): object {
  const { request, requestId, target, route, outcome, code, status, startedMs } = ending
  const { caller, model, stream, held, charge, sentMs, upstream } = record
  const firstByteMs = upstream?.firstByteMs ?? null
  return {
    requestId,
    ...some({ traceId: traceIdOf(request) }),
    ...(caller === null ? {} : { org: caller.org, user: caller.user, source: caller.source }),
    upstream: target.name,
    family: target.family.name,
    method: request.method,
    route,
    ...some({ model }),
    stream,
    outcome,
    ...some({ code, status, upstreamStatus: upstream?.status ?? null, failure: upstream?.failure ?? null }),
    ...(held === null
      ? {}
      : { credits: { held: toCredits(held), charged: charge === null ? 0 : toCredits(charge.cost) } }),
    ...(charge === null ? {} : { tokens: { input: charge.inputTokens, output: charge.outputTokens } }),
    ms: {
      total: rounded(performance.now() - startedMs),
      ...some({
        added: sentMs === null ? null : rounded(sentMs - startedMs),
        firstByte: sentMs === null || firstByteMs === null ? null : rounded(firstByteMs - sentMs),
      }),
    },
  }
}

/** The facts whose value is not null. */
function some(facts: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== null))
}

/** Milliseconds to the microsecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1_000) / 1_000
}
