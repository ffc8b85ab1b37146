/**
 * Takes the bodies of requests in, up to a bound each and a bound on all of them together, and unpacks those that come
 * compressed: what is priced and forwarded are the plain bytes.
 */
import type { IncomingMessage } from 'node:http'
import { refuse, type Refusal } from '../errors.ts'
import { onConnectionClosed } from './client-connection.ts'
import { createUnpacker, type Coding } from './unpack.ts'

export interface BodyLimits {
  /** Of one body, as it is when it is unpacked. */
  readonly bodyBytes: number
  /** Of all bodies that are in memory at once, from their first byte to the end of their calls. */
  readonly bufferedBytes: number
}

/** The memory that bodies take, all together. */
export interface Bodies {
  readonly limits: BodyLimits
  together: number
}

export function createBodies(limits: BodyLimits): Bodies {
  return { limits, together: 0 }
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

/** What becomes of a body: exactly one of these is called, or none where the client goes away before that. */
export interface BodyTaken {
  /** All of it has come. `free` gives its memory back, once. */
  readonly whole: (body: Buffer, free: () => void) => void
  readonly refused: (refusal: Refusal) => void
}

/** What one body takes of the memory: as it came, and as it is when it is unpacked. */
interface Share {
  /** Counts bytes in; a refusal where they are too many, of this body or of all. */
  readonly take: (bytes: number, ofThis: number) => Refusal | null
  /** Counts no more than so many bytes from here on. */
  readonly settle: (bytes: number) => void
  readonly free: () => void
}

function shareOf(bodies: Bodies): Share {
  const { limits } = bodies
  let counted = 0
  function settle(bytes: number): void {
    bodies.together += bytes - counted
    counted = bytes
  }
  return {
    take: (bytes, ofThis) => {
      settle(counted + bytes)
      if (ofThis > limits.bodyBytes) return tooLarge(limits)
      return bodies.together > limits.bufferedBytes ? noRoom() : null
    },
    settle,
    free: () => settle(0),
  }
}

/** Reads a body to its end, or as far as it may go. What the client leaves unfinished, the watch over it ends. */
export function readBody(
  request: IncomingMessage,
  coding: Coding | null,
  bodies: Bodies,
  { whole, refused }: BodyTaken,
): void {
  const share = shareOf(bodies)
  const chunks: Buffer[] = []
  let received = 0
  let kept = 0

  function detach(): void {
    request.off('data', onData).off('end', onEnd).off('error', stop)
    stopWatching()
  }
  function stop(): void {
    detach()
    unpacker?.stop()
    share.free()
  }
  function refuseWith(refusal: Refusal): void {
    stop()
    refused(refusal)
  }
  function keep(chunk: Buffer): void {
    kept += chunk.length
    const refusal = share.take(chunk.length, kept)
    if (refusal === null) chunks.push(chunk)
    else refuseWith(refusal)
  }
  function finish(): void {
    detach()
    share.settle(kept)
    const [first = Buffer.alloc(0)] = chunks
    whole(chunks.length <= 1 ? first : Buffer.concat(chunks, kept), share.free)
  }
  const unpacker =
    coding === null
      ? null
      : createUnpacker(coding, { data: keep, end: finish, fail: () => refuseWith(broken(coding)) })

  function onData(chunk: Buffer): void {
    if (unpacker === null) {
      keep(chunk)
      return
    }
    received += chunk.length
    const refusal = share.take(chunk.length, received)
    if (refusal === null) unpacker.push(chunk)
    else refuseWith(refusal)
  }
  const onEnd = unpacker === null ? finish : () => unpacker.end()
  const stopWatching = onConnectionClosed(request.socket, stop)
  const tooLong = Number(request.headers['content-length'] ?? 0) > bodies.limits.bodyBytes
  if (tooLong) refuseWith(tooLarge(bodies.limits))
  else request.on('data', onData).on('end', onEnd).on('error', stop)
}
