/**
 * Extracts a few fields from JSON text as its bytes pass, across any split into chunks, without keeping the text.
 *
 * It also counts the bytes of generated text, by the keys under which an API puts it: an answer without a usage report
 * is charged by them (C5). It validates nothing: input that is not JSON yields nothing.
 *
 * It reads every byte of every answer, and is as fast as `JSON.parse` (bench/scanner.ts). Bytes without meaning outside
 * of strings are skipped by a table, long strings by `indexOf`, and keys are compared in place.
 */
import type { FieldPlan, KeyName, PathNode } from './names.ts'
import { JsonString, endOfPlainString, keyText } from './strings.ts'
import { PickedField } from './picked-field.ts'

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

/** Limit for the joined values of one path. */
const MAX_JOINED = 65_536

/** Most strings are shorter than this, and are read in one step. */
const SHORT_BYTES = 64

export class JsonFields {
  /**
   * Path → the value's raw JSON text. If a path occurs twice, the last value. For a path through the elements of an
   * array within a document: the texts of all elements, joined by commas.
   */
  readonly captured = new Map<string, string>()
  /** Which of the plan's signs were seen, over all documents. */
  readonly signs = new Set<string>()
  /** UTF-8 bytes of generated text so far, over all documents. */
  textBytes = 0

  readonly #plan: FieldPlan
  readonly #onDocument: (() => void) | null

  #depth = 0
  #topIsArray = false
  /**
   * By depth, as far as paths lead: the node whose members an object holds, and the node whose elements an array holds.
   */
  readonly #objects: (PathNode | null)[] = []
  readonly #elements: (PathNode | null)[] = []
  /** The node of the next value; null if it is on no path. */
  #place: PathNode | null
  #afterColon = false
  #underTextKey = false

  /** The string that is being read, unless it is read in one step. */
  readonly #string = new JsonString()
  #stringIsKey = false
  /** The last key: its position in the chunk, or its text if it is split or has escapes. */
  #keyFrom = 0
  #keyTo = 0
  #keyText: string | null = null

  /** The field whose value is being read, and the depth of the object that it belongs to. */
  #field: PickedField | null = null
  #fieldDepth = 0
  /** The reader of each path, by its number in the plan, created at first use. */
  readonly #fields: (PickedField | undefined)[] = []

  /**
   * `onDocument` is called when a document is complete: a value at the top, or an element of an array at the top. The
   * caller clears `captured`.
   */
  constructor(plan: FieldPlan, onDocument: (() => void) | null = null) {
    this.#plan = plan
    this.#onDocument = onDocument
    this.#elements[0] = plan.root
    this.#place = plan.root
  }

  /** Discards the current document, but not the count of text: the next byte begins a new document. */
  reset(): void {
    this.captured.clear()
    this.#depth = 0
    this.#place = this.#elements[0] ?? null
    this.#afterColon = false
    this.#string.isOpen = false
    this.#keyText = ''
    this.#field?.drop()
    this.#field = null
  }

