/**
 * Finds where the strings of JSON text end, across any split into chunks. Strings are most of a prompt, so all quotes of
 * a chunk are found first, in one pass that compares four bytes at a time; where there are none for long, as in an
 * image, `indexOf` is faster.
 */
import { BACKSLASH, QUOTE_BYTE as QUOTE } from './bytes.ts'

/** Longer chunks are taken in parts. */
export const MAX_PART_BYTES = 65_536
/** After so many words without a quote, `indexOf` looks for the next. */
const FAR_WORDS = 256

/** Where the quotes of a chunk are: one list for all readers, since a chunk is read before the next one is taken. */
const positions = new Int32Array(MAX_PART_BYTES + 1)

export class Quotes {
  #chunk: Buffer = Buffer.alloc(0)
  #count = 0
  #next = 0
  /** Whether a backslash at the end of the last chunk escapes the first byte of this one. */
  #isEscaped = false

  /** The chunk to be read from now on, of at most MAX_PART_BYTES. No other reader may take one meanwhile. */
  take(chunk: Buffer): void {
    this.#chunk = chunk
    this.#count = findQuotes(chunk)
    this.#next = 0
  }

  /**
   * The position of the quote that closes the string in which `from` lies; -1 if the chunk ends before it. `from` is
   * behind the opening quote, or 0 for a string that another chunk began. Never less than before.
   */
  closing(from: number): number {
    const chunk = this.#chunk
    if (from >= chunk.length) return -1
    const first = this.#isEscaped ? from + 1 : from
    this.#isEscaped = false
    let next = this.#next
    while (next < this.#count && (positions[next] ?? 0) < first) next += 1
    for (; next < this.#count; next += 1) {
      const quote = positions[next] ?? 0
      if (chunk[quote - 1] === BACKSLASH && isEscaped(chunk, first, quote)) continue
      this.#next = next + 1
      return quote
    }
    this.#next = next
    this.#isEscaped = isEscaped(chunk, first, chunk.length)
    return -1
  }
}

/** Whether the backslashes in front of `at`, back to `first`, escape it: of an even number, every second is itself escaped. */
function isEscaped(chunk: Buffer, first: number, at: number): boolean {
  let before = at - 1
  while (before >= first && chunk[before] === BACKSLASH) before -= 1
  return (at - before) % 2 === 0
}

/** Whether the first byte of a word is its lowest. Elsewhere bytes are compared one by one. */
const IS_LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

/** Writes the positions of all quotes in ascending order. Returns how many there are. */
function findQuotes(chunk: Buffer): number {
  const { length } = chunk
  // Words begin where the address is a multiple of four.
  const firstWord = -chunk.byteOffset & 3
  if (length < firstWord + 4 || !IS_LITTLE_ENDIAN) return findBytewise(chunk, 0, length, 0)
  const words = new Int32Array(chunk.buffer, chunk.byteOffset + firstWord, (length - firstWord) >> 2)
  let count = findBytewise(chunk, 0, firstWord, 0)
  for (let from = 0; from < words.length;) {
    const to = Math.min(words.length, from + FAR_WORDS)
    const more = findInWords(words, from, to, firstWord, count)
    from = to
    if (more === count && to < words.length) {
      const quote = chunk.indexOf(QUOTE, firstWord + (to << 2))
      if (quote === -1) return count
      from = (quote - firstWord) >> 2
    }
    count = more
  }
  return findBytewise(chunk, firstWord + (words.length << 2), length, count)
}

/** The same in `words[from, to)`. */
function findInWords(words: Int32Array, from: number, to: number, firstWord: number, before: number): number {
  const found = positions
  let count = before
  for (let word = from; word < to; word += 1) {
    // A byte of a word is zero if, and only if, its highest bit is set by this (Mycroft's test).
    const differs = (words[word] ?? 0) ^ 0x22222222
    if (((differs - 0x01010101) & ~differs & 0x80808080) === 0) continue
    const at = firstWord + (word << 2)
    if ((differs & 0xff) === 0) found[count++] = at
    if ((differs & 0xff00) === 0) found[count++] = at + 1
    if ((differs & 0xff0000) === 0) found[count++] = at + 2
    if (differs >>> 24 === 0) found[count++] = at + 3
  }
  return count
}

function findBytewise(chunk: Buffer, from: number, to: number, before: number): number {
  let count = before
  for (let at = from; at < to; at += 1) if (chunk[at] === QUOTE) positions[count++] = at
  return count
}
