/**
 * Sends the call to the upstream and its answer to the client, chunk by chunk and unchanged, with back-pressure, while a
 * meter reads along. Ends in exactly one Outcome, whatever breaks on either side.
 */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { errors, type Dispatcher } from 'undici'
import { EventFilter, filterOfStream, type ByteFilter } from '../core/event-filter.ts'
import { parseJson } from '../core/text.ts'
import type { CallShape, MeteredRoute, Reading } from '../families/family.ts'
import type { Meter, Outcome, UpstreamTarget } from './call.ts'
import { onConnectionClosed } from './client-connection.ts'
import type { UnservedHandler } from './upstream-connections.ts'
import type { Drains } from './drain.ts'
import { clientHeaders } from './headers.ts'

export interface ForwardOptions {
  readonly target: UpstreamTarget
  readonly method: MeteredRoute['method']
  readonly shape: CallShape
  /** Path and query at the upstream. */
  readonly path: string
  readonly headers: string[]
  /** Headers of our own on the answer, as a flat list. */
  readonly ownHeaders: readonly string[]
  readonly response: ServerResponse
  /** The client's connection. */
  readonly socket: Socket
  readonly drains: Drains
  readonly createMeter: (contentType: string, contentEncoding: string) => Meter
  /** The upstream's first byte has come. */
  readonly onFirstByte: () => void
}

export function forward(options: ForwardOptions): Promise<Outcome> {
  return new Promise((resolve) => {
    new Exchange(options, resolve).start()
  })
}

/** A reason that HTTP allows (RFC 9112, section 4). Another one, as of a server that speaks Russian, means nothing: Node's stands for it. */
const REASON = /^[\t\x20-\x7e\x80-\xff]+$/

const CLIENT_GONE = new Error('the client went away')
const DRAINED_ENOUGH = new Error('the client went away, and the usage report did not come in time')

class Exchange implements UnservedHandler {
  readonly #options: ForwardOptions
  readonly #resolve: (outcome: Outcome) => void
  readonly #response: ServerResponse
  #controller: Dispatcher.DispatchController | null = null
  #sent = false
  #startedMs = 0
  #status: number | null = null
  #meter: Meter | null = null
  #filter: ByteFilter | null = null
  #clientGone = false
  #drainTimer: NodeJS.Timeout | null = null
  #drainedBytes = 0
  #stopWatching: () => void = () => undefined
  #done = false

  constructor(options: ForwardOptions, resolve: (outcome: Outcome) => void) {
    this.#options = options
    this.#resolve = resolve
    this.#response = options.response
  }

  start(): void {
    const { target, method, path, headers, shape } = this.#options
    this.#stopWatching = onConnectionClosed(this.#options.socket, this.#onClientClose)
    this.#response.on('drain', this.#onClientDrain)
    target.dispatcher.dispatch(
      {
        origin: target.origin,
        method,
        path,
        headers,
        body: shape.body.length === 0 ? null : shape.body,
        headersTimeout: target.timeouts.firstByteMs,
        bodyTimeout: target.timeouts.idleMs,
      },
      this,
    )
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // Nothing has been written yet: a client that left while we waited for a connection costs nothing.
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
    this.#options.onFirstByte()
    const contentType = joined(headers['content-type']) ?? ''
    const isStream = contentType.toLowerCase().includes('text/event-stream')
    const encoding = joined(headers['content-encoding'])?.toLowerCase() ?? 'identity'
    this.#meter = this.#options.createMeter(contentType, encoding)
    if (encoding === 'identity' && this.#options.shape.hidesUsageEvent && status < 300) {
      const { family } = this.#options.target
      const hideUsage = new EventFilter('"usage"', (data) => family.isUsageEvent(parseJson(data)))
      this.#filter = filterOfStream(hideUsage, isStream)
    }
    if (this.#clientGone) return
    const raw = controller.rawHeaders
    const kept = clientHeaders(Array.isArray(raw) ? raw : [], this.#options.ownHeaders, this.#filter === null)
    // nginx would keep a stream back until its buffers are full.
    if (isStream || this.#options.shape.stream) kept.push('x-accel-buffering', 'no')
    try {
      if (REASON.test(statusMessage ?? '')) this.#response.writeHead(status, statusMessage, kept)
      else this.#response.writeHead(status, kept)
    } catch (error) {
      // A header that HTTP does not allow.
      controller.abort(error instanceof Error ? error : new Error(String(error)))
      return
    }
    if (isStream || this.#options.shape.stream) this.#response.flushHeaders()
  }

  /** Each interim answer starts undici's clock anew: a series of them is no first byte. */
  #onInterim(controller: Dispatcher.DispatchController): void {
    const { firstByteMs } = this.#options.target.timeouts
    if (performance.now() - this.#startedMs > firstByteMs) controller.abort(new errors.HeadersTimeoutError())
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#meter?.push(chunk)
    if (this.#clientGone) {
      this.#drainedBytes += chunk.length
      if (this.#drainedBytes > this.#options.drains.limits.bytes) controller.abort(DRAINED_ENOUGH)
      return
    }
    const passed = this.#filter === null ? chunk : this.#filter.push(chunk)
    if (passed.length > 0 && !this.#response.write(passed)) controller.pause()
  }

  onResponseEnd(): void {
    if (!this.#clientGone) {
      const rest = this.#filter?.finish()
      if (rest === undefined || rest.length === 0) this.#response.end()
      else this.#response.end(rest)
    }
    this.#finish(true, null)
  }

  /** C5: it costs nothing, and is sent again for a client that still waits. */
  onUnserved(): boolean {
    this.#sent = false
    this.#stopDraining()
    return !this.#clientGone
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#finish(false, failureOf(error, this.#sent))
    // A break is passed on as one: an answer that merely ended would look whole.
    if (this.#response.headersSent && !this.#clientGone) this.#response.destroy()
  }

  readonly #onClientDrain = (): void => {
    this.#controller?.resume()
  }

  readonly #onClientClose = (): void => {
    this.#clientGone = true
    if (!this.#sent) return
    const { drains } = this.#options
    if (!drains.enter()) {
      this.#controller?.abort(DRAINED_ENOUGH)
      return
    }
    this.#drainTimer = setTimeout(() => this.#controller?.abort(DRAINED_ENOUGH), drains.limits.ms)
    this.#controller?.resume()
  }

  #finish(complete: boolean, failure: Outcome['failure']): void {
    if (this.#done) return
    this.#done = true
    this.#stopWatching()
    this.#response.off('drain', this.#onClientDrain)
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
    this.#options.drains.leave()
  }

  /** A reading that fails is one that told nothing: the call ends all the same, and its hold is settled. */
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
      complete,
      reading,
      clientGone: this.#clientGone,
      failure,
    })
  }
}

/** A header that came twice is a list. */
function joined(value: string | string[] | undefined): string | undefined {
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
