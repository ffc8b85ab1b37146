/**
 * Takes single events out of a server-sent event stream. Only the bytes of an event that is not complete yet are kept
 * back, which no client could use before the rest has come; every complete event leaves in the turn that completed it.
 */
const LF = 0x0a
const CR = 0x0d
/** An event longer than this is none that we put there: its bytes pass at once. */
const MAX_HELD_BYTES = 65_536

export class EventFilter {
  readonly #drop: (data: string) => boolean
  #held: Buffer = Buffer.alloc(0)
  #passing = false

  /** `drop` is asked with the data of each event that mentions `mark`. */
  readonly #mark: Buffer

  constructor(mark: string, drop: (data: string) => boolean) {
    this.#mark = Buffer.from(mark)
    this.#drop = drop
  }

  /** The bytes that may go on to the client now. */
  push(chunk: Buffer): Buffer {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    const passed: Buffer[] = []
    let eventStart = 0
    let keepFrom = 0
    for (let end = endOfEvent(bytes, 0); end !== -1; end = endOfEvent(bytes, end)) {
      if (!this.#passing && this.#isDropped(bytes.subarray(eventStart, end))) {
        passed.push(bytes.subarray(keepFrom, eventStart))
        keepFrom = end
      }
      this.#passing = false
      eventStart = end
    }
    const tail = bytes.subarray(eventStart)
    if (this.#passing || tail.length > MAX_HELD_BYTES) {
      this.#passing = true
      eventStart = bytes.length
    }
    // A copy: the held tail must not keep a whole network chunk alive.
    this.#held = Buffer.from(bytes.subarray(eventStart))
    passed.push(bytes.subarray(keepFrom, eventStart))
    return passed.length === 1 ? (passed[0] ?? this.#held) : Buffer.concat(passed)
  }

  /** What is left when the stream ends. */
  finish(): Buffer {
    const rest = this.#held
    this.#held = Buffer.alloc(0)
    return this.#isDropped(rest) ? Buffer.alloc(0) : rest
  }

  #isDropped(event: Buffer): boolean {
    return event.includes(this.#mark) && this.#drop(dataOf(event))
  }
}

/** Where the event that holds `from` ends: past its empty line; -1 while that has not come whole. */
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

/** Past a line's end; -1 where a CR is the last byte, since its LF may still come. */
function afterLineEnd(bytes: Buffer, at: number): number {
  if (bytes[at] === LF) return at + 1
  if (at + 1 === bytes.length) return -1
  return bytes[at + 1] === LF ? at + 2 : at + 1
}

function dataOf(event: Buffer): string {
  return event
    .toString('utf8')
    .split(/\r\n|\n|\r/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5).trimStart())
    .join('\n')
}
