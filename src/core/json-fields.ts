/**
 * Picks a few fields out of JSON text as its bytes go by, across any split of chunks, without keeping the text.
 *
 * It also counts the bytes of generated text, by the names of the keys under which an API puts it, because that is what
 * an answer without a usage report is charged by (C5). It checks nothing: what is not JSON yields nothing.
 *
 * It is on the path of every byte of every answer, and faster than `JSON.parse` (bench/scanner.ts): what means nothing
 * outside of strings is skipped by table, long strings by `indexOf`, and keys are compared where they stand.
 */
import { KeyNames, pathTree, type KeyName, type PathNode } from './json-names.ts'
import type { PickedField } from './picked-field.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const LOWER_U = 0x75

/** What a byte means outside of strings. */
const MEANS_NOTHING = 0
const OPENS_STRING = 1
const ENDS_KEY = 2
const PARTS = 3
const OPENS_OBJECT = 4
const OPENS_ARRAY = 5
const CLOSES = 6
const MEANING = new Uint8Array(256)
for (const [characters, meaning] of [
  ['"', OPENS_STRING],
  [':', ENDS_KEY],
  [',', PARTS],
  ['{', OPENS_OBJECT],
  ['[', OPENS_ARRAY],
  ['}]', CLOSES],
] as const) {
  for (const character of characters) MEANING[character.charCodeAt(0)] = meaning
}

/** What a string is, as far as it matters here. In an array a text may be taken for a key, but no colon follows it. */
const OTHER = 0
const TEXT = 1
const KEY = 2

/** Within an escape: after its backslash, or so many hex digits to go. */
const NO_ESCAPE = 0
const AFTER_BACKSLASH = -1
const HEX_DIGITS = 4

/** No key that matters is longer. */
const MAX_KEY_BYTES = 40
/** From so many bytes on, a search by `indexOf` has paid for its call. */
const NEAR_BYTES = 32
/** Most strings are shorter, and then read at once. */
const SHORT_BYTES = 64

export interface JsonFieldsOptions {
  /** Dotted paths of the fields to pick, in plain ASCII; `*` stands for the elements of an array. None lies within another. */
  readonly paths: readonly string[]
  /** Names of keys whose string values are generated text, at any depth; in plain ASCII. */
  readonly textKeys: readonly string[]
  /** A document is complete: a value at the top, or an element of an array at the top. `captured` is for the caller to clear. */
  readonly onDocument?: () => void
}

export class JsonFields {
  /** Path → the value's raw JSON text; of a path that occurs twice, the last. */
  readonly captured = new Map<string, string>()
  /** UTF-8 bytes of generated text so far, over all documents. */
  textBytes = 0

  readonly #names: KeyNames
  readonly #onDocument: (() => void) | null

  #depth = 0
  #topIsArray = false
  readonly #deepest: number
  /** By depth, as far down as paths lead: whose members, or whose elements, an object or an array holds. */
  readonly #objects: (PathNode | null)[]
  readonly #elements: (PathNode | null)[]
  /** Where the next value stands; null where no path leads. */
  #place: PathNode | null
  #afterColon = false
  #underTextKey = false

  #inString = false
  #role = OTHER
  #escape = NO_ESCAPE
  #unit = 0
  /** The last key: where it stands in the chunk, or, where it is split or has escapes, its text. */
  #keyFrom = 0
  #keyTo = 0
  #keyText: string | null = null

  /** The field whose value is being read, which is a member of an object at this depth. */
  #field: PickedField | null = null
  #fieldDepth = 0

  constructor(options: JsonFieldsOptions) {
    const { root, depth } = pathTree(options.paths)
    const steps = options.paths.flatMap((path) => path.split('.')).filter((step) => step !== '*')
    this.#names = new KeyNames([...steps, ...options.textKeys], new Set(options.textKeys))
    this.#onDocument = options.onDocument ?? null
    this.#deepest = depth
    this.#objects = new Array<null>(depth + 1).fill(null)
    this.#elements = new Array<PathNode | null>(depth + 1).fill(null)
    this.#elements[0] = root
    this.#place = root
  }

  /** Forgets the document, not the count of text: the next byte begins a new one. */
  reset(): void {
    this.captured.clear()
    this.#depth = 0
    this.#place = this.#elements[0] ?? null
    this.#afterColon = false
    this.#inString = false
    this.#escape = NO_ESCAPE
    this.#keyText = ''
    this.#field?.drop()
    this.#field = null
  }

