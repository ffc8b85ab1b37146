/**
 * The connections to one upstream. A server closes idle connections, and a request sent at that moment is lost; undici
 * does not retry a POST. So a request is sent once more, on a new connection, if its connection had served before and
 * broke before the first byte of an answer: docs/decisions/0044-one-retry-and-the-way-out.md.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import { Client, Dispatcher, Pool, type buildConnector } from 'undici'

export interface ConnectionsOptions extends Omit<Client.Options, 'connect'> {
  readonly connect: buildConnector.connector
  /** How many connections may be open. A retried request has a connection of its own in addition. */
  readonly connections: number
}

/** A handler that is told when its request was not served. */
export interface UnservedHandler extends Dispatcher.DispatchHandler {
  /**
   * Called when the request can be treated as never sent. Returning false prevents the retry; then onResponseError
   * follows.
   */
  onUnserved?(): boolean
}

/** The current connection of a client, which undici does not expose. */
interface Connection {
  socket: Socket | null
  /** How many requests were sent over it. */
  requests: number
}

/**
 * A closed connection is noticed with the first packet sent over it. A connection that breaks later than this broke
 * while the provider worked on the request, and a retry would cost twice.
 */
const UNNOTICED_MS = 5_000

const BROKEN: ReadonlySet<unknown> = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE', 'ECONNABORTED'])

/** The property of the dispatch options by which an attempt learns which client undici's pool chose. */
const ATTEMPT = Symbol('attempt')

type Options = Dispatcher.DispatchOptions & { readonly [ATTEMPT]?: Attempt }

class WatchedClient extends Client {
  readonly #connection: Connection

  constructor(origin: string, { connect, ...options }: Omit<ConnectionsOptions, 'connections'>) {
    const connection: Connection = { socket: null, requests: 0 }
    super(origin, {
      ...options,
      connect: (target, callback) =>
        connect(target, (...outcome) => {
          if (outcome[1] !== null) Object.assign(connection, { socket: outcome[1], requests: 0 })
          callback(...outcome)
        }),
    })
    this.#connection = connection
  }

  override dispatch(options: Options, handler: Dispatcher.DispatchHandler): boolean {
    options[ATTEMPT]?.takes(this.#connection)
    return super.dispatch(options, handler)
  }
}

/**
 * The callbacks of undici's old handler interface, which its `request` still uses. undici's own adapter for them fails
 * at the second interim answer.
 */
interface OldHandler {
  onConnect?(abort: (reason?: Error) => void, context: unknown): void
  onHeaders?(status: number, headers: unknown, resume: () => void, message?: string): boolean
  onData?(chunk: Buffer): boolean
  onComplete?(trailers: unknown): void
  onError?(error: Error): void
}

class OlderHandler implements Dispatcher.DispatchHandler {
  readonly #handler: OldHandler

  constructor(handler: Dispatcher.DispatchHandler) {
    this.#handler = handler
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.#handler.onConnect?.((reason) => controller.abort(reason ?? new Error('aborted')), context)
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: IncomingHttpHeaders,
    message?: string,
  ): void {
    const resume = (): void => controller.resume()
    if (this.#handler.onHeaders?.(status, controller.rawHeaders, resume, message) === false)
      controller.pause()
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#handler.onData?.(chunk) === false) controller.pause()
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    this.#handler.onComplete?.(controller.rawTrailers)
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#handler.onError?.(error)
  }
}

/** One request, sent for the first or the second time. */
class Attempt implements Dispatcher.DispatchHandler {
  readonly #handler: UnservedHandler
  readonly #again: () => void
  /** How many retries are left. */
  #left: number
  #connection: Connection | null = null
  #socket: Socket | null = null
  #bytesBefore = 0
  #isReused = false
  #startedMs = 0

