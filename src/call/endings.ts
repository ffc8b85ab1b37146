/** How requests end: answered with a refusal or by the provider, counted, and logged where they are of the sample. */
import type { ServerResponse } from 'node:http'
import { refuse, type ErrorCode, type Refusal } from '../errors.ts'
import type { Family } from '../families/family.ts'
import type { Call } from './call.ts'
import type { CallMetrics, RequestOutcome } from './call-metrics.ts'
import type { CallLog, PassedEnding } from './call-log.ts'
import type { OpenRequest } from './open-calls.ts'
import { outcomeOf, writeRefusal } from './refusal.ts'

export interface EndingsOptions {
  readonly metrics: Pick<CallMetrics, 'request' | 'refused'>
  readonly calls: CallLog
  /** Whether the process is stopping: connections end with their answer. */
  readonly stopping: () => boolean
}

export const STORE_DOWN = refuse(
  'credit_store_unavailable',
  'The credit store cannot be reached right now. Try again in a moment.',
)

export class Endings {
  readonly #options: EndingsOptions

  constructor(options: EndingsOptions) {
    this.#options = options
  }

  /** Our own headers on an answer. The connection is closed after it once the process is stopping, so that clients move on. */
  headers(requestId: string): string[] {
    return this.#options.stopping()
      ? ['x-request-id', requestId, 'connection', 'close']
      : ['x-request-id', requestId]
  }

  /** Answers with a refusal in this format, and counts its code. */
  refuse(
    response: ServerResponse,
    format: Pick<Family, 'refusalBody'>,
    refusal: Refusal,
    requestId: string,
  ): void {
    this.#options.metrics.refused(refusal.code)
    writeRefusal(response, format, refusal, this.headers(requestId), requestId)
  }

  /** Answers a metered call with a refusal, which ends it. */
  refuseCall(call: Call, refusal: Refusal): void {
    this.refuse(call.opened.response, call.target.family, refusal, call.requestId)
    this.end(call, outcomeOf(refusal.code), refusal.code)
  }

  /** A metered call has ended. */
  end(call: Call, outcome: RequestOutcome, code: ErrorCode | null): void {
    const { target, route, record, opened, requestId, startedMs } = call
    this.#options.metrics.request(target.name, target.family.name, outcome)
    if (record === null) return
    const { request, response } = opened
    const status = response.headersSent ? response.statusCode : null
    this.#options.calls.end(record, {
      ...{ request, requestId, target, route: route.url, startedMs },
      ...{ outcome, code, status },
    })
  }

  /** A request that costs nothing has ended. */
  endFree({ request }: OpenRequest, ending: PassedEnding): void {
    const { target, outcome } = ending
    this.#options.metrics.request(target.name, target.family.name, outcome)
    this.#options.calls.passed(request, ending)
  }
}
