/**
 * Unpacks Zstandard (RFC 8878) chunk by chunk, the same on every version of Node.
 *
 * The library keeps a whole window and shifts it with every block, synchronously. So the frame headers are checked
 * before the library gets the data: windows and blocks must be within what RFC 9659 allows for HTTP. The data is passed
 * in small pieces, and other work of the event loop runs in between.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Decompress } from 'fzstd'
import type { Unpacked, Unpacker } from './decode.ts'

/** RFC 9659, section 3: HTTP decoders need not support larger windows. */
const MAX_WINDOW_BYTES = 8 * 1024 * 1024
/** Limit for the windows of all frames of one body together. */
const MAX_WINDOWS_BYTES = 64 * 1024 * 1024
const MAX_BLOCK_BYTES = 128 * 1024
const MAX_QUEUED_BYTES = 16 * 1024 * 1024
const PIECE_BYTES = 512
const TURN_MS = 4

/** An unpacker that also knows whether the input contains at least one frame and ends with a complete one. */
export interface ZstdUnpacker extends Unpacker {
  isWhole(): boolean
}

/** `maxQueuedBytes` limits the bytes that wait because they arrive faster than they can be unpacked. */
export function unzstd(to: Unpacked, maxQueuedBytes = MAX_QUEUED_BYTES): ZstdUnpacker {
  const frames = new Frames()
  const queue: Buffer[] = []
  let queuedBytes = 0
  let stopped = false
  let isRunning = false
  let run: Promise<void> = Promise.resolve()
  const library = new Decompress((data) => {
    // Throwing is the only way to stop the library within a piece that unpacks to too much.
    if (stopped) throw new Error('stopped')
    to.data(Buffer.from(data.buffer, data.byteOffset, data.byteLength))
  })

  function stop(): void {
    stopped = true
    queue.length = 0
  }
  function unpack(piece: Buffer, isLast: boolean): void {
    try {
      frames.look(piece)
      library.push(piece, isLast)
    } catch {
      // An error at the end means that the input was truncated; it is unpacked as far as it came.
      if (!stopped && !isLast) to.fail()
    }
  }
  async function unpackQueue(): Promise<void> {
    isRunning = true
    let turnEnds = performance.now() + TURN_MS
    for (let chunk = queue.shift(); chunk !== undefined; chunk = queue.shift()) {
      for (let at = 0; at < chunk.length && !stopped; at += PIECE_BYTES) {
        unpack(chunk.subarray(at, at + PIECE_BYTES), false)
        if (performance.now() < turnEnds) continue
        await nextTurn()
        turnEnds = performance.now() + TURN_MS
      }
      queuedBytes -= chunk.length
    }
    isRunning = false
  }

  return {
    push: (chunk) => {
      if (stopped) return
      queuedBytes += chunk.length
      if (queuedBytes > maxQueuedBytes) {
        to.fail()
        return
      }
      queue.push(chunk)
      if (!isRunning) run = unpackQueue()
    },
    end: async () => {
      await run
      if (!stopped) unpack(Buffer.alloc(0), true)
    },
    stop,
    isWhole: () => !stopped && frames.isWhole(),
  }
}

type Step = 'magic' | 'skippable' | 'descriptor' | 'header' | 'block'

const ZSTD_MAGIC = 0xfd2fb528
const SKIPPABLE_MAGIC = 0x184d2a50
const RLE_BLOCK = 1

/** Reads the headers of frames and blocks. Throws if a header asks for too much or is invalid. */
class Frames {
  #step: Step = 'magic'
  #wanted = 4
  #header: number[] = []
  #skip = 0
  #descriptor = 0
  #windowsBytes = 0
  #frames = 0

  /** Whether the input so far ends with a complete frame. */
  isWhole(): boolean {
    return this.#frames > 0 && this.#step === 'magic' && this.#header.length === 0 && this.#skip === 0
  }

  look(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, bytes.length - at)
        this.#skip -= skipped
        at += skipped
        continue
      }
      this.#header.push(bytes[at] ?? 0)
      at += 1
      if (this.#header.length < this.#wanted) continue
      const header = this.#header
      this.#header = []
      this.#read(header)
    }
  }

  #next(step: Step, wanted: number): void {
    this.#step = step
    this.#wanted = wanted
  }

  #read(header: readonly number[]): void {
    switch (this.#step) {
      case 'magic': {
        const magic = littleEndian(header)
        if (magic === ZSTD_MAGIC) {
          this.#frames += 1
          this.#next('descriptor', 1)
        } else if (magic - (magic % 16) === SKIPPABLE_MAGIC) this.#next('skippable', 4)
        else throw new RangeError('no frame')
        return
      }
      case 'skippable':
        this.#skip = littleEndian(header)
        this.#next('magic', 4)
        return
      case 'descriptor':
        this.#descriptor = header[0] ?? 0
        this.#next('header', headerBytes(this.#descriptor))
        return
      case 'header': {
        const window = windowBytes(this.#descriptor, header)
        this.#windowsBytes += window
        if (window > MAX_WINDOW_BYTES || this.#windowsBytes > MAX_WINDOWS_BYTES)
          throw new RangeError('window')
        this.#next('block', 3)
        return
      }
      case 'block':
        this.#readBlock(littleEndian(header))
    }
  }

  #readBlock(header: number): void {
    const size = header >>> 3
    if (size > MAX_BLOCK_BYTES) throw new RangeError('block')
    this.#skip = ((header >>> 1) & 3) === RLE_BLOCK ? 1 : size
    if ((header & 1) === 0) return
    const hasChecksum = (this.#descriptor & 4) !== 0
    this.#skip += hasChecksum ? 4 : 0
    this.#next('magic', 4)
  }
}

function littleEndian(bytes: readonly number[]): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0)
}

/** The sizes in a frame header, by its descriptor: window, dictionary, content size (section 3.1.1.1). */
function sizesIn(descriptor: number): { window: number; dictionary: number; content: number } {
  const isSingleSegment = (descriptor & 0x20) !== 0
  const flag = descriptor >>> 6
  return {
    window: isSingleSegment ? 0 : 1,
    dictionary: [0, 1, 2, 4][descriptor & 3] ?? 0,
    content: flag === 0 ? (isSingleSegment ? 1 : 0) : 2 ** flag,
  }
}

function headerBytes(descriptor: number): number {
  const { window, dictionary, content } = sizesIn(descriptor)
  return window + dictionary + content
}

function windowBytes(descriptor: number, header: readonly number[]): number {
  const { window, dictionary, content } = sizesIn(descriptor)
  if (window === 1) {
    const [byte = 0] = header
    const base = 2 ** (10 + (byte >>> 3))
    return base + (base / 8) * (byte & 7)
  }
  return littleEndian(header.slice(dictionary)) + (content === 2 ? 256 : 0)
}
