/**
 * Sends the call to the upstream and passes its answer to the client chunk by chunk, with back-pressure, while the
 * meter reads along. The bytes are unchanged, except that a usage event which the client did not ask for is removed.
 * Each exchange ends in exactly one Outcome, whichever side breaks.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import { errors, type Dispatcher } from 'undici'
import { EventFilter, filterOfStream, type ByteFilter } from '../core/event-filter.ts'
import { joined, type Chunks } from '../core/chunks.ts'
import { parseJson } from '../core/text.ts'
import type { CallShape, Reading } from '../families/family.ts'
import type { Call, Meter, Outcome } from './call.ts'
import { forwardableQuery } from './credentials.ts'
import { clientHeaders, upstreamHeaders } from './headers.ts'
import { createMeter } from './meter.ts'
import type { OpenCalls } from './open-calls.ts'
import type { UnservedHandler } from './upstream-connections.ts'
import { upstreamPath } from './upstream-path.ts'

/** How much of an answer is still read, only for its usage report, after the client disconnected (C5). */
export interface DrainLimits {
  readonly bytes: number
  readonly ms: number
  readonly concurrent: number
}

export interface ForwardOptions {
  /** The gateway's own headers for the answer, as a flat list of names and values. */
  readonly ownHeaders: readonly string[]
  /** The header in which apps name their user to the gateway. It is not forwarded to providers. */
  readonly userHeader: string | undefined
  readonly drainLimits: DrainLimits
  readonly open: OpenCalls
}

export type Forwarded = Pick<Call, 'opened' | 'target' | 'route' | 'path'>

export function forward(call: Forwarded, shape: CallShape, options: ForwardOptions): Promise<Outcome> {
  return new Promise((resolve) => {
    new Exchange(call, shape, options, resolve).start()
  })
}

/**
 * A reason phrase that HTTP allows (RFC 9112, section 4). Any other one, for example in Cyrillic, is replaced by Node's
 * default.
 */
const REASON = /^[\t\x20-\x7e\x80-\xff]+$/

const CLIENT_GONE = new Error('the client went away')
const DRAINED_ENOUGH = new Error('the client went away, and the usage report did not come in time')

class Exchange implements UnservedHandler {
  readonly #call: Forwarded
  readonly #shape: CallShape
  readonly #options: ForwardOptions
  readonly #resolve: (outcome: Outcome) => void
  #controller: Dispatcher.DispatchController | null = null
  #sent = false
  #startedMs = 0
  #firstByteMs: number | null = null
  #status: number | null = null
  #meter: Meter | null = null
  #filter: ByteFilter | null = null
  #clientGone = false
  #drainTimer: NodeJS.Timeout | null = null
  #drainedBytes = 0
  #done = false

  constructor(
    call: Forwarded,
    shape: CallShape,
    options: ForwardOptions,
    resolve: (outcome: Outcome) => void,
  ) {
    this.#call = call
    this.#shape = shape
    this.#options = options
    this.#resolve = resolve
  }

