/** The path of a metered call: identify → price → reserve → forward → meter → settle. Each step is a file that knows none of
 *  the others; this file is their table of contents. */
import type { IncomingMessage } from 'node:http'
import { StoreUnavailable } from '../store/unavailable.ts'
import { isRefusal, refuse, type ErrorCode, type Refusal } from '../errors.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Logger } from 'pino'
import type { Metrics, RequestOutcome } from '../metrics/metrics.ts'
import type { PriceBook } from '../prices/price-book.ts'
import { LOST, type Call, type Caller, type Outcome, type PricedCall, type UpstreamTarget } from './call.ts'
import type { CallLog, CallRecord } from './call-log.ts'
import { forwardableQuery } from './credentials.ts'
import type { Drains } from './drain.ts'
import { onConnectionClosed } from './client-connection.ts'
import { forward } from './forward.ts'
import { standingHeaders, upstreamHeaders } from './headers.ts'
import { identify, type LookUp } from './identify.ts'
import { createMeter } from './meter.ts'
import { price } from './price.ts'
import { outcomeOf, outcomeOfExchange, writeRefusal } from './refusal.ts'
import { reserve, type Admission } from './reserve.ts'
import { settle } from './settle.ts'
import type { UnpricedUsage } from './unpriced.ts'
import { upstreamPath } from './upstream-path.ts'

export interface PipelineOptions {
  readonly lookUp: LookUp
  readonly book: PriceBook
  readonly ledger: Ledger
  readonly drains: Drains
  readonly metrics: Metrics
  readonly logger: Logger
  readonly calls: CallLog
  readonly unpriced: UnpricedUsage
  readonly maxConcurrent: number
  /** Whether the process is stopping (SIGTERM): connections end with their answer. */
  readonly stopping: () => boolean
  /** Whether no new call is taken any more, because the grace for load balancers is over. */
  readonly refusing: () => boolean
}

const STORE_DOWN = refuse(
  'credit_store_unavailable',
  'The credit store cannot be reached right now. Try again in a moment.',
)

/** The connection is closed after the answer once the process is stopping, so that clients move on. */
function ownHeaders(call: Call, stopping: boolean): string[] {
  return stopping ? ['x-request-id', call.requestId, 'connection', 'close'] : ['x-request-id', call.requestId]
}

export class Pipeline {
  #options: PipelineOptions
  #inFlight = 0
  #openStreams = 0

  constructor(options: PipelineOptions) {
    this.#options = options
  }

  /** For calls that arrive from now on, and what those under way have not begun yet. */
  reconfigure(
    changes: Pick<PipelineOptions, 'lookUp' | 'book' | 'drains' | 'calls' | 'maxConcurrent'>,
  ): void {
    this.#options = { ...this.#options, ...changes }
  }

  get inFlight(): number {
    return this.#inFlight
  }

  get openStreams(): number {
    return this.#openStreams
  }

  /** For a call that arrives: what the log wants to know of it. */
  record(): CallRecord | null {
    return this.#options.calls.begin()
  }

  /** Who calls, before the body is read. Calls `goOn` where the call was not answered with a refusal: mostly at once. */
  arrive(call: Call, goOn: () => void): void {
    const { refusing, maxConcurrent, lookUp } = this.#options
    if (refusing()) {
      this.refuse(
        call,
        refuse('shutting_down', 'This gateway is stopping. Try again: another one will answer.'),
      )
      return
    }
    if (this.#inFlight >= maxConcurrent) {
      this.refuse(call, refuse('overloaded', 'Too many calls are in flight here. Try again in a moment.'))
      return
    }
    this.#enter(call)
    const { request } = call
    const arrived = (caller: Caller | Refusal): void => {
      if (isRefusal(caller)) {
        this.refuse(call, caller)
        return
      }
      call.caller = caller
      goOn()
    }
    const caller = identify(lookUp, request.headers, request.url ?? '')
    if (!(caller instanceof Promise)) {
      arrived(caller)
      return
    }
    const asked = performance.now()
    caller
      .finally(() => (call.identifiedMs = performance.now() - asked))
      .then(arrived, (error: unknown) => this.#fail(call, error))
  }

  /** Everything after that; calls `onEnd` when it is over. Never rejects. */
  async handle(call: Call, body: Buffer, onEnd: () => void): Promise<void> {
    const { caller } = call
    if (caller === null) throw new Error('a call is identified before it is handled')
    call.stopWatching()
    try {
      const refusal = await this.#run(call, caller, body)
      if (refusal !== null) this.refuse(call, refusal)
    } catch (error) {
      this.#fail(call, error)
    } finally {
      this.#leave(call)
      onEnd()
    }
  }

  /** Ends a call that the store does not answer (D1), or that met a fault of our own. Never throws: nobody could catch it. */
  #fail(call: Call, error: unknown): void {
    if (error instanceof StoreUnavailable) {
      // The watch over the store says once that it is down; a line for each call would drown it.
      this.#options.logger.debug({ reason: error.message }, 'the credit store did not answer')
      if (call.request.socket.destroyed) this.#hungUp(call)
      else this.refuse(call, STORE_DOWN)
      return
    }
    this.#fault(call, error)
    try {
      if (call.response.headersSent) call.response.destroy()
      else
        this.refuse(
          call,
          refuse('internal_error', 'The gateway failed on this call: its log has the reason.'),
        )
    } catch (second) {
      this.#fault(call, second)
      call.response.destroy()
    }
  }

