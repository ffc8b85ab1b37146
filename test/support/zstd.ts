/** Zstandard for tests (RFC 8878): Node can compress it only since 22.15, so frames are also assembled by hand. */
import * as zlib from 'node:zlib'

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd]
/** Node's own function; null if this version has none. */
const native = (zlib as { zstdCompressSync?: (bytes: Buffer) => Buffer }).zstdCompressSync ?? null

export interface Block {
  readonly type: 'raw' | 'rle'
  /** The bytes of a raw block, or the one byte that an RLE block repeats. */
  readonly bytes: Buffer
  /** The size of the decompressed block. */
  readonly size: number
}

function block({ type, bytes, size }: Block, isLast: boolean): Buffer {
  const header = (size << 3) | (type === 'rle' ? 2 : 0) | (isLast ? 1 : 0)
  return Buffer.concat([Buffer.from([header & 0xff, (header >> 8) & 0xff, (header >> 16) & 0xff]), bytes])
}

/** A frame of these blocks with a window of 2^`windowLog` bytes. */
export function frame(blocks: readonly Block[], windowLog = 20): Buffer {
  const header = Buffer.from([...MAGIC, 0, (windowLog - 10) << 3])
  return Buffer.concat([header, ...blocks.map((each, index) => block(each, index === blocks.length - 1))])
}

export function raw(bytes: Buffer): Block {
  return { type: 'raw', bytes, size: bytes.length }
}

export function rle(byte: number, size: number): Block {
  return { type: 'rle', bytes: Buffer.from([byte]), size }
}

/** Stored without compression, in blocks of this many bytes. */
export function store(bytes: Buffer, blockBytes = 1_000): Buffer {
  const blocks: Block[] = []
  for (let at = 0; at < bytes.length; at += blockBytes) blocks.push(raw(bytes.subarray(at, at + blockBytes)))
  return frame(blocks.length === 0 ? [raw(bytes)] : blocks)
}

/** Compressed if this Node can, otherwise stored. */
export function zstd(bytes: Buffer): Buffer {
  return native === null ? store(bytes) : native(bytes)
}

/** A skippable frame, which readers ignore. */
export function skippable(bytes: Buffer): Buffer {
  const header = Buffer.alloc(8)
  header.writeUInt32LE(0x184d2a55, 0)
  header.writeUInt32LE(bytes.length, 4)
  return Buffer.concat([header, bytes])
}
