/** Reads short strings of JSON from their bytes. */
import { BACKSLASH, isAscii, LAST_ASCII } from './bytes.ts'

const FIRST_PRINTABLE = 0x20

/** A text of which only the size and the beginning are kept. */
export class LongText {
  /** Bytes between its quotes, as it is written. */
  readonly bytes: number
  /** How it begins, as far as that is ASCII. */
  readonly head: string

  constructor(bytes: number, head: string) {
    this.bytes = bytes
    this.head = head
  }
}

/** The bytes of a kept text, as it is written; null for anything else. */
export function textBytes(value: unknown): number | null {
  if (typeof value === 'string') return Buffer.byteLength(value)
  return value instanceof LongText ? value.bytes : null
}

/** Whether a kept text begins with this. */
export function beginsWith(value: unknown, start: string): boolean {
  return typeof value === 'string'
    ? value.startsWith(start)
    : value instanceof LongText && value.head.startsWith(start)
}

/** Bytes of a long text that are read: `data:`, written in escapes. */
const HEAD_BYTES = 32
/** An escape, of which only those that stand for a printable character are of interest. */
const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|(["\\/]))/g

/** A long text, of `size` bytes, from its first bytes at `from`. */
export function longText(size: number, bytes: Buffer, from: number): LongText {
  const head = bytes.toString('latin1', from, from + HEAD_BYTES)
  const plain = head.replace(ESCAPE, (_, unit: string | undefined, character: string | undefined) =>
    unit === undefined ? (character ?? '') : String.fromCharCode(Number.parseInt(unit, 16)),
  )
  return new LongText(size, plain)
}

const REMEMBERED = 64
const MAX_REMEMBERED_BYTES = 24

/** Decodes texts. Most are of a few kinds ("user", "text"), and are not made anew each time. */
export class TextReader {
  readonly #remembered = new Array<string>(REMEMBERED).fill('')

  /** The text between two quotes; undefined where it is not one that JSON allows. The bytes are UTF-8. */
  read(bytes: Buffer, from: number, to: number): string | undefined {
    const slot = ((to - from) * 31 + (bytes[from] ?? 0) + (bytes[to - 1] ?? 0)) & (REMEMBERED - 1)
    const known = this.#remembered[slot] ?? ''
    if (isAscii(known, bytes, from, to)) return known
    let all = 0
    for (let at = from; at < to; at += 1) {
      const byte = bytes[at] ?? 0
      if (byte === BACKSLASH) return unescaped(bytes, from, to)
      if (byte < FIRST_PRINTABLE) return undefined
      all |= byte
    }
    if (all > LAST_ASCII) return bytes.toString('utf8', from, to)
    const text = bytes.toString('latin1', from, to)
    if (to - from <= MAX_REMEMBERED_BYTES) this.#remembered[slot] = text
    return text
  }
}

function unescaped(bytes: Buffer, from: number, to: number): string | undefined {
  try {
    return JSON.parse(`"${bytes.toString('utf8', from, to)}"`) as string
  } catch {
    return undefined
  }
}