  constructor(
    body: Dispatcher.DispatchOptions['body'],
    handler: UnservedHandler,
    again: (attempt: Attempt) => void,
  ) {
    this.#handler = handler.onRequestStart === undefined ? new OlderHandler(handler) : handler
    this.#again = () => again(this)
    const isRepeatable = typeof body === 'string' || Buffer.isBuffer(body) || Array.isArray(body)
    this.#left = body === null || body === undefined || isRepeatable ? 1 : 0
  }

  takes(connection: Connection): void {
    this.#connection = connection
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    const connection = this.#connection
    this.#socket = connection?.socket ?? null
    this.#bytesBefore = this.#socket?.bytesRead ?? 0
    this.#isReused = connection !== null && connection.requests > 0
    if (connection !== null) connection.requests += 1
    this.#startedMs = performance.now()
    this.#handler.onRequestStart?.(controller, context)
  }

  onRequestUpgrade(...args: Parameters<NonNullable<UnservedHandler['onRequestUpgrade']>>): void {
    this.#handler.onRequestUpgrade?.(...args)
  }

  onResponseStart(...args: Parameters<NonNullable<UnservedHandler['onResponseStart']>>): void {
    this.#handler.onResponseStart?.(...args)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#handler.onResponseData?.(controller, chunk)
  }

  onResponseEnd(...args: Parameters<NonNullable<UnservedHandler['onResponseEnd']>>): void {
    this.#handler.onResponseEnd?.(...args)
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#isUnserved(error)) {
      const isWanted = this.#handler.onUnserved?.() ?? true
      const isEarly = performance.now() - this.#startedMs < UNNOTICED_MS
      if (isWanted && isEarly && this.#left > 0) {
        this.#left -= 1
        this.#again()
        return
      }
    }
    this.#handler.onResponseError?.(controller, error)
  }

  /** Whether the connection had served before, and broke before the first byte of an answer. */
  #isUnserved(error: Error): boolean {
    if (!this.#isReused || !('code' in error) || !BROKEN.has(error.code)) return false
    this.#isReused = false
    return this.#socket !== null && this.#socket.bytesRead === this.#bytesBefore
  }
}

export interface Connections {
  readonly dispatcher: Dispatcher
  /** Resolves when every request has ended. Requests in flight go on. */
  close(): Promise<void>
  /** Aborts the requests in flight. */
  destroy(): Promise<void>
}

class RetryingDispatcher extends Dispatcher {
  readonly #pool: Pool
  readonly #sendFresh: (options: Options, attempt: Attempt) => void

  constructor(pool: Pool, sendFresh: (options: Options, attempt: Attempt) => void) {
    super()
    this.#pool = pool
    this.#sendFresh = sendFresh
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: UnservedHandler): boolean {
    const attempt = new Attempt(options.body, handler, (again) =>
      this.#sendFresh({ ...options, [ATTEMPT]: again }, again),
    )
    const watched: Options = { ...options, [ATTEMPT]: attempt }
    return this.#pool.dispatch(watched, attempt)
  }
}

export function openConnections(
  origin: string,
  { connections, ...options }: ConnectionsOptions,
): Connections {
  const open = (): Client => new WatchedClient(origin, options)
  const pool = new Pool(origin, { connections, factory: open })
  /** The clients of retried requests. */
  const fresh = new Set<Client>()

  /**
   * A retry opens a new connection. Any other connection of the pool may be closed too, since a server that restarts
   * closes them all.
   */
  function sendFresh(request: Options, attempt: Attempt): void {
    const client = open()
    const forget = (): boolean => fresh.delete(client)
    fresh.add(client)
    client.dispatch(request, attempt)
    void client.close().then(forget, forget)
  }

  return {
    dispatcher: new RetryingDispatcher(pool, sendFresh),
    async close() {
      await pool.close()
      while (fresh.size > 0) await Promise.allSettled(Array.from(fresh, (client) => client.close()))
    },
    async destroy() {
      await Promise.all([pool.destroy(), ...Array.from(fresh, (client) => client.destroy())])
    },
  }
}
