/** Checks that bytes are UTF-8, across any split into chunks. */
import { isUtf8 } from 'node:buffer'

const NOTHING = Buffer.alloc(0)

export class Utf8Check {
  /** The beginning of a character whose other bytes are in the next chunk: at most three bytes. */
  #begun: Buffer = NOTHING

  /** Whether everything so far can be the beginning of UTF-8. Nothing may be pushed after a false. */
  push(chunk: Buffer): boolean {
    let from = 0
    if (this.#begun.length > 0) {
      from = lengthOfCharacter(this.#begun[0] ?? 0) - this.#begun.length
      const character = Buffer.concat([this.#begun, chunk.subarray(0, from)])
      if (chunk.length < from) {
        this.#begun = character
        return true
      }
      this.#begun = NOTHING
      if (!isUtf8(character)) return false
    }
    const to = endOfCharacters(chunk, from)
    if (to < chunk.length) this.#begun = chunk.subarray(to)
    return isUtf8(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to))
  }

  /** Whether the last character is complete. */
  end(): boolean {
    return this.#begun.length === 0
  }
}

/** By the first byte of a character (RFC 3629, section 3); 1 for a byte that cannot be one. */
function lengthOfCharacter(first: number): number {
  if (first >= 0xf0) return 4
  if (first >= 0xe0) return 3
  return first >= 0xc0 ? 2 : 1
}

/** The end of the last complete character in `chunk[from, length)`. */
function endOfCharacters(chunk: Buffer, from: number): number {
  const first = Math.max(from, chunk.length - 3)
  for (let at = chunk.length - 1; at >= first; at -= 1) {
    const byte = chunk[at] ?? 0
    if ((byte & 0xc0) === 0x80) continue
    return at + lengthOfCharacter(byte) > chunk.length ? at : chunk.length
  }
  return chunk.length
}
