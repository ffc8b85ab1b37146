/**
 * Runs a call: identify → read body → inspect → price → reserve → forward → settle. `#run` lists these steps from top
 * to bottom; each step is a file that does not know the others.
 */
import type { Logger } from 'pino'
import type { Charge, Hold } from '../core/hold.ts'
import { isRefusal, refuse, type ErrorCode, type Refusal } from '../errors.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { PriceBook } from '../prices/price-book.ts'
import { StoreUnavailable } from '../store/unavailable.ts'
import { readBody, type BodyLimits } from './bodies.ts'
import { LOST, type Call, type Outcome, type PricedCall } from './call.ts'
import type { CallMetrics } from './call-metrics.ts'
import { forwardableQuery } from './credentials.ts'
import { STORE_DOWN, type Endings } from './endings.ts'
import { forward, type DrainLimits } from './forward.ts'
import { standingHeaders } from './headers.ts'
import { identify, type LookUp } from './identify.ts'
import type { OpenCalls } from './open-calls.ts'
import { price } from './price.ts'
import { outcomeOfExchange } from './refusal.ts'
import { reserve, type Admission } from './reserve.ts'
import { settle } from './settle.ts'
import type { UnpricedUsage } from './unpriced.ts'
import type { Coding } from './unpack.ts'

/** Everything that a call depends on. A call in flight at a reload ends with the options that it began with. */
export interface PipelineOptions {
  readonly lookUp: LookUp
  readonly book: PriceBook
  readonly ledger: Ledger
  readonly bodyLimits: BodyLimits
  readonly drainLimits: DrainLimits
  readonly maxConcurrent: number
  readonly open: OpenCalls
  readonly endings: Endings
  readonly metrics: Pick<CallMetrics, 'overhead' | 'upstream'>
  readonly logger: Logger
  readonly unpriced: UnpricedUsage
  /** Whether new calls are refused, because the grace period for load balancers is over. */
  readonly refusing: () => boolean
}

const SHUTTING_DOWN = refuse('shutting_down', 'This gateway is stopping. Try again: another one will answer.')
const FAULT = refuse('internal_error', 'The gateway failed on this call: its log has the reason.')
const OVERLOADED = refuse('overloaded', 'Too many calls are in flight here. Try again in a moment.')

export class Pipeline {
  readonly #options: PipelineOptions

  constructor(options: PipelineOptions) {
    this.#options = options
  }

  /** Runs a call to its end, unpacking its body by `coding`. Never rejects. */
  async handle(call: Call, coding: Coding | null): Promise<void> {
    const { endings } = this.#options
    const inFlight = new InFlight(call, this.#options.open)
    try {
      const refusal = await this.#run(call, coding, inFlight)
      if (refusal !== null) endings.refuseCall(call, refusal)
    } catch (error) {
      this.#fail(call, error)
    } finally {
      inFlight.end()
    }
  }

  /** Runs the steps. Resolves to a refusal if one of them ends the call before it is forwarded. */
  async #run(call: Call, coding: Coding | null, inFlight: InFlight): Promise<Refusal | null> {
    const { lookUp, book, ledger, open, bodyLimits, maxConcurrent, endings, refusing } = this.#options
    const { opened, target, route, record } = call
    const { headers, url = '' } = opened.request
    if (refusing()) return SHUTTING_DOWN
    if (open.calls > maxConcurrent) return OVERLOADED

    const found = identify(lookUp, headers, url)
    // Nearly every credential is cached, and such a call does not wait here.
    const waits = found instanceof Promise
    const caller = waits ? await found : found
    if (isRefusal(caller)) return caller
    const waitedMs = waits ? performance.now() - call.startedMs : 0
    if (record !== null) record.caller = caller

    const reader = route.reader()
    const body = await readBody(opened, coding, reader.push, bodyLimits, open)
    if (body === null) {
      endings.end(call, 'client_gone', null)
      return null
    }
    if (isRefusal(body)) return body
    inFlight.holds(body)

    const shape = reader.inspect({
      ...{ body: body.chunks, headers },
      ...{ path: call.path, query: forwardableQuery(url) },
    })
    if (isRefusal(shape)) return shape

    const priced = price(book, target.priceProvider, shape)
    if (isRefusal(priced)) return priced
    if (record !== null) Object.assign(record, { model: priced.tariff.model, stream: shape.stream })

    const admission = await reserve(ledger, caller, priced, {
      mayPass: target.onStoreDown === 'open',
      waitedMs,
      isGone: () => opened.isGone,
    })
    if (isRefusal(admission)) return admission
    if (record !== null) record.held = admission.hold.amount
    if (opened.isGone) {
      ledger.free(admission.hold)
      endings.end(call, 'client_gone', null)
      return null
    }

    const outcome = await this.#exchange(call, priced, admission)
    const charge = this.#settle(call, admission.hold, priced, outcome)
    if (record !== null) Object.assign(record, { charge, upstream: outcome })
    endings.end(call, outcomeOfExchange(outcome), this.#answerFailure(call, outcome))
    return null
  }

  /**
   * Forwards the call and measures its time. Never rejects: a call that fails here may have been served, and its hold
   * must not stay open.
   */
  async #exchange(call: Call, { shape }: PricedCall, { decision }: Admission): Promise<Outcome> {
    const { open, metrics, endings, lookUp, drainLimits } = this.#options
    const sentMs = performance.now()
    if (call.record !== null) call.record.sentMs = sentMs
    if (shape.stream) open.streams += 1
    let outcome = LOST
    try {
      const ownHeaders = endings.headers(call.requestId).concat(standingHeaders(decision))
      outcome = await forward(call, shape, { ownHeaders, userHeader: lookUp.userHeader, drainLimits, open })
    } catch (error) {
      this.#fault(call, error)
    }
    if (shape.stream) open.streams -= 1
    if (outcome.firstByteMs !== null) metrics.overhead((sentMs - call.startedMs) / 1_000)
    metrics.upstream(call.target.name, (performance.now() - sentMs) / 1_000)
    return outcome
  }

