/** Collects the raw text of the value at one path, over chunks. */
import { isAscii } from './bytes.ts'

/** A longer value is dropped; no usage report is that long. */
const MAX_BYTES = 65_536
/**
 * Values up to this length are often the same in every event of a stream (`null`, a model), and are not decoded again.
 */
const MAX_REMEMBERED_BYTES = 64

export class PickedField {
  readonly path: string
  /** Whether it may occur in several elements of an array of one document. */
  readonly isRepeated: boolean
  /** Whether a value matters only if it differs from the last one. */
  readonly isSteady: boolean
  lastValue: string | null = null
  #from = 0
  #pieces: Buffer[] = []
  #pieceBytes = 0
  #remembered = ''
  #rememberedText: string | null = null

  constructor(path: string, isSteady: boolean) {
    this.path = path
    this.isSteady = isSteady
    // The elements of an array at the top are documents.
    this.isRepeated = path.includes('*', 1)
  }

  /** The value begins at `from`, or after the white space there. */
  begin(from: number): void {
    this.#from = from
  }

  /** The value continues in the next chunk; this chunk holds it up to `to`. */
  goOn(chunk: Buffer, to: number): void {
    if (this.#pieceBytes > MAX_BYTES) return
    this.#pieces.push(Buffer.from(chunk.subarray(this.#from, to)))
    this.#pieceBytes += to - this.#from
  }

  /** The value ends before `to`. Returns its text; null if there is none, or too much. */
  finish(chunk: Buffer, to: number): string | null {
    if (this.#pieceBytes === 0) return this.#textOf(chunk, to)
    const isTooMuch = this.#pieceBytes + to - this.#from > MAX_BYTES
    const whole = isTooMuch ? null : Buffer.concat([...this.#pieces, chunk.subarray(this.#from, to)])
    this.drop()
    return whole === null ? null : textOf(whole, 0, whole.length)
  }

  drop(): void {
    this.#pieces = []
    this.#pieceBytes = 0
  }

  #textOf(chunk: Buffer, to: number): string | null {
    const from = this.#from
    if (to - from > MAX_BYTES) return null
    if (to - from > MAX_REMEMBERED_BYTES) return textOf(chunk, from, to)
    // A text that is not ASCII is decoded again.
    if (!isAscii(this.#remembered, chunk, from, to)) {
      this.#remembered = chunk.toString('utf8', from, to)
      this.#rememberedText = trimmed(this.#remembered)
    }
    return this.#rememberedText
  }
}

function textOf(bytes: Buffer, from: number, to: number): string | null {
  return trimmed(bytes.toString('utf8', from, to))
}

function trimmed(text: string): string | null {
  const inner = text.trim()
  return inner === '' ? null : inner
}