  /** Reads `chunk[from, to)`. */
  push(chunk: Buffer, from: number, to: number): void {
    this.#field?.begin(from)
    let at = this.#string.isOpen ? this.#readOn(chunk, from, to) : from
    while (at < to) {
      const meaning = MEANING[chunk[at] ?? 0] ?? 0
      if (meaning === MEANS_NOTHING) {
        at += 1
      } else if (meaning === OPENS_STRING) {
        at = this.#readString(chunk, at + 1, to)
      } else {
        this.#structure(meaning, chunk, at)
        at += 1
      }
    }
    this.#field?.goOn(chunk, to)
    if (this.#keyText === null) this.#keyText = keyText(chunk, this.#keyFrom, this.#keyTo)
  }

  #structure(meaning: number, chunk: Buffer, at: number): void {
    switch (meaning) {
      case ENDS_KEY:
        this.#endKey(chunk, at)
        return
      case PARTS:
        this.#endValue(chunk, at)
        this.#afterColon = false
        this.#place = this.#depth <= this.#plan.depth ? (this.#elements[this.#depth] ?? null) : null
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
    if (name !== null && name.isSign) this.signs.add(name.text)
    if (this.#depth > this.#plan.depth) return
    const object = this.#objects[this.#depth] ?? null
    this.#place = name === null || object === null ? null : (object.members.get(name.text) ?? null)
    if (this.#place === null || this.#place.path === -1 || this.#field !== null) return
    this.#field = this.#fieldAt(this.#place.path)
    this.#fieldDepth = this.#depth
    this.#field.begin(at + 1)
  }

  #fieldAt(number: number): PickedField {
    const known = this.#fields[number]
    if (known !== undefined) return known
    const field = new PickedField(this.#plan.paths[number] ?? '', this.#plan.isSteady[number] ?? false)
    this.#fields[number] = field
    return field
  }

  #open(isArray: boolean): void {
    this.#afterColon = false
    this.#depth += 1
    if (this.#depth === 1) this.#topIsArray = isArray
    if (this.#depth > this.#plan.depth) return
    const element = isArray && this.#place !== null ? this.#place.element : null
    this.#objects[this.#depth] = isArray ? null : this.#place
    this.#elements[this.#depth] = element
    this.#place = element
  }

  #close(chunk: Buffer, at: number): void {
    this.#endValue(chunk, at)
    this.#afterColon = false
    if (this.#depth > 0) this.#depth -= 1
    this.#place = this.#depth === 0 ? (this.#elements[0] ?? null) : null
    this.#endValue(chunk, at + 1)
    if (this.#onDocument !== null && this.#depth <= 1 && (this.#depth === 0 || this.#topIsArray))
      this.#onDocument()
  }

  /**
   * Reads a string from after its opening quote. Returns the position after its closing quote, or `to`. In an array a
   * string is treated as a key, too, but no colon follows it.
   */
  #readString(chunk: Buffer, from: number, to: number): number {
    const isKey = !this.#afterColon
    this.#afterColon = false
    const end = endOfPlainString(chunk, from, Math.min(from + SHORT_BYTES, to))
    if (end === -1) {
      this.#string.open(isKey)
      this.#stringIsKey = isKey
      if (isKey) this.#keyText = ''
      return this.#readOn(chunk, from, to)
    }
    if (isKey) {
      this.#keyFrom = from
      this.#keyTo = end
      this.#keyText = null
    } else if (this.#underTextKey) {
      this.textBytes += end - from
    }
    this.#endValue(chunk, end + 1)
    return end + 1
  }

  #readOn(chunk: Buffer, from: number, to: number): number {
    const string = this.#string
    const end = string.read(chunk, from, to)
    if (!this.#stringIsKey && this.#underTextKey) this.textBytes += string.bytes
    string.bytes = 0
    if (string.isOpen) return to
    if (this.#stringIsKey) this.#keyText = string.text
    this.#endValue(chunk, end)
    return end
  }

  #lastKey(chunk: Buffer): KeyName | null {
    return this.#keyText === null
      ? this.#plan.names.find(chunk, this.#keyFrom, this.#keyTo)
      : this.#plan.names.findText(this.#keyText)
  }

  /** Called when a value ends at `to`, which may be the value of the current field. */
  #endValue(chunk: Buffer, to: number): void {
    const field = this.#field
    if (field === null || this.#depth !== this.#fieldDepth) return
    const value = field.finish(chunk, to)
    if (value !== null) this.#capture(field, value)
    this.#field = null
  }

  #capture(field: PickedField, value: string): void {
    if (field.isSteady) {
      if (field.lastValue === value) return
      field.lastValue = value
    }
    const before = field.isRepeated ? this.captured.get(field.path) : undefined
    if (before === undefined) this.captured.set(field.path, value)
    else if (before.length + value.length < MAX_JOINED) this.captured.set(field.path, `${before},${value}`)
  }
}