  /** Returns the charge, null for a hold that was released. Never throws: a hold that is not resolved would block credits. */
  #settle(call: Call, hold: Hold, priced: PricedCall, outcome: Outcome): Charge | null {
    try {
      return settle(this.#options, call.target, hold, priced, outcome)
    } catch (error) {
      this.#fault(call, error)
      const { promptPrice: cost, tariff, shape } = priced
      const charge = { cost, model: tariff.model, inputTokens: shape.promptTokens, outputTokens: 0 }
      this.#options.ledger.settle(hold, charge)
      return charge
    }
  }

  /** Sends an error if the provider sent no answer. Returns the code of the error. */
  #answerFailure({ opened, target, requestId }: Call, outcome: Outcome): ErrorCode | null {
    const { response } = opened
    if (outcome.failure === null || outcome.clientGone || response.headersSent) return null
    const refusal =
      outcome.failure === 'timeout'
        ? refuse('upstream_timeout', 'The provider did not answer in time.')
        : refuse(
            'upstream_unreachable',
            'The provider could not be reached, or broke off before it answered.',
          )
    this.#options.endings.refuse(response, target.family, refusal, requestId)
    return refusal.code
  }

  /**
   * Ends a call for which the store did not answer (D1), or that hit a fault of the gateway's own. Never throws: no
   * caller could catch it.
   */
  #fail(call: Call, error: unknown): void {
    const { endings, logger } = this.#options
    const { opened } = call
    try {
      if (error instanceof StoreUnavailable) {
        // The watch logs once that the store is down; one line per call would drown that.
        logger.debug({ reason: error.message }, 'the credit store did not answer')
        if (opened.isGone) endings.end(call, 'client_gone', null)
        else endings.refuseCall(call, STORE_DOWN)
        return
      }
      this.#fault(call, error)
      if (opened.response.headersSent) opened.response.destroy()
      else endings.refuseCall(call, FAULT)
    } catch (second) {
      this.#fault(call, second)
      opened.response.destroy()
    }
  }

  #fault({ requestId }: Call, error: unknown): void {
    this.#options.logger.error({ err: error, requestId }, 'a call failed inside the gateway')
  }
}

/**
 * Counts a call as in flight and holds the memory of its body. This ends when the call does, or at once if the client
 * disconnects before the body is read.
 */
class InFlight {
  readonly #call: Call
  readonly #open: OpenCalls
  #body: { readonly free: () => void } | null = null
  #isOver = false

  constructor(call: Call, open: OpenCalls) {
    this.#call = call
    this.#open = open
    open.calls += 1
    call.opened.whenGone(() => this.end())
  }

  holds(body: { readonly free: () => void }): void {
    this.#body = body
  }

  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#open.calls -= 1
    this.#body?.free()
    this.#call.opened.whenGone(null)
  }
}
