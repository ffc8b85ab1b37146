/** Passes over a list or an object of JSON, across any split into chunks: only its end is of interest. */
import { CLOSE, COLON, COMMA, FOREIGN, KIND, LITERAL, OPEN, QUOTE, WEIGHT } from './bytes.ts'
import type { Quotes } from './quotes.ts'

/** The distance between an opening and its closing bracket in ASCII: `[` and `]`, `{` and `}`. */
const TO_CLOSING = 2

export class SkippedValue {
  /** Whether a byte stood where no JSON has it. */
  isBroken = false
  /** Whether the value has ended. */
  isOver = false
  /** The closing brackets that are still to come, outermost first. */
  readonly #closing: number[] = []
  #isInString = false
  #weight = 0

  /** A list or an object has just been opened. */
  begin(isList: boolean): void {
    this.isOver = false
    this.#closing.length = 0
    this.#closing.push(isList ? 0x5d : 0x7d)
  }

  /**
   * Reads on from `from`. Returns the position behind the value; the chunk's end if it goes on; the position of the
   * byte at fault if it is broken.
   */
  read(chunk: Buffer, from: number, quotes: Quotes): number {
    let at = from
    if (this.#isInString) {
      const quote = quotes.closing(at)
      if (quote === -1) return chunk.length
      this.#isInString = false
      at = quote + 1
    }
    while (at < chunk.length) {
      const byte = chunk[at] ?? 0
      const kind = KIND[byte] ?? FOREIGN
      if (kind === QUOTE) {
        const quote = quotes.closing(at + 1)
        if (quote === -1) {
          this.#isInString = true
          return chunk.length
        }
        at = quote + 1
        continue
      }
      if (kind === FOREIGN || (kind > LITERAL && !this.#structure(kind, byte))) {
        this.isBroken = true
        return at
      }
      at += 1
      if (this.isOver) return at
    }
    return at
  }

  /** The weight of what was read since the last call (see outline.ts). */
  takeWeight(): number {
    const weight = this.#weight
    this.#weight = 0
    return weight
  }

  /** Whether the byte may stand here. */
  #structure(kind: number, byte: number): boolean {
    this.#weight += WEIGHT[byte] ?? 0
    switch (kind) {
      case COMMA:
      case COLON:
        return true
      case OPEN:
        this.#closing.push(byte + TO_CLOSING)
        return true
      case CLOSE:
        if (this.#closing.pop() !== byte) return false
        this.isOver = this.#closing.length === 0
        return true
      default:
        return false
    }
  }
}
