/**
 * Parses a server-sent event stream (WHATWG HTML, section 9.2) as the bytes pass. LF, CRLF and CR end a line, an empty
 * line ends an event, and only `data` fields matter here.
 */
const LF = 0x0a
const CR = 0x0d
const COLON = 0x3a
const SPACE = 0x20
const DATA = [0x64, 0x61, 0x74, 0x61]
/** A stream may begin with one; it is not part of the stream. */
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]

export interface EventSink {
  /** A part of the event's data: `chunk[from, to)`. Parts of one event arrive in order. */
  data(chunk: Buffer, from: number, to: number): void
  /** The event is complete. */
  end(): void
}

type LineState = 'name' | 'after-name' | 'data' | 'other'

export class EventStream {
  readonly #sink: EventSink
  #state: LineState = 'name'
  #matched = 0
  #lineBytes = 0
  #hasData = false
  #skipLineFeed = false
  #markBytes = 0

  constructor(sink: EventSink) {
    this.#sink = sink
  }

  push(chunk: Buffer): void {
    let at = this.#markBytes < BYTE_ORDER_MARK.length ? this.#skipMark(chunk) : 0
    if (this.#skipLineFeed && chunk.length > 0) {
      if (chunk[0] === LF) at = 1
      this.#skipLineFeed = false
    }
    let nextCarriageReturn = chunk.indexOf(CR, at)
    while (at < chunk.length) {
      let end = chunk[at] === LF ? at : chunk.indexOf(LF, at)
      if (nextCarriageReturn !== -1 && nextCarriageReturn < at) nextCarriageReturn = chunk.indexOf(CR, at)
      if (nextCarriageReturn !== -1 && (end === -1 || nextCarriageReturn < end)) end = nextCarriageReturn
      if (end === -1) {
        this.#lineBytesOf(chunk, at, chunk.length)
        return
      }
      this.#lineBytesOf(chunk, at, end)
      this.#endLine()
      at = end + 1
      if (chunk[end] !== CR) continue
      if (at === chunk.length) this.#skipLineFeed = true
      else if (chunk[at] === LF) at += 1
    }
  }

  /** Ends the stream: an event without its empty line counts too. */
  finish(): void {
    if (this.#lineBytes > 0) this.#endLine()
    this.#endEvent()
  }

  /** The position after the stream's byte order mark. */
  #skipMark(chunk: Buffer): number {
    let at = 0
    while (at < chunk.length && this.#markBytes < BYTE_ORDER_MARK.length) {
      if (chunk[at] !== BYTE_ORDER_MARK[this.#markBytes]) {
        // The bytes that looked like a mark belong to the first line, which is therefore not a `data` field.
        if (this.#markBytes > 0) this.#state = 'other'
        this.#lineBytes = this.#markBytes
        this.#markBytes = BYTE_ORDER_MARK.length
        return at
      }
      this.#markBytes += 1
      at += 1
    }
    return at
  }

  #lineBytesOf(chunk: Buffer, from: number, to: number): void {
    this.#lineBytes += to - from
    let at = from
    while (at < to) {
      switch (this.#state) {
        case 'name': {
          const byte = chunk[at]
          if (this.#matched < DATA.length && byte === DATA[this.#matched]) {
            this.#matched += 1
            at += 1
          } else if (this.#matched === DATA.length && byte === COLON) {
            this.#state = 'after-name'
            at += 1
          } else {
            this.#state = 'other'
          }
          break
        }
        case 'after-name':
          if (chunk[at] === SPACE) at += 1
          this.#state = 'data'
          this.#hasData = true
          break
        case 'data':
          this.#sink.data(chunk, at, to)
          return
        case 'other':
          return
      }
    }
  }

  #endLine(): void {
    if (this.#lineBytes === 0) this.#endEvent()
    this.#state = 'name'
    this.#matched = 0
    this.#lineBytes = 0
  }

  #endEvent(): void {
    if (!this.#hasData) return
    this.#hasData = false
    this.#sink.end()
  }
}
