/**
 * Unpacks the body of a request: one coding, to its very end. Answers are unpacked elsewhere (decode.ts), where one that
 * breaks off still counts; a request that breaks off is none.
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

/** The coding that a `content-encoding` header names; null where the body is plain, a refusal where it cannot be unpacked. */
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

/** Where the plain bytes go: to `data`, in order, then to `end` or `fail`. Nothing is called after `stop`. */
export interface Plain {
  readonly data: (chunk: Buffer) => void
  readonly end: () => void
  readonly fail: () => void
}

export interface RequestUnpacker {
  push(chunk: Buffer): void
  /** All of the body has come. */
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

/** `deflate` means zlib's format (RFC 9110, section 8.4.1.2), but some send it without its two bytes in front. */
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

/** Node's own unpackers work off the main thread. They report a body that is not whole as an error. */
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
  // Whoever reads the body bounds it.
  const unpacker = unzstd(unpacked, Infinity)
  return {
    push: (chunk) => unpacker.push(chunk),
    end: () => void unpacker.end().then(() => finish(unpacker.isWhole() ? to.end : to.fail)),
    stop: () => finish(() => undefined),
  }
}
