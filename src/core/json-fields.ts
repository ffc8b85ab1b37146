/**
 * Picks a few fields out of JSON text as its bytes go by, across any split of chunks, without keeping the text.
 *
 * It also counts the bytes of generated text, by the names of the keys under which an API puts it, because that is what
 * an answer without a usage report is charged by (C5). It checks nothing: what is not JSON yields nothing.
 */
const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
const COMMA = 0x2c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const LOWER_U = 0x75

/** Keys of fields to pick stand at most this deep. */
const MAX_PATH = 4
/** No key that matters is longer. */
const MAX_KEY_BYTES = 40
/** A captured value that is longer is dropped: no usage report is. */
const MAX_CAPTURE_BYTES = 65_536

export interface JsonFieldsOptions {
  /** Dotted paths of the fields to pick, in plain ASCII; `*` stands for the elements of an array. None lies within another. */
  readonly paths: readonly string[]
  /** Names of keys whose string values are generated text, at any depth; in plain ASCII. */
  readonly textKeys: readonly string[]
}

/** Where the string that is being read belongs. */
type StringRole = 'key-or-other' | 'text'

export class JsonFields {
  /** Path → the value's raw JSON text; of a path that occurs twice, the last. */
  readonly captured = new Map<string, string>()
  /** UTF-8 bytes of generated text so far, over all documents. */
  textBytes = 0

  readonly #paths: ReadonlySet<string>
  readonly #leaves: ReadonlySet<string>
  readonly #textKeys: ReadonlySet<string>

  #depth = 0
  readonly #keys: string[] = new Array<string>(MAX_PATH + 1).fill('')
  #inString = false
  #role: StringRole = 'key-or-other'
  #escape: 'none' | 'backslash' | 'hex' = 'none'
  #hexDigits = 0
  #hexValue = 0
  #string = ''
  #afterColon = false
  #key = ''

  #capturePath: string | null = null
  #captureDepth = 0
  #captureStarted = false
  #pieces: Buffer[] = []
  #pieceBytes = 0

  constructor(options: JsonFieldsOptions) {
    this.#paths = new Set(options.paths)
    this.#leaves = new Set(options.paths.map((path) => path.slice(path.lastIndexOf('.') + 1)))
    this.#textKeys = new Set(options.textKeys)
  }

  /** Forgets the document, not the count of text: the next byte begins a new one. */
  reset(): void {
    this.captured.clear()
    this.#depth = 0
    this.#inString = false
    this.#escape = 'none'
    this.#string = ''
    this.#afterColon = false
    this.#dropCapture()
  }

  /** Reads `chunk[from, to)`. */
  push(chunk: Buffer, from: number, to: number): void {
    let captureFrom = this.#captureStarted ? from : -1
    for (let at = from; at < to; at += 1) {
      const byte = chunk[at] ?? 0
      if (this.#inString) {
        if (this.#stringByte(byte) && this.#captureStarted && this.#depth === this.#captureDepth) {
          this.#keep(chunk, captureFrom, at + 1)
          this.#finishCapture()
        }
        continue
      }
      // Spaces mean nothing between values, and end none that a comma or bracket would not end as well.
      if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) continue
      if (this.#capturePath !== null && !this.#captureStarted) {
        this.#captureStarted = true
        captureFrom = at
      }
      const closes = byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET
      if (closes && this.#captureStarted && this.#depth === this.#captureDepth) {
        this.#keep(chunk, captureFrom, at)
        this.#finishCapture()
      }
      this.#structure(byte)
      if (closes && this.#captureStarted && this.#depth === this.#captureDepth) {
        this.#keep(chunk, captureFrom, at + 1)
        this.#finishCapture()
      }
    }
    if (this.#captureStarted) this.#keep(chunk, captureFrom, to)
  }

  #structure(byte: number): void {
    switch (byte) {
      case QUOTE:
        this.#inString = true
        this.#role = this.#afterColon && this.#textKeys.has(this.#key) ? 'text' : 'key-or-other'
        this.#string = ''
        this.#afterColon = false
        return
      case COLON:
        this.#afterColon = true
        this.#key = this.#string
        if (this.#depth <= MAX_PATH) {
          this.#keys[this.#depth] = this.#key
          if (this.#capturePath === null && this.#leaves.has(this.#key)) this.#beginCapture()
        }
        return
      case OPEN_BRACE:
      case OPEN_BRACKET:
        this.#afterColon = false
        this.#depth += 1
        if (this.#depth <= MAX_PATH) this.#keys[this.#depth] = byte === OPEN_BRACKET ? '*' : ''
        return
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        this.#depth -= 1
        return
      default:
        this.#afterColon = false
    }
  }

  /** Takes one byte of a string; true when it was the closing quote. */
  #stringByte(byte: number): boolean {
    switch (this.#escape) {
      case 'none':
        if (byte === QUOTE) {
          this.#inString = false
          return true
        }
        if (byte === BACKSLASH) this.#escape = 'backslash'
        else if (this.#role === 'text') this.textBytes += 1
        else if (this.#string.length < MAX_KEY_BYTES) this.#string += String.fromCharCode(byte)
        return false
      case 'backslash':
        if (byte === LOWER_U) {
          this.#escape = 'hex'
          this.#hexDigits = 0
          this.#hexValue = 0
          return false
        }
        this.#escape = 'none'
        if (this.#role === 'text') this.textBytes += 1
        else if (this.#string.length < MAX_KEY_BYTES) this.#string += '\\'
        return false
      case 'hex':
        this.#hexValue = this.#hexValue * 16 + (Number.parseInt(String.fromCharCode(byte), 16) || 0)
        this.#hexDigits += 1
        if (this.#hexDigits < 4) return false
        this.#escape = 'none'
        if (this.#role === 'text') this.textBytes += utf8Bytes(this.#hexValue)
        else if (this.#string.length < MAX_KEY_BYTES) this.#string += String.fromCharCode(this.#hexValue)
        return false
    }
  }

  #beginCapture(): void {
    const path = this.#keys.slice(1, this.#depth + 1).join('.')
    if (!this.#paths.has(path)) return
    this.#capturePath = path
    this.#captureDepth = this.#depth
    this.#captureStarted = false
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    if (from < 0 || this.#pieceBytes > MAX_CAPTURE_BYTES) return
    this.#pieces.push(Buffer.from(chunk.subarray(from, to)))
    this.#pieceBytes += to - from
  }

  #finishCapture(): void {
    if (this.#capturePath !== null && this.#pieceBytes > 0 && this.#pieceBytes <= MAX_CAPTURE_BYTES) {
      this.captured.set(this.#capturePath, Buffer.concat(this.#pieces).toString('utf8').trim())
    }
    this.#dropCapture()
  }

  #dropCapture(): void {
    this.#capturePath = null
    this.#captureStarted = false
    this.#pieces = []
    this.#pieceBytes = 0
  }
}

/** UTF-8 bytes of one UTF-16 unit; the two halves of a surrogate pair make up four between them. */
function utf8Bytes(unit: number): number {
  if (unit < 0x80) return 1
  if (unit < 0x800) return 2
  return unit >= 0xd800 && unit <= 0xdfff ? 2 : 3
}
