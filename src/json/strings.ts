/** Reads strings of JSON text by their bytes. */
import { BACKSLASH, QUOTE_BYTE as QUOTE } from './bytes.ts'

const LOWER_U = 0x75

/** State within an escape: after its backslash, or the number of hex digits that remain. */
const NO_ESCAPE = 0
const AFTER_BACKSLASH = -1
const HEX_DIGITS = 4

/** From this many bytes on, `indexOf` is faster than a loop. */
const NEAR_BYTES = 32
/** No relevant key is longer. */
const MAX_KEY_BYTES = 40

/** The position of the closing quote in `chunk[from, to)`; -1 if there is none, or an escape before it. */
export function endOfPlainString(chunk: Buffer, from: number, to: number): number {
  let at = from
  let byte = chunk[at]
  while (at < to && byte !== QUOTE && byte !== BACKSLASH) {
    at += 1
    byte = chunk[at]
  }
  return at < to && byte === QUOTE ? at : -1
}

/** The bytes as text, one character per byte, cut to the length of a relevant key. */
export function keyText(chunk: Buffer, from: number, to: number): string {
  return from === to ? '' : chunk.toString('latin1', from, Math.min(to, from + MAX_KEY_BYTES + 1))
}

/** A string that is long, has escapes or is split over chunks. */
export class JsonString {
  isOpen = false
  /** UTF-8 bytes of its value that were read since this was set to 0. */
  bytes = 0
  /** The beginning of a key, as long as a relevant key can be. */
  text = ''

  #isKey = false
  #escape = NO_ESCAPE
  #unit = 0

  /** Starts a string whose opening quote has been read. */
  open(isKey: boolean): void {
    this.isOpen = true
    this.bytes = 0
    this.text = ''
    this.#isKey = isKey
    this.#escape = NO_ESCAPE
  }

  /**
   * Continues in `chunk[from, to)`. Returns the position after the closing quote, or `to` if the string is still open.
   */
  read(chunk: Buffer, from: number, to: number): number {
    const specials = new Specials(chunk, to)
    let at = this.#escape === NO_ESCAPE ? from : this.#readEscape(chunk, from, to)
    let bytes = 0
    while (at < to) {
      const special = specials.next(at)
      bytes += special - at
      if (this.#isKey) this.#grow(keyText(chunk, at, special))
      at = special
      if (at === to) break
      if (chunk[at] === QUOTE) {
        this.isOpen = false
        at += 1
        break
      }
      if (at + 1 < to && chunk[at + 1] !== LOWER_U && !this.#isKey) {
        bytes += 1
        at += 2
      } else {
        this.#escape = AFTER_BACKSLASH
        at = this.#readEscape(chunk, at + 1, to)
      }
    }
    this.bytes += bytes
    return at
  }

  /** Continues in an escape after its backslash; returns the position after it, or `to`. */
  #readEscape(chunk: Buffer, from: number, to: number): number {
    let at = from
    while (at < to && this.#escape !== NO_ESCAPE) {
      const byte = chunk[at] ?? 0
      at += 1
      if (this.#escape > 0) {
        this.#unit = this.#unit * 16 + hexDigit(byte)
        this.#escape -= 1
        if (this.#escape === NO_ESCAPE) this.#escaped(utf8Bytes(this.#unit), String.fromCharCode(this.#unit))
      } else if (byte === LOWER_U) {
        this.#unit = 0
        this.#escape = HEX_DIGITS
      } else {
        this.#escape = NO_ESCAPE
        // No relevant key has a character with such an escape.
        this.#escaped(1, '\\')
      }
    }
    return at
  }

  #escaped(bytes: number, character: string): void {
    this.bytes += bytes
    if (this.#isKey) this.#grow(character)
  }

  #grow(text: string): void {
    if (this.text.length < MAX_KEY_BYTES) this.text += text
  }
}

/** Finds quotes and backslashes in a chunk, up to `to`, one after the other. */
class Specials {
  readonly #bytes: Buffer
  readonly #to: number
  #quote = -1
  #backslash = -1

  constructor(chunk: Buffer, to: number) {
    this.#bytes = to === chunk.length ? chunk : chunk.subarray(0, to)
    this.#to = to
  }

  /** The position of the first one from `from` on; `to` if there is none. */
  next(from: number): number {
    const bytes = this.#bytes
    const near = Math.min(from + NEAR_BYTES, this.#to)
    for (let at = from; at < near; at += 1) {
      const byte = bytes[at]
      if (byte === QUOTE || byte === BACKSLASH) return at
    }
    // Each search resumes where the last one ended, so a string full of escapes is not searched again for each.
    if (this.#quote < near) this.#quote = this.#search(QUOTE, near)
    if (this.#backslash < near) this.#backslash = this.#search(BACKSLASH, near)
    return Math.min(this.#quote, this.#backslash)
  }

  #search(byte: number, from: number): number {
    const found = this.#bytes.indexOf(byte, from)
    return found === -1 ? this.#to : found
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : 0
}

/** UTF-8 bytes of one UTF-16 unit; the two halves of a surrogate pair make up four between them. */
function utf8Bytes(unit: number): number {
  if (unit < 0x80) return 1
  if (unit < 0x800) return 2
  return unit >= 0xd800 && unit <= 0xdfff ? 2 : 3
}
