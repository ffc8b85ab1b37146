/** Ends requests: writes refusals, counts outcomes, and logs sampled calls. */
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
  /** Whether the process is stopping. Then each connection is closed after its answer. */
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

  /**
   * The gateway's own headers for an answer. While the process is stopping they close the connection, so that clients
   * move to another gateway.
   */
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

  /** Answers a metered call with a refusal and ends the call. */
  refuseCall(call: Call, refusal: Refusal): void {
    this.refuse(call.opened.response, call.target.family, refusal, call.requestId)
    this.end(call, outcomeOf(refusal.code), refusal.code)
  }

  /** Counts a metered call that has ended, and logs it if it is sampled. */
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

  /** Counts a request of a free route that has ended, and logs it if it is sampled. */
  endFree({ request }: OpenRequest, ending: PassedEnding): void {
    const { target, outcome } = ending
    this.#options.metrics.request(target.name, target.family.name, outcome)
    this.#options.calls.passed(request, ending)
  }
}
