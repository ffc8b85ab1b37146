/**
 * Unpacks a request body that has one content coding. A truncated body is an error. Answers are unpacked in decode.ts,
 * where a truncated answer still counts.
 */
import type { Transform } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib'
import { refuse, type Refusal } from '../errors.ts'
import type { Unpacked } from './decode.ts'
import { unzstd } from './zstd.ts'

export type Coding = 'gzip' | 'deflate' | 'br' | 'zstd'

const CODINGS: ReadonlyMap<string, Coding> = new Map([
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['br', 'br'],
  ['zstd', 'zstd'],
])

/** The coding in a `content-encoding` header; null if the body is plain, a refusal if the coding is not supported. */
export function codingOf(contentEncoding: string | undefined): Coding | null | Refusal {
  if (contentEncoding === undefined) return null
  const name = contentEncoding.trim().toLowerCase()
  if (name === 'identity') return null
  const coding = CODINGS.get(name)
  if (coding !== undefined) return coding
  return refuse(
    'unsupported_encoding',
    `A request body in '${name.slice(0, 64)}' cannot be read: send it plain, or in one of gzip, deflate, br and zstd.`,
    { param: 'content-encoding' },
  )
}

/** Receives the plain bytes: `data` in order, then `end` or `fail`. Nothing is called after `stop`. */
export interface Plain {
  readonly data: (chunk: Buffer) => void
  readonly end: () => void
  readonly fail: () => void
}

export interface RequestUnpacker {
  push(chunk: Buffer): void
  /** The whole body was pushed. */
  end(): void
  stop(): void
}

export function createUnpacker(coding: Coding, to: Plain): RequestUnpacker {
  switch (coding) {
    case 'gzip':
      return streaming(createGunzip(), to)
    case 'br':
      return streaming(createBrotliDecompress(), to)
    case 'deflate':
      return inflating(to)
    case 'zstd':
      return fromZstd(to)
  }
}

/**
 * `deflate` means zlib's format (RFC 9110, section 8.4.1.2), but some clients send raw deflate without the two header
 * bytes.
 */
function inflating(to: Plain): RequestUnpacker {
  let inner: RequestUnpacker | null = null
  return {
    push: (chunk) => {
      const [first] = chunk
      if (first === undefined) return
      inner ??= streaming((first & 0x0f) === 8 ? createInflate() : createInflateRaw(), to)
      inner.push(chunk)
    },
    end: () => {
      if (inner === null) to.fail()
      else inner.end()
    },
    stop: () => inner?.stop(),
  }
}

/** Node's own unpackers run off the main thread. They report a truncated body as an error. */
function streaming(stream: Transform, to: Plain): RequestUnpacker {
  let isOver = false
  let hasBytes = false
  function finish(ending: () => void): void {
    if (isOver) return
    isOver = true
    stream.destroy()
    ending()
  }
  stream.on('data', (chunk: Buffer) => {
    if (!isOver) to.data(chunk)
  })
  stream.on('end', () => finish(hasBytes ? to.end : to.fail))
  stream.on('error', () => finish(to.fail))
  return {
    push: (chunk) => {
      hasBytes ||= chunk.length > 0
      if (!isOver) stream.write(chunk)
    },
    end: () => {
      if (!isOver) stream.end()
    },
    stop: () => finish(() => undefined),
  }
}

function fromZstd(to: Plain): RequestUnpacker {
  let isOver = false
  function finish(ending: () => void): void {
    if (isOver) return
    isOver = true
    unpacker.stop()
    ending()
  }
  const unpacked: Unpacked = {
    data: (chunk) => {
      if (!isOver) to.data(chunk)
    },
    fail: () => finish(to.fail),
  }
  // The reader of the body limits its size (bodies.ts).
  const unpacker = unzstd(unpacked, Infinity)
  return {
    push: (chunk) => unpacker.push(chunk),
    end: () => void unpacker.end().then(() => finish(unpacker.isWhole() ? to.end : to.fail)),
    stop: () => finish(() => undefined),
  }
}
