/**
 * Unpacks a compressed answer on a copy, for the meter only: the client gets the bytes as they came. The gateway asks
 * upstreams for plain answers, so this is for upstreams that compress anyway.
 *
 * It never throws and never rejects. It gives up on an unknown coding, on invalid data and on data that would fill the
 * memory; then nothing that was unpacked counts as reliable. An answer that breaks off is unpacked as far as it came.
 */
import { constants, createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib'
import type { Transform } from 'node:stream'
import { unzstd } from './zstd.ts'

/** Limit on the unpacked size. No answer of an AI API is longer; a decompression bomb is. */
export const MAX_UNPACKED_BYTES = 64 * 1024 * 1024
/** Limit on the bytes that wait to be unpacked because they arrive faster than the CPU can unpack them. */
const MAX_QUEUED_BYTES = 16 * 1024 * 1024
/** RFC 9110 allows any number of codings; no server has a reason to apply more than this. */
const MAX_CODINGS = 3

export interface Decoder {
  push(chunk: Buffer): void
  /** Resolves when `onData` got everything that could be unpacked. The value says whether the result is reliable. */
  end(): Promise<boolean>
}

/** Receives what an unpacker unpacked, or the news that it failed. */
export interface Unpacked {
  data(chunk: Buffer): void
  fail(): void
}

/** Undoes one content coding. */
export interface Unpacker {
  push(chunk: Buffer): void
  /** Resolves when everything that was pushed is unpacked, or when the unpacker was stopped. */
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
  // The header lists codings in the order in which they were applied: the last one is removed first.
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

/**
 * `deflate` means zlib's format (RFC 9110, section 8.4.1.2), but some servers send raw deflate without the two header
 * bytes.
 */
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

/** Node's own unpackers run off the main thread, chunk by chunk and in order. */
function streaming(stream: Transform, to: Unpacked): Unpacker {
  let isOver = false
  const closed = new Promise<void>((resolve) => stream.once('close', resolve))
  stream.on('data', (chunk: Buffer) => to.data(chunk))
  stream.on('error', () => to.fail())
  // Bytes after the end of the compressed data are ignored.
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
