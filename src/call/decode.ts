/**
 * Unpacks a compressed answer on a copy, for the meter only: the client gets the bytes as they came. Upstreams are asked
 * for plain answers, so this is for those which compress all the same.
 *
 * It never throws and never rejects. What is no such code, breaks it, or would fill the memory is given up, and then
 * nothing of what was unpacked can be believed. An answer that breaks off is unpacked as far as it came.
 */
import { constants, createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib'
import type { Transform } from 'node:stream'
import { unzstd } from './zstd.ts'

/** No answer of an AI API is longer, once unpacked; a bomb is. */
export const MAX_UNPACKED_BYTES = 64 * 1024 * 1024
/** What may wait to be unpacked, because it came faster than the CPU is. */
const MAX_QUEUED_BYTES = 16 * 1024 * 1024
/** RFC 9110 allows any number; nobody has a reason for more. */
const MAX_CODINGS = 3

export interface Decoder {
  push(chunk: Buffer): void
  /** Resolves when `onData` has had all that could be unpacked, with whether it can be believed. */
  end(): Promise<boolean>
}

/** Where an unpacker leaves what it unpacked, or that it cannot. */
export interface Unpacked {
  data(chunk: Buffer): void
  fail(): void
}

/** Undoes one content coding. */
export interface Unpacker {
  push(chunk: Buffer): void
  /** Resolves when everything that was pushed is unpacked, or the unpacker was stopped. */
  end(): Promise<void>
  stop(): void
}

const UNPACKERS: ReadonlyMap<string, (to: Unpacked) => Unpacker> = new Map([
  ['gzip', gunzip],
  ['x-gzip', gunzip],
  ['deflate', inflate],
  ['br', unbrotli],
  ['zstd', unzstd],
])

/** A decoder for the value of a `content-encoding` header; `onData` gets the plain bytes, in order. */
export function createDecoder(contentEncoding: string, onData: (chunk: Buffer) => void): Decoder {
  const codings = codingsOf(contentEncoding)
  const makers = codings.flatMap((coding) => UNPACKERS.get(coding) ?? [])
  if (codings.length === 0) return { push: onData, end: () => Promise.resolve(true) }
  if (makers.length < codings.length || codings.length > MAX_CODINGS) {
    return { push: () => undefined, end: () => Promise.resolve(false) }
  }
  let failed = false
  const unpackers: Unpacker[] = []
  function fail(): void {
    failed = true
    for (const unpacker of unpackers) unpacker.stop()
  }
  let sink = onData
  // They stand in the order in which they were applied: the last comes off first.
  for (const make of makers) {
    const unpacker = make({ data: bounded(sink, fail), fail })
    unpackers.unshift(unpacker)
    sink = (chunk) => unpacker.push(chunk)
  }
  return {
    push: (chunk) => {
      if (!failed) sink(chunk)
    },
    end: async () => {
      for (const unpacker of unpackers) await unpacker.end()
      return !failed
    },
  }
}

function codingsOf(contentEncoding: string): string[] {
  return contentEncoding
    .split(',')
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity')
}

function bounded(sink: (chunk: Buffer) => void, fail: () => void): (chunk: Buffer) => void {
  let left = MAX_UNPACKED_BYTES
  return (chunk) => {
    if (left < 0) return
    left -= chunk.length
    if (left < 0) fail()
    else sink(chunk)
  }
}

function gunzip(to: Unpacked): Unpacker {
  return streaming(createGunzip({ finishFlush: constants.Z_SYNC_FLUSH }), to)
}

function unbrotli(to: Unpacked): Unpacker {
  return streaming(createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH }), to)
}

/** `deflate` means zlib's format (RFC 9110, section 8.4.1.2), but some send it without its two bytes in front. */
function inflate(to: Unpacked): Unpacker {
  let unpacker: Unpacker | null = null
  function start(first: number): Unpacker {
    const options = { finishFlush: constants.Z_SYNC_FLUSH }
    return streaming((first & 0x0f) === 8 ? createInflate(options) : createInflateRaw(options), to)
  }
  return {
    push: (chunk) => {
      const [first] = chunk
      if (first === undefined) return
      unpacker ??= start(first)
      unpacker.push(chunk)
    },
    end: () => unpacker?.end() ?? Promise.resolve(),
    stop: () => unpacker?.stop(),
  }
}

/** Node's own unpackers work off the main thread, chunk by chunk and in order. */
function streaming(stream: Transform, to: Unpacked): Unpacker {
  let isOver = false
  const closed = new Promise<void>((resolve) => stream.once('close', resolve))
  stream.on('data', (chunk: Buffer) => to.data(chunk))
  stream.on('error', () => to.fail())
  // What stands behind the end of the packed data is nobody's.
  stream.once('end', () => (isOver = true))
  return {
    push: (chunk) => {
      if (isOver || stream.destroyed) return
      if (stream.writableLength > MAX_QUEUED_BYTES) to.fail()
      else stream.write(chunk)
    },
    end: () => {
      if (!stream.destroyed) stream.end()
      return closed
    },
    stop: () => stream.destroy(),
  }
}
