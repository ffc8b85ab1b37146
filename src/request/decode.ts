/**
 * Unpacks a compressed answer on a copy, for the meter only: the client gets the bytes as they came. Upstreams are asked
 * for plain answers, so this is for those which compress all the same.
 */
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  type BrotliDecompress,
  type Gunzip,
  type Inflate,
} from 'node:zlib'

export interface Decoder {
  push(chunk: Buffer): void
  /** Resolves when everything that could be unpacked was. Never rejects: what breaks off, or is no such code, just ends. */
  end(): Promise<void>
}

/** An answer that breaks off is unpacked as far as it came. */
const SYNC = { finishFlush: constants.Z_SYNC_FLUSH }

function unpacking(encoding: string): Gunzip | Inflate | BrotliDecompress | null {
  switch (encoding.trim().toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip(SYNC)
    case 'deflate':
      return createInflate(SYNC)
    case 'br':
      return createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH })
    default:
      return null
  }
}

/** A decoder for a content coding; `onData` gets the plain bytes. Of a coding that is not known here it gets nothing. */
export function createDecoder(encoding: string, onData: (chunk: Buffer) => void): Decoder {
  const stream = unpacking(encoding)
  if (stream === null) return { push: () => undefined, end: () => Promise.resolve() }
  const ended = new Promise<void>((resolve) => {
    stream.on('end', resolve)
    stream.on('error', () => resolve())
  })
  stream.on('data', onData)
  return {
    push: (chunk) => {
      if (!stream.destroyed) stream.write(chunk)
    },
    end: () => {
      if (!stream.destroyed) stream.end()
      return ended
    },
  }
}