  start(): void {
    const { opened, target, route, path } = this.#call
    const { request, response } = opened
    const { body } = this.#shape
    opened.whenGone(this.#onClientGone)
    response.on('drain', this.#onClientDrain)
    target.dispatcher.dispatch(
      {
        origin: target.origin,
        method: route.method,
        path: target.basePath + upstreamPath(target, path) + forwardableQuery(request.url ?? ''),
        headers: this.#headers(body),
        body: sendable(body),
        headersTimeout: target.timeouts.firstByteMs,
        bodyTimeout: target.timeouts.idleMs,
      },
      this,
    )
  }

  #headers({ bytes }: Chunks): string[] {
    const { opened, target } = this.#call
    const headers = upstreamHeaders(opened.request.headers, target, this.#options.userHeader)
    if (bytes > 0) headers.push('content-length', String(bytes))
    return headers
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // Nothing has been written yet: a call whose client left while it waited for a connection costs nothing.
    if (this.#clientGone) controller.abort(CLIENT_GONE)
    else this.#sent = true
    this.#startedMs = performance.now()
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    statusMessage?: string,
  ): void {
    if (status < 200) {
      this.#onInterim(controller)
      return
    }
    this.#status = status
    this.#firstByteMs ??= performance.now()
    const contentType = oneValue(headers['content-type']) ?? ''
    const encoding = oneValue(headers['content-encoding'])?.toLowerCase() ?? 'identity'
    const { target, route } = this.#call
    this.#meter = createMeter(target.family, route, contentType, encoding)
    const isStream = contentType.toLowerCase().includes('text/event-stream')
    if (encoding === 'identity' && this.#shape.hidesUsageEvent && status < 300) {
      const { family } = target
      const hideUsage = new EventFilter('"usage"', (data) => family.isUsageEvent(parseJson(data)))
      this.#filter = filterOfStream(hideUsage, isStream)
    }
    if (!this.#clientGone) this.#writeHead(controller, status, statusMessage, isStream)
  }

  #writeHead(
    controller: Dispatcher.DispatchController,
    status: number,
    statusMessage: string | undefined,
    isStream: boolean,
  ): void {
    const { response } = this.#call.opened
    const raw = controller.rawHeaders
    const kept = clientHeaders(Array.isArray(raw) ? raw : [], this.#options.ownHeaders, this.#filter === null)
    // nginx would hold a stream back until its buffers are full.
    if (isStream || this.#shape.stream) kept.push('x-accel-buffering', 'no')
    try {
      if (REASON.test(statusMessage ?? '')) response.writeHead(status, statusMessage, kept)
      else response.writeHead(status, kept)
    } catch (error) {
      // A header that HTTP does not allow.
      controller.abort(error instanceof Error ? error : new Error(String(error)))
      return
    }
    if (isStream || this.#shape.stream) response.flushHeaders()
  }

  /**
   * Each interim (1xx) answer restarts undici's timeout, so this checks the time to the first byte across all of them.
   */
  #onInterim(controller: Dispatcher.DispatchController): void {
    const { firstByteMs } = this.#call.target.timeouts
    if (performance.now() - this.#startedMs > firstByteMs) controller.abort(new errors.HeadersTimeoutError())
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#meter?.push(chunk)
    if (this.#clientGone) {
      this.#drainedBytes += chunk.length
      if (this.#drainedBytes > this.#options.drainLimits.bytes) controller.abort(DRAINED_ENOUGH)
      return
    }
    const passed = this.#filter === null ? chunk : this.#filter.push(chunk)
    if (passed.length > 0 && !this.#call.opened.response.write(passed)) controller.pause()
  }

  onResponseEnd(): void {
    if (!this.#clientGone) {
      const { response } = this.#call.opened
      const rest = this.#filter?.finish()
      if (rest === undefined || rest.length === 0) response.end()
      else response.end(rest)
    }
    this.#finish(true, null)
  }

  /** C5: an unserved request costs nothing, and is sent again if its client still waits. */
  onUnserved(): boolean {
    this.#sent = false
    this.#stopDraining()
    return !this.#clientGone
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#finish(false, failureOf(error, this.#sent))
    // The client's connection is broken as well: an answer that merely ended would look complete.
    const { response } = this.#call.opened
    if (response.headersSent && !this.#clientGone) response.destroy()
  }

  readonly #onClientDrain = (): void => {
    this.#controller?.resume()
  }

  readonly #onClientGone = (): void => {
    this.#clientGone = true
    if (!this.#sent) return
    const { drainLimits, open } = this.#options
    if (open.drains >= drainLimits.concurrent) {
      this.#controller?.abort(DRAINED_ENOUGH)
      return
    }
    open.drains += 1
    this.#drainTimer = setTimeout(() => this.#controller?.abort(DRAINED_ENOUGH), drainLimits.ms)
    this.#controller?.resume()
  }

  #finish(complete: boolean, failure: Outcome['failure']): void {
    if (this.#done) return
    this.#done = true
    this.#call.opened.whenGone(null)
    this.#call.opened.response.off('drain', this.#onClientDrain)
    this.#stopDraining()
    const reading = this.#read()
    if (reading instanceof Promise)
      void reading.catch(() => null).then((read) => this.#end(complete, failure, read))
    else this.#end(complete, failure, reading)
  }

  #stopDraining(): void {
    if (this.#drainTimer === null) return
    clearTimeout(this.#drainTimer)
    this.#drainTimer = null
    this.#options.open.drains -= 1
  }

  /** If the meter fails, there is no reading. The call still ends and its hold is settled. */
  #read(): Reading | null | Promise<Reading> {
    try {
      return this.#meter === null ? null : this.#meter.end()
    } catch {
      return null
    }
  }

  #end(complete: boolean, failure: Outcome['failure'], reading: Reading | null): void {
    this.#resolve({
      sent: this.#sent,
      status: this.#status,
      firstByteMs: this.#firstByteMs,
      complete,
      reading,
      clientGone: this.#clientGone,
      failure,
    })
  }
}

/** One write of so many bytes costs less than several; a copy of more costs more. */
const JOINED_BYTES = 65_536

/** A body as undici takes it. A list of chunks can be sent again, as upstream-connections.ts may have to. */
function sendable(body: Chunks): Buffer | Readable | null {
  if (body.bytes === 0) return null
  if (body.list.length === 1 || body.bytes <= JOINED_BYTES) return joined(body)
  // Any iterable may be sent, one chunk after the other (undici's docs); its types know only streams.
  return body.list as unknown as Readable
}

/** A header that occurs twice is a list; its values are joined by commas. */
function oneValue(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(',') : value
}

function failureOf(error: Error, sent: boolean): Outcome['failure'] {
  const code = 'code' in error ? error.code : ''
  if (
    code === 'UND_ERR_CONNECT_TIMEOUT' ||
    code === 'UND_ERR_HEADERS_TIMEOUT' ||
    code === 'UND_ERR_BODY_TIMEOUT'
  ) {
    return 'timeout'
  }
  return sent ? 'broken' : 'unreachable'
}
