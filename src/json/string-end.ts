/**
 * Finds where the strings of JSON text end, across any split into chunks. Strings are most of a prompt: four bytes are
 * compared at a time, and long strings are left to `indexOf`, whose call costs as much as some hundred bytes here.
 */
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** A byte of a word is zero if, and only if, this has the byte's highest bit (Mycroft's test). */
const LOWEST_BITS = 0x01010101
const HIGHEST_BITS = 0x80808080
const QUOTES = 0x22222222

/** After so many words without a quote, a string counts as long. */
const LONG_WORDS = 256
/** Shorter chunks are read byte by byte. */
const SHORT_CHUNK = 64
const NO_WORDS = new Int32Array(0)

export class StringEnd {
  #chunk: Buffer = Buffer.alloc(0)
  /** The chunk as words, from `#firstWord` on: the first byte whose address is a multiple of four. */
  #words: Int32Array = NO_WORDS
  #firstWord = 0
  /** Whether a backslash at the end of the last chunk escapes the first byte of this one. */
  #isEscaped = false

  /** The chunk in which strings are to be found from now on. */
  take(chunk: Buffer): void {
    this.#chunk = chunk
    this.#firstWord = -chunk.byteOffset & 3
    this.#words =
      chunk.length < SHORT_CHUNK
        ? NO_WORDS
        : new Int32Array(
            chunk.buffer,
            chunk.byteOffset + this.#firstWord,
            (chunk.length - this.#firstWord) >> 2,
          )
  }

  /**
   * The position of the quote that closes the string in which `from` lies; -1 if the chunk ends before it. `from` is
   * behind the opening quote, or 0 for a string that another chunk began.
   */
  find(from: number): number {
    const chunk = this.#chunk
    if (from >= chunk.length) return -1
    const first = this.#isEscaped ? from + 1 : from
    this.#isEscaped = false
    for (let at = first; ;) {
      const quote = this.#nextQuote(at)
      const end = quote === -1 ? chunk.length : quote
      let before = end - 1
      while (before >= first && chunk[before] === BACKSLASH) before -= 1
      // Of an even number of backslashes, every second one is itself escaped.
      const isEscaped = (end - before) % 2 === 0
      if (quote === -1) {
        this.#isEscaped = isEscaped
        return -1
      }
      if (!isEscaped) return quote
      at = quote + 1
    }
  }

  #nextQuote(from: number): number {
    const chunk = this.#chunk
    const words = this.#words
    const firstWord = this.#firstWord
    let at = from
    if (words.length > 0) {
      for (; at < chunk.length && ((at - firstWord) & 3) !== 0; at += 1) if (chunk[at] === QUOTE) return at
      if (at === chunk.length) return -1
      let word = (at - firstWord) >> 2
      const far = Math.min(words.length, word + LONG_WORDS)
      for (; word < far; word += 1) {
        const differs = (words[word] ?? 0) ^ QUOTES
        if (((differs - LOWEST_BITS) & ~differs & HIGHEST_BITS) !== 0) break
      }
      at = firstWord + (word << 2)
      if (word === far && far < words.length) return chunk.indexOf(QUOTE, at)
    }
    for (; at < chunk.length; at += 1) if (chunk[at] === QUOTE) return at
    return -1
  }
}
