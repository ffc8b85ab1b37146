/**
 * Removes single events from a server-sent event stream. Only the bytes of an incomplete event are held back, which no
 * client could use before the rest arrives. Every complete event is passed on in the call that completes it.
 */
import { kindOfStart } from './stream-start.ts'

const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const COLON = 0x3a
const LOWER_N = 0x6e
/** An event longer than this is not a usage event: its bytes pass at once. */
const MAX_HELD_BYTES = 65_536

/** The pieces of an event that arrives in tiny chunks are joined at this number. */
const MAX_PIECES = 64
/** Bytes of an open event that may belong to its end: a line end, and the CR of the empty line after it. */
const EDGE_BYTES = 3
const NOTHING = Buffer.alloc(0)
const UNFILTERED: ByteFilter = { push: (chunk) => chunk, finish: () => NOTHING }

/** Filters bytes on their way to the client. */
export interface ByteFilter {
  /** The bytes that may be passed on now. */
  push(chunk: Buffer): Buffer
  /** What is left when the stream ends. */
  finish(): Buffer
}

/**
 * Applies an event filter only if the answer is an event stream; JSON passes unfiltered. The first bytes are held back
 * until they show which it is. If they never do, the label decides.
 */
export function filterOfStream(events: ByteFilter, isLabelled: boolean): ByteFilter {
  let start: Buffer = NOTHING
  let filter: ByteFilter | null = null

  function begin(isStream: boolean): ByteFilter {
    filter = isStream ? events : UNFILTERED
    return filter
  }
  return {
    push(chunk) {
      if (filter !== null) return filter.push(chunk)
      const bytes = start.length === 0 ? chunk : Buffer.concat([start, chunk])
      const kind = kindOfStart(bytes)
      if (kind === null) {
        // A copy: what is kept must not keep a whole network chunk alive.
        start = Buffer.from(bytes)
        return NOTHING
      }
      return begin(kind === 'unknown' ? isLabelled : kind === 'events').push(bytes)
    },
    finish() {
      if (filter !== null) return filter.finish()
      const chosen = begin(isLabelled)
      return Buffer.concat([chosen.push(start), chosen.finish()])
    },
  }
}

export class EventFilter implements ByteFilter {
  readonly #drop: (data: string) => boolean
  readonly #mark: Buffer
  /** The pieces of the open event, and their total length. */
  #pieces: Buffer[] = []
  #heldBytes = 0
  /** The last bytes of the open event: the search for its end resumes there. */
  #edge: Buffer = NOTHING
  #passing = false

  /** `drop` decides on the data of each event that contains `mark`, a quoted JSON key, with a value other than null. */
  constructor(mark: string, drop: (data: string) => boolean) {
    this.#mark = Buffer.from(mark)
    this.#drop = drop
  }

  /** The bytes that may be passed on to the client now. */
  push(chunk: Buffer): Buffer {
    if (this.#isPlain(chunk)) return chunk
    const before = this.#edge.length
    const bytes = before === 0 ? chunk : Buffer.concat([this.#edge, chunk])
    const passed: Buffer[] = []
    let keepFrom = 0
    let eventStart = -1
    for (let end = endOfEvent(bytes, 0); end !== -1; end = endOfEvent(bytes, end)) {
      const [from, to] = [Math.max(0, eventStart), end - before]
      if (!this.#passing && this.#isDropped(this.#whole(chunk.subarray(from, to)))) {
        passed.push(chunk.subarray(keepFrom, from))
        keepFrom = to
      } else passed.push(...this.#pieces)
      this.#release()
      this.#passing = false
      eventStart = to
    }
    const tail = chunk.subarray(Math.max(0, eventStart))
    // A copy: what is kept must not keep a whole network chunk alive.
    this.#edge = Buffer.from((eventStart === -1 ? bytes : tail).subarray(-EDGE_BYTES))
    if (this.#passing || this.#heldBytes + tail.length > MAX_HELD_BYTES) {
      this.#passing = true
      passed.push(...this.#pieces, chunk.subarray(keepFrom))
      this.#release()
    } else {
      passed.push(chunk.subarray(keepFrom, Math.max(0, eventStart)))
      this.#hold(tail)
    }
    return joined(passed)
  }

  /**
   * Whether the chunk holds only complete events, none of which is dropped, as nearly every chunk does: it ends in an
   * empty line, and no event is open.
   */
  #isPlain(chunk: Buffer): boolean {
    if (this.#edge.length > 0 || this.#heldBytes > 0 || this.#passing) return false
    const last = chunk.length - 1
    return chunk[last] === LF && chunk[last - 1] === LF && !this.#isMarked(chunk)
  }

  /** What is left when the stream ends. */
  finish(): Buffer {
    const rest = this.#whole(NOTHING)
    this.#release()
    return this.#isDropped(rest) ? NOTHING : rest
  }

  #hold(tail: Buffer): void {
    if (tail.length === 0) return
    if (this.#pieces.length === MAX_PIECES) this.#pieces = [Buffer.concat(this.#pieces)]
    this.#pieces.push(Buffer.from(tail))
    this.#heldBytes += tail.length
  }

  #release(): void {
    this.#pieces = []
    this.#heldBytes = 0
  }

  /** The open event with its last bytes. */
  #whole(last: Buffer): Buffer {
    return this.#pieces.length === 0 ? last : Buffer.concat([...this.#pieces, last])
  }

  #isDropped(event: Buffer): boolean {
    return this.#isMarked(event) && this.#drop(dataOf(event))
  }

  #isMarked(bytes: Buffer): boolean {
    const mark = this.#mark
    for (let at = bytes.indexOf(mark); at !== -1; at = bytes.indexOf(mark, at)) {
      at += mark.length
      if (!isNull(bytes, at)) return true
    }
    return false
  }
}

/** Whether a colon and null follow a key: no other value begins with an n. */
function isNull(bytes: Buffer, from: number): boolean {
  let at = from
  while (bytes[at] === SPACE) at += 1
  if (bytes[at] !== COLON) return false
  at += 1
  while (bytes[at] === SPACE) at += 1
  return bytes[at] === LOWER_N
}

function joined(parts: readonly Buffer[]): Buffer {
  const some = parts.filter(({ length }) => length > 0)
  return some.length <= 1 ? (some[0] ?? NOTHING) : Buffer.concat(some)
}

/** Where the event at `from` ends, after its empty line; -1 while that is incomplete. */
function endOfEvent(bytes: Buffer, from: number): number {
  for (let at = from; at < bytes.length; at += 1) {
    const byte = bytes[at]
    if (byte !== LF && byte !== CR) continue
    const next = afterLineEnd(bytes, at)
    if (next === -1) return -1
    const second = bytes[next]
    if (second === LF || second === CR) return afterLineEnd(bytes, next)
    at = next - 1
  }
  return -1
}

/** The position after a line's end; -1 if a CR is the last byte, since its LF may still come. */
function afterLineEnd(bytes: Buffer, at: number): number {
  if (bytes[at] === LF) return at + 1
  if (at + 1 === bytes.length) return -1
  return bytes[at + 1] === LF ? at + 2 : at + 1
}

function dataOf(event: Buffer): string {
  return (
    event
      .toString('utf8')
      // A byte order mark at the start of a stream is not part of its first line.
      .replace(/^\ufeff/, '')
      .split(/\r\n|\n|\r/)
      .filter((line) => line.startsWith('data:'))
      .map((line) => line.slice(5).trimStart())
      .join('\n')
  )
}
