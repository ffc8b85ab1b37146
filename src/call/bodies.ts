/**
 * Reads request bodies into memory, up to a limit for each and a limit for all of them together. Compressed bodies are
 * unpacked: pricing and forwarding use the plain bytes.
 */
import type { Chunks } from '../core/chunks.ts'
import { refuse, type Refusal } from '../errors.ts'
import type { OpenCalls, OpenRequest } from './open-calls.ts'
import { createUnpacker, type Coding, type Plain, type RequestUnpacker } from './unpack.ts'

export interface BodyLimits {
  /** Limit for one body; a compressed body is checked both as received and unpacked. */
  readonly bodyBytes: number
  /** Limit for all bodies that are in memory at once, from their first byte to the end of their calls. */
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

/** A body that was received completely. */
export interface Body {
  readonly chunks: Chunks
  /** Gives its memory back. Calling it again has no effect. */
  readonly free: () => void
}

/** The memory that one body occupies: its bytes as received and, where it is unpacked, the plain bytes as well. */
class Share {
  readonly #limits: BodyLimits
  readonly #open: OpenCalls
  #counted = 0

  constructor(limits: BodyLimits, open: OpenCalls) {
    this.#limits = limits
    this.#open = open
  }

  /** Adds bytes to the count. Returns a refusal if this body, or all bodies together, exceed their limit. */
  take(bytes: number, ofThis: number): Refusal | null {
    this.settle(this.#counted + bytes)
    if (ofThis > this.#limits.bodyBytes) return tooLarge(this.#limits)
    return this.#open.bodyBytes > this.#limits.bufferedBytes ? noRoom() : null
  }

  /** Sets the count of this body to `bytes`. */
  settle(bytes: number): void {
    this.#open.bodyBytes += bytes - this.#counted
    this.#counted = bytes
  }
}

/**
 * Reads a body to its end or to its limit, and shows its plain bytes to `seen` as they arrive. Resolves to null if the
 * client disconnects before that. When a client pipelines two requests on one connection, Node reads the second only
 * after the first was answered.
 */
export function readBody(
  opened: OpenRequest,
  coding: Coding | null,
  seen: (chunk: Buffer) => void,
  limits: BodyLimits,
  open: OpenCalls,
): Promise<Body | Refusal | null> {
  return new Promise((resolve) => {
    new BodyReader(opened, coding, seen, new Share(limits, open), limits, resolve).start()
  })
}

/** A chunk of this size or less is copied: its object would need much memory, and so would the write to the provider. */
const SMALL_BYTES = 4_096
const BLOCK_BYTES = 16_384

/** The chunks of a body as they came; only small ones are copied, one after the other into blocks. */
class Pieces {
  readonly list: Buffer[] = []
  #block = Buffer.alloc(0)
  #filled = 0
  /** Where the last piece begins in the block; null if it is a chunk. */
  #begin: number | null = null

  push(chunk: Buffer): void {
    if (chunk.length > SMALL_BYTES || this.list.length === 0) {
      this.list.push(chunk)
      this.#begin = null
      return
    }
    if (this.#filled + chunk.length > this.#block.length) {
      this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES)
      this.#filled = 0
      this.#begin = null
    }
    chunk.copy(this.#block, this.#filled)
    const begin = this.#begin ?? this.#filled
    this.#filled += chunk.length
    const piece = this.#block.subarray(begin, this.#filled)
    if (this.#begin === null) this.list.push(piece)
    else this.list[this.list.length - 1] = piece
    this.#begin = begin
  }
}

class BodyReader {
  readonly #opened: OpenRequest
  readonly #coding: Coding | null
  readonly #seen: (chunk: Buffer) => void
  readonly #limits: BodyLimits
  readonly #share: Share
  readonly #resolve: (body: Body | Refusal | null) => void
  readonly #unpacker: RequestUnpacker | null
  readonly #pieces = new Pieces()
  #received = 0
  #kept = 0

  constructor(
    opened: OpenRequest,
    coding: Coding | null,
    seen: (chunk: Buffer) => void,
    share: Share,
    limits: BodyLimits,
    resolve: (body: Body | Refusal | null) => void,
  ) {
    this.#opened = opened
    this.#coding = coding
    this.#seen = seen
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
    if (refusal === null) {
      this.#seen(chunk)
      this.#pieces.push(chunk)
    } else this.#stop(refusal)
  }

  #finish(): void {
    this.#detach()
    this.#share.settle(this.#kept)
    this.#resolve({
      chunks: { list: this.#pieces.list, bytes: this.#kept },
      free: () => this.#share.settle(0),
    })
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
