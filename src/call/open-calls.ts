/**
 * Counts what is open on the data plane. There is one instance for the life of the process: a reload replaces the
 * limits, never the counts.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export class OpenCalls {
  /** Requests of any kind whose answer is not finished. */
  requests = 0
  /** Metered calls, from their arrival until their hold is settled or they end without one. */
  calls = 0
  /** Streams that are being forwarded. */
  streams = 0
  /** Answers that are still read for their usage report after the client disconnected (C5). */
  drains = 0
  /** Bytes of request bodies in memory. */
  bodyBytes = 0
  readonly #bySocket = new WeakMap<Socket, OpenRequest[]>()

  /** Registers a request. It stays open until its answer is finished or its connection is closed. */
  open(request: IncomingMessage, response: ServerResponse): OpenRequest {
    const { socket } = request
    const ofSocket = this.#ofSocket(socket)
    const opened: OpenRequest = new OpenRequest(request, response, () => {
      this.requests -= 1
      remove(ofSocket, opened)
    })
    this.requests += 1
    ofSocket.push(opened)
    return opened
  }

  /** Whether a connection is in the middle of an answer. */
  isAnswering(socket: Socket): boolean {
    return this.#bySocket.get(socket)?.some(({ response }) => response.headersSent) ?? false
  }

  /**
   * One `close` listener per connection. Node emits `close` only on the response that is being written, so a pipelined
   * response queued behind it would wait for ever.
   */
  #ofSocket(socket: Socket): OpenRequest[] {
    const known = this.#bySocket.get(socket)
    if (known !== undefined) return known
    const added: OpenRequest[] = []
    this.#bySocket.set(socket, added)
    socket.once('close', () => {
      for (const each of [...added]) each.close()
    })
    return added
  }
}

/** A request in flight, with the actions to take when its client disconnects or its answer ends. */
export class OpenRequest {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly #onOver: () => void
  #onGone: (() => void) | null = null
  #whenOver: (() => void) | null = null
  #isOver = false

  constructor(request: IncomingMessage, response: ServerResponse, onOver: () => void) {
    this.request = request
    this.response = response
    this.#onOver = onOver
    response.on('close', () => this.close())
  }

  /** Whether the client's connection is closed. */
  get isGone(): boolean {
    return this.request.socket.destroyed
  }

  /** Sets the current step's action for a client that disconnects, replacing the previous step's; null for none. */
  whenGone(act: (() => void) | null): void {
    this.#onGone = act
  }

  /**
   * Sets the action that frees resources when the answer ends, in whatever way. If it has ended already, the action
   * runs at once.
   */
  whenOver(act: () => void): void {
    if (this.#isOver) act()
    else this.#whenOver = act
  }

  /** Called when the answer ends or the connection is closed. */
  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#onOver()
    if (this.isGone && !this.response.writableFinished) this.#onGone?.()
    this.#onGone = null
    this.#whenOver?.()
  }
}

/** A connection has a handful of requests: a list costs less than a set, which is reallocated every few changes. */
function remove<T>(list: T[], item: T): void {
  const at = list.indexOf(item)
  if (at !== -1) list.splice(at, 1)
}