  /** Ends a call whose client left before it was decided. */
  #hungUp(call: Call): void {
    this.#leave(call)
    this.#end(call, 'client_gone', null)
  }

  #fault({ requestId }: Call, error: unknown): void {
    this.#options.logger.error({ err: error, requestId }, 'a call failed inside the gateway')
  }

  /** From here on the call counts as in flight: also while its body comes, and until its hold is settled. */
  #enter(call: Call): void {
    this.#inFlight += 1
    call.isCounted = true
    call.stopWatching = onConnectionClosed(call.request.socket, () => this.#leave(call))
  }

  #leave(call: Call): void {
    if (!call.isCounted) return
    call.isCounted = false
    call.stopWatching()
    this.#inFlight -= 1
  }

  /** Counts an error of our own that takes another way than `refuse`. */
  countRefusal({ code }: Refusal): void {
    this.#options.metrics.refused(code)
  }

  /** Counts a call that costs nothing, which takes another way than `handle`, and logs it like the others. */
  passed(request: IncomingMessage, ending: Parameters<CallLog['passed']>[1]): void {
    this.count(ending.target, ending.outcome)
    this.#options.calls.passed(request, ending)
  }

  count(target: UpstreamTarget, outcome: RequestOutcome): void {
    this.#options.metrics.request(target.name, target.family.name, outcome)
  }

  /** Answers a call with a refusal, and counts it. */
  refuse(call: Call, refusal: Refusal): void {
    const { metrics, stopping } = this.#options
    const { target, requestId, response } = call
    this.#leave(call)
    metrics.refused(refusal.code)
    writeRefusal(response, target.family, refusal, ownHeaders(call, stopping()), requestId)
    this.#end(call, outcomeOf(refusal.code), refusal.code)
  }

  /** Counts a call that has ended, and logs it where it is one of the sample. */
  #end(call: Call, outcome: RequestOutcome, code: ErrorCode | null): void {
    const { target, route, response, record } = call
    this.count(target, outcome)
    if (record === null) return
    const status = response.headersSent ? response.statusCode : null
    this.#options.calls.end(record, { ...call, route: route.url, outcome, code, status })
  }

  /** The steps; a refusal where one of them ends the call before it is forwarded. */
  async #run(call: Call, caller: Caller, body: Buffer): Promise<Refusal | null> {
    const { book, ledger } = this.#options
    const { route, record } = call
    const { priceProvider } = call.target
    const { headers, url = '' } = call.request

    const shape = route.inspect({ body, headers, path: call.path, query: forwardableQuery(url) })
    if (isRefusal(shape)) return shape
    const priced = price(book, priceProvider, shape)
    if (isRefusal(priced)) return priced
    if (record !== null) Object.assign(record, { model: priced.tariff.model, stream: shape.stream })
    const { socket } = call.request
    const admission = await reserve(ledger, caller, priced, {
      mayPass: call.target.onStoreDown === 'open',
      waitedMs: call.identifiedMs,
      isGone: () => socket.destroyed,
    })
    if (isRefusal(admission)) return admission
    if (record !== null) record.held = admission.hold.amount
    if (socket.destroyed) {
      ledger.free(admission.hold)
      this.#end(call, 'client_gone', null)
      return null
    }
    let outcome = LOST
    try {
      outcome = await this.#exchange(call, priced, admission)
    } catch (error) {
      // The provider may have served the call all the same, and its hold must not stay open.
      this.#fault(call, error)
    }
    const charge = settle(this.#options, call.target, admission.hold, priced, outcome)
    if (record !== null) Object.assign(record, { charge, upstream: outcome })
    this.#end(call, outcomeOfExchange(outcome), this.#answerFailure(call, outcome))
    return null
  }

  async #exchange(call: Call, priced: PricedCall, admission: Admission): Promise<Outcome> {
    const { drains, metrics, stopping, lookUp } = this.#options
    const { target, route, request, response, record } = call
    const { shape } = priced
    const sentMs = performance.now()
    if (record !== null) record.sentMs = sentMs
    if (shape.stream) this.#openStreams += 1
    const outcome = await forward({
      target,
      method: route.method,
      shape,
      path: target.basePath + upstreamPath(target, call.path) + forwardableQuery(request.url ?? ''),
      headers: upstreamHeaders(request.headers, target, lookUp.userHeader),
      ownHeaders: ownHeaders(call, stopping()).concat(standingHeaders(admission.decision)),
      response,
      socket: request.socket,
      drains,
      createMeter: (type, encoding) => createMeter(target.family, route, type, encoding),
      onFirstByte: () => {
        metrics.overhead((sentMs - call.startedMs) / 1_000)
        if (record !== null) record.firstByteMs = performance.now()
      },
    })
    if (shape.stream) this.#openStreams -= 1
    metrics.upstream(target.name, (performance.now() - sentMs) / 1_000)
    return outcome
  }

  /** Answers where the provider did not; returns the code of the answer. */
  #answerFailure(call: Call, outcome: Outcome): ErrorCode | null {
    if (outcome.failure === null || outcome.clientGone || call.response.headersSent) return null
    const refusal =
      outcome.failure === 'timeout'
        ? refuse('upstream_timeout', 'The provider did not answer in time.')
        : refuse(
            'upstream_unreachable',
            'The provider could not be reached, or broke off before it answered.',
          )
    this.#options.metrics.refused(refusal.code)
    writeRefusal(
      call.response,
      call.target.family,
      refusal,
      ownHeaders(call, this.#options.stopping()),
      call.requestId,
    )
    return refusal.code
  }
}
