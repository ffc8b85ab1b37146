/**
 * What is open on the data plane. There is one of these for the life of the process: a reload replaces bounds, and never
 * what is counted against them.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export class OpenCalls {
  /** Requests that are not answered to their last byte, whatever they ask for. */
  requests = 0
  /** Metered calls, from their arrival until their hold is settled. */
  calls = 0
  /** Streams on their way from a provider. */
  streams = 0
  /** Answers that are read on for their usage report after the client went away (C5). */
  drains = 0
  /** Bytes of request bodies in memory. */
  bodyBytes = 0
  readonly #bySocket = new WeakMap<Socket, OpenRequest[]>()

  /** A request has come. It stays open until its answer is over or its connection is closed. */
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
   * One listener for each connection. Node emits `close` only on the answer that is being written: one that a pipelining
   * client has queued behind it would wait for ever.
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

/** A request on its way, and what becomes of it when its client goes away. */
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

  /** What the step under way does when the client goes away, in place of what the last one would have done; null for nothing. */
  whenGone(act: (() => void) | null): void {
    this.#onGone = act
  }

  /** What is given back when the answer is over, however it ends; at once where it is. */
  whenOver(act: () => void): void {
    if (this.#isOver) act()
    else this.#whenOver = act
  }

  /** The answer is over, or the connection is closed. */
  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#onOver()
    if (this.isGone && !this.response.writableFinished) this.#onGone?.()
    this.#onGone = null
    this.#whenOver?.()
  }
}

/** A connection has a handful: a list of them costs less than a set, which is laid out anew every few changes. */
function remove<T>(list: T[], item: T): void {
  const at = list.indexOf(item)
  if (at !== -1) list.splice(at, 1)
}
