/**
 * Takes the bodies of requests in, up to a bound each and a bound on all of them together, and unpacks those that come
 * compressed: what is priced and forwarded are the plain bytes.
 */
import { refuse, type Refusal } from '../errors.ts'
import type { OpenCalls, OpenRequest } from './open-calls.ts'
import { createUnpacker, type Coding, type Plain, type RequestUnpacker } from './unpack.ts'

export interface BodyLimits {
  /** Of one body, as it is when it is unpacked. */
  readonly bodyBytes: number
  /** Of all bodies that are in memory at once, from their first byte to the end of their calls. */
  readonly bufferedBytes: number
}

export function tooLarge({ bodyBytes }: BodyLimits): Refusal {
  return refuse('body_too_large', `The request body is larger than ${bodyBytes} bytes (limits.bodyBytes).`)
}

function noRoom(): Refusal {
  return refuse('overloaded', 'Too many request bodies are in memory here. Try again in a moment.')
}

function broken(coding: Coding): Refusal {
  return refuse('invalid_request', `The request body is not valid ${coding}.`, { param: 'content-encoding' })
}

/** A body that has come whole. */
export interface Body {
  readonly bytes: Buffer
  /** Gives its memory back; as often as one likes. */
  readonly free: () => void
}

/** What one body takes of the memory: as it came, and as it is when it is unpacked. */
class Share {
  readonly #limits: BodyLimits
  readonly #open: OpenCalls
  #counted = 0

  constructor(limits: BodyLimits, open: OpenCalls) {
    this.#limits = limits
    this.#open = open
  }

  /** Counts bytes in; a refusal where they are too many, of this body or of all. */
  take(bytes: number, ofThis: number): Refusal | null {
    this.settle(this.#counted + bytes)
    if (ofThis > this.#limits.bodyBytes) return tooLarge(this.#limits)
    return this.#open.bodyBytes > this.#limits.bufferedBytes ? noRoom() : null
  }

  /** Counts no more than so many bytes from here on. */
  settle(bytes: number): void {
    this.#open.bodyBytes += bytes - this.#counted
    this.#counted = bytes
  }
}

/**
 * Reads a body to its end, or as far as it may go; null where the client goes away before that. Where two requests wait on
 * one connection, Node reads the second only when the first is answered.
 */
export function readBody(
  opened: OpenRequest,
  coding: Coding | null,
  limits: BodyLimits,
  open: OpenCalls,
): Promise<Body | Refusal | null> {
  return new Promise((resolve) => {
    new BodyReader(opened, coding, limits, new Share(limits, open), resolve).start()
  })
}

class BodyReader {
  readonly #opened: OpenRequest
  readonly #coding: Coding | null
  readonly #limits: BodyLimits
  readonly #share: Share
  readonly #resolve: (body: Body | Refusal | null) => void
  readonly #unpacker: RequestUnpacker | null
  readonly #chunks: Buffer[] = []
  #received = 0
  #kept = 0

  constructor(
    opened: OpenRequest,
    coding: Coding | null,
    limits: BodyLimits,
    share: Share,
    resolve: (body: Body | Refusal | null) => void,
  ) {
    this.#opened = opened
    this.#coding = coding
    this.#limits = limits
    this.#share = share
    this.#resolve = resolve
    this.#unpacker = coding === null ? null : createUnpacker(coding, this.#unpacked(coding))
  }

  start(): void {
    const { request, isGone } = this.#opened
    if (isGone) this.#stop(null)
    else if (Number(request.headers['content-length'] ?? 0) > this.#limits.bodyBytes)
      this.#stop(tooLarge(this.#limits))
    else {
      this.#opened.whenGone(this.#onBroken)
      request.on('data', this.#onData).on('end', this.#onEnd).on('error', this.#onBroken)
    }
  }

  #unpacked(coding: Coding): Plain {
    return {
      data: (chunk: Buffer) => this.#keep(chunk),
      end: () => this.#finish(),
      fail: () => this.#stop(broken(coding)),
    }
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#unpacker === null) {
      this.#keep(chunk)
      return
    }
    this.#received += chunk.length
    const refusal = this.#share.take(chunk.length, this.#received)
    if (refusal === null) this.#unpacker.push(chunk)
    else this.#stop(refusal)
  }

  readonly #onEnd = (): void => {
    if (this.#unpacker === null) this.#finish()
    else this.#unpacker.end()
  }

  readonly #onBroken = (): void => this.#stop(null)

  #keep(chunk: Buffer): void {
    this.#kept += chunk.length
    const refusal = this.#share.take(chunk.length, this.#kept)
    if (refusal === null) this.#chunks.push(chunk)
    else this.#stop(refusal)
  }

  #finish(): void {
    this.#detach()
    this.#share.settle(this.#kept)
    const [first = Buffer.alloc(0)] = this.#chunks
    const bytes = this.#chunks.length <= 1 ? first : Buffer.concat(this.#chunks, this.#kept)
    this.#resolve({ bytes, free: () => this.#share.settle(0) })
  }

  #stop(why: Refusal | null): void {
    this.#detach()
    this.#unpacker?.stop()
    this.#share.settle(0)
    this.#resolve(why)
  }

  #detach(): void {
    const { request } = this.#opened
    request.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onBroken)
    this.#opened.whenGone(null)
  }
}