  /** Reads `chunk[from, to)`. */
  push(chunk: Buffer, from: number, to: number): void {
    this.#field?.begin(from)
    let at = this.#inString ? this.#readString(chunk, from, to) : from
    while (at < to) {
      const meaning = MEANING[chunk[at] ?? 0] ?? 0
      if (meaning === MEANS_NOTHING) {
        at += 1
      } else if (meaning === OPENS_STRING) {
        at = this.#string(chunk, at + 1, to)
      } else {
        this.#structure(meaning, chunk, at)
        at += 1
      }
    }
    this.#field?.goOn(chunk, to)
    if (this.#keyText === null) this.#keyText = latin1(chunk, this.#keyFrom, this.#keyTo)
  }

  #structure(meaning: number, chunk: Buffer, at: number): void {
    switch (meaning) {
      case ENDS_KEY:
        this.#endKey(chunk, at)
        return
      case PARTS:
        if (this.#field !== null && this.#depth === this.#fieldDepth) this.#finishField(this.#field, chunk, at)
        this.#afterColon = false
        this.#place = this.#depth <= this.#deepest ? (this.#elements[this.#depth] ?? null) : null
        return
      case CLOSES:
        this.#close(chunk, at)
        return
      default:
        this.#open(meaning === OPENS_ARRAY)
    }
  }

  #endKey(chunk: Buffer, at: number): void {
    const name = this.#lastKey(chunk)
    this.#keyText = ''
    this.#afterColon = true
    this.#underTextKey = name !== null && name.holdsText
    if (this.#depth > this.#deepest) return
    const object = this.#objects[this.#depth] ?? null
    this.#place = name === null || object === null ? null : (object.members.get(name.text) ?? null)
    if (this.#place === null || this.#place.field === null || this.#field !== null) return
    this.#field = this.#place.field
    this.#fieldDepth = this.#depth
    this.#field.begin(at + 1)
  }

  #open(isArray: boolean): void {
    this.#afterColon = false
    this.#depth += 1
    if (this.#depth === 1) this.#topIsArray = isArray
    if (this.#depth > this.#deepest) return
    const element = isArray && this.#place !== null ? this.#place.element : null
    this.#objects[this.#depth] = isArray ? null : this.#place
    this.#elements[this.#depth] = element
    this.#place = element
  }

  #close(chunk: Buffer, at: number): void {
    if (this.#field !== null && this.#depth === this.#fieldDepth) this.#finishField(this.#field, chunk, at)
    this.#afterColon = false
    if (this.#depth > 0) this.#depth -= 1
    this.#place = this.#depth === 0 ? (this.#elements[0] ?? null) : null
    if (this.#field !== null && this.#depth === this.#fieldDepth) this.#finishField(this.#field, chunk, at + 1)
    if (this.#onDocument !== null && this.#depth <= 1 && (this.#depth === 0 || this.#topIsArray)) this.#onDocument()
  }

  /** Reads a string from behind its opening quote; returns where it is over, past its closing quote, or `to`. */
  #string(chunk: Buffer, from: number, to: number): number {
    const isKey = !this.#afterColon
    this.#afterColon = false
    const end = endOfPlainString(chunk, from, Math.min(from + SHORT_BYTES, to))
    if (isKey) {
      this.#keyFrom = from
      this.#keyTo = end
      this.#keyText = null
    }
    if (end === -1) {
      this.#inString = true
      this.#role = isKey ? KEY : this.#underTextKey ? TEXT : OTHER
      return this.#readString(chunk, from, to)
    }
    if (!isKey && this.#underTextKey) this.textBytes += end - from
    if (this.#field !== null && this.#depth === this.#fieldDepth) this.#finishField(this.#field, chunk, end + 1)
    return end + 1
  }

  /** Reads on in a string; returns where it is over, past its closing quote, or `to`. */
  #readString(chunk: Buffer, from: number, to: number): number {
    if (this.#role === KEY) return this.#readKey(chunk, from, to)
    const specials = new Specials(chunk, to)
    let text = 0
    let at = this.#readEscape(chunk, from, to)
    while (at < to) {
      const special = specials.next(at)
      text += special - at
      at = special
      if (at === to) break
      if (chunk[at] === QUOTE) {
        if (this.#role === TEXT) this.textBytes += text
        this.#endString(chunk, at)
        return at + 1
      }
      if (at + 1 < to && chunk[at + 1] !== LOWER_U) {
        text += 1
        at += 2
      } else {
        this.#escape = AFTER_BACKSLASH
        at = this.#readEscape(chunk, at + 1, to)
      }
    }
    if (this.#role === TEXT) this.textBytes += text
    return to
  }

  /** Reads on in a key that is long, split or has escapes. */
  #readKey(chunk: Buffer, from: number, to: number): number {
    const specials = new Specials(chunk, to)
    let at = this.#readEscape(chunk, from, to)
    while (at < to) {
      const special = specials.next(at)
      this.#growKey(latin1(chunk, at, special))
      if (special === to) return to
      if (chunk[special] === QUOTE) {
        this.#endString(chunk, special)
        return special + 1
      }
      this.#escape = AFTER_BACKSLASH
      at = this.#readEscape(chunk, special + 1, to)
    }
    return to
  }

  #endString(chunk: Buffer, at: number): void {
    this.#inString = false
    if (this.#field !== null && this.#depth === this.#fieldDepth) this.#finishField(this.#field, chunk, at + 1)
  }

  /** Reads on in an escape, behind its backslash; returns where it is over, or `to`. */
  #readEscape(chunk: Buffer, from: number, to: number): number {
    let at = from
    while (at < to && this.#escape !== NO_ESCAPE) {
      const byte = chunk[at] ?? 0
      at += 1
      if (this.#escape > 0) {
        this.#unit = this.#unit * 16 + hexDigit(byte)
        this.#escape -= 1
        if (this.#escape === NO_ESCAPE) this.#unescaped(utf8Bytes(this.#unit), String.fromCharCode(this.#unit))
      } else if (byte === LOWER_U) {
        this.#unit = 0
        this.#escape = HEX_DIGITS
      } else {
        this.#escape = NO_ESCAPE
        // What is escaped like this stands in no key that matters.
        this.#unescaped(1, '\\')
      }
    }
    return at
  }

  #unescaped(bytes: number, character: string): void {
    if (this.#role === TEXT) this.textBytes += bytes
    else if (this.#role === KEY) this.#growKey(character)
  }

  #growKey(text: string): void {
    this.#keyText ??= ''
    if (this.#keyText.length < MAX_KEY_BYTES) this.#keyText += text
  }

  #lastKey(chunk: Buffer): KeyName | null {
    return this.#keyText === null
      ? this.#names.find(chunk, this.#keyFrom, this.#keyTo)
      : this.#names.findText(this.#keyText)
  }

  #finishField(field: PickedField, chunk: Buffer, to: number): void {
    const value = field.finish(chunk, to)
    if (value !== null) this.captured.set(field.path, value)
    this.#field = null
  }
}

/** Where the closing quote stands in `chunk[from, to)`; -1 where none does, or an escape before it. */
function endOfPlainString(chunk: Buffer, from: number, to: number): number {
  let at = from
  let byte = chunk[at]
  while (at < to && byte !== QUOTE && byte !== BACKSLASH) {
    at += 1
    byte = chunk[at]
  }
  return at < to && byte === QUOTE ? at : -1
}

/** Finds quotes and backslashes in `chunk[from, to)`, one after the other. */
class Specials {
  readonly #bytes: Buffer
  readonly #to: number
  #quote = -1
  #backslash = -1

  constructor(chunk: Buffer, to: number) {
    this.#bytes = to === chunk.length ? chunk : chunk.subarray(0, to)
    this.#to = to
  }

  /** Where the first one stands from `from` on; `to` where none does. */
  next(from: number): number {
    const bytes = this.#bytes
    const near = Math.min(from + NEAR_BYTES, this.#to)
    for (let at = from; at < near; at += 1) {
      const byte = bytes[at]
      if (byte === QUOTE || byte === BACKSLASH) return at
    }
    // Each is searched only from where the last search ended: a string full of escapes is not searched through for each.
    if (this.#quote < near) this.#quote = this.#search(QUOTE, near)
    if (this.#backslash < near) this.#backslash = this.#search(BACKSLASH, near)
    return Math.min(this.#quote, this.#backslash)
  }

  #search(byte: number, from: number): number {
    const found = this.#bytes.indexOf(byte, from)
    return found === -1 ? this.#to : found
  }
}

/** So much of the bytes as a key can have that matters. */
function latin1(chunk: Buffer, from: number, to: number): string {
  return from === to ? '' : chunk.toString('latin1', from, Math.min(to, from + MAX_KEY_BYTES + 1))
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
