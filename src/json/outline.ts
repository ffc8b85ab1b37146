/**
 * Reads a JSON document as its bytes arrive and keeps an outline of it: the values that a plan names
 * (outline-plan.ts). Nothing else becomes a JavaScript value, and no chunk is joined to another.
 *
 * Where the plan looks, it accepts what JSON allows (RFC 8259) and nothing else, and refuses what two readers could
 * understand differently: a kept key twice, or in another case. What it passes over is bytes: it must be made of
 * strings, brackets that match, and the characters of numbers and literals, so that no reader that goes by the
 * structure can see its end elsewhere. Whether it is valid JSON is for the provider to say.
 *
 * RFC 8259 leaves the depth of nesting and the number of values to the reader: MAX_DEPTH and MAX_WEIGHT.
 */
import { OutlineBuilder } from './outline-builder.ts'
import type { PlannedValue } from './outline-plan.ts'
import { SkippedValue } from './skipped-value.ts'
import {
  NOT_AN_OBJECT,
  NOT_UTF8,
  syntax,
  TOO_MANY_VALUES,
  type OutlineProblem,
  type Place,
} from './outline-problem.ts'
import { MAX_PART_BYTES, Quotes } from './quotes.ts'
import { CLOSE, COLON, COMMA, FOREIGN, KIND, LITERAL, OPEN, QUOTE, SPACE, WEIGHT } from './bytes.ts'
import { Utf8Check } from './utf8-check.ts'
import type { JsonObject } from './outline-builder.ts'

/** What the next byte may be, or belongs to. */
const MARK = 0
const VALUE = 1
const FIRST_ELEMENT = 2
const KEY = 3
const FIRST_KEY = 4
const AFTER_KEY = 5
const AFTER_VALUE = 6
const IN_KEY = 7
const IN_TEXT = 8
const IN_LITERAL = 9
const SKIPPING = 10
const DONE = 11

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf]
const LIST_OPENS = 0x5b

/** A million numbers, or a hundred thousand small objects: more than any API needs. */
const MAX_WEIGHT = 1_000_000

export class JsonOutline {
  readonly #builder: OutlineBuilder
  readonly #skipped = new SkippedValue()
  readonly #quotes = new Quotes()
  readonly #utf8 = new Utf8Check()
  #state = MARK
  #markBytes = 0
  #weight = 0
  #problem: OutlineProblem | null = null
  #chunk: Buffer = Buffer.alloc(0)
  /** Bytes of the chunks before this one. */
  #before = 0

  /** `visit` gets the objects of values that are visited: the inner ones first. */
  constructor(plan: PlannedValue, visit: (object: JsonObject) => void) {
    this.#builder = new OutlineBuilder(plan, visit)
  }

  push(chunk: Buffer): void {
    if (this.#problem !== null) return
    if (!this.#utf8.push(chunk)) {
      this.#problem = NOT_UTF8
      return
    }
    for (let from = 0; from < chunk.length; from += MAX_PART_BYTES)
      this.#read(chunk.length <= MAX_PART_BYTES ? chunk : chunk.subarray(from, from + MAX_PART_BYTES))
  }

  #read(chunk: Buffer): void {
    this.#chunk = chunk
    this.#quotes.take(chunk)
    for (let at = 0; at < chunk.length && !this.#isRefused();) at = this.#step(at)
    this.#builder.endChunk(
      chunk,
      this.#state === IN_KEY || this.#state === IN_TEXT || this.#state === IN_LITERAL,
    )
    this.#before += chunk.length
  }

  /** The document is complete. Returns why it is refused, or null. */
  end(): OutlineProblem | null {
    if (this.#problem === null && !this.#utf8.end()) this.#problem = NOT_UTF8
    if (this.#problem === null && this.#state !== DONE) {
      this.#problem =
        this.#before === this.#markBytes ? NOT_AN_OBJECT : syntax(`it breaks off after ${this.#before} bytes`)
    }
    return this.#problem
  }

  /** What was kept of the outermost object. */
  get json(): JsonObject {
    return this.#builder.root
  }

  /** Where values with a `place` stand: name in the plan → `[from, to)`. */
  get places(): ReadonlyMap<string, Place> {
    return this.#builder.places
  }

  /** The position behind the outermost object's opening brace. */
  get open(): number {
    return this.#builder.open
  }

  /** Whether a value that the plan looks into is nested deeper than MAX_DEPTH, and was passed over. */
  get isTooDeep(): boolean {
    return this.#builder.isTooDeep
  }

  /** Reads one token, or the part of it in this chunk. Returns the position behind it. */
  #step(at: number): number {
    switch (this.#state) {
      case SKIPPING:
        return this.#skip(at)
      case IN_TEXT:
        return this.#endText(at)
      case IN_LITERAL:
        return this.#endLiteral(at)
      case IN_KEY:
        return this.#endKey(at)
      case MARK:
        return this.#readMark(at)
      default:
        if (KIND[this.#chunk[at] ?? 0] === SPACE) return at + 1
        return this.#structure(at)
    }
  }

  #isRefused(): boolean {
    return this.#problem !== null
  }

  #readMark(at: number): number {
    if (this.#chunk[at] === BYTE_ORDER_MARK[this.#markBytes] && this.#markBytes < BYTE_ORDER_MARK.length) {
      this.#markBytes += 1
      return at + 1
    }
    this.#state = VALUE
    return at
  }

  #structure(at: number): number {
    const kind = KIND[this.#chunk[at] ?? 0]
    switch (this.#state) {
      case VALUE:
        return this.#beginValue(at)
      case FIRST_ELEMENT:
        return kind === CLOSE ? this.#close(at) : this.#beginValue(at)
      case FIRST_KEY:
        return kind === CLOSE ? this.#close(at) : this.#beginKey(at)
      case KEY:
        return this.#beginKey(at)
      case AFTER_KEY:
        if (kind !== COLON) return this.#unexpected(at)
        this.#weigh(WEIGHT[this.#chunk[at] ?? 0] ?? 0)
        this.#state = VALUE
        return at + 1
      case AFTER_VALUE:
        if (kind === CLOSE) return this.#close(at)
        if (kind !== COMMA) return this.#unexpected(at)
        this.#weigh(WEIGHT[this.#chunk[at] ?? 0] ?? 0)
        this.#state = this.#builder.isInList ? VALUE : KEY
        this.#builder.nextElement()
        return at + 1
      default:
        return this.#unexpected(at)
    }
  }

  #beginValue(at: number): number {
    const byte = this.#chunk[at] ?? 0
    const kind = KIND[byte] ?? FOREIGN
    if (this.#builder.depth === 0 && (kind !== OPEN || byte === LIST_OPENS)) {
      // A list, a text, a number: JSON, but no request. Anything else is no JSON.
      this.#problem = kind === OPEN || kind === QUOTE || kind === LITERAL ? NOT_AN_OBJECT : this.#syntaxAt(at)
      return at
    }
    this.#builder.beginValue(this.#before + at)
    switch (kind) {
      case QUOTE:
        this.#builder.beginToken(at + 1)
        this.#state = IN_TEXT
        return at + 1
      case LITERAL:
        this.#builder.beginToken(at)
        this.#state = IN_LITERAL
        return at
      case OPEN:
        return this.#beginNested(at, byte === LIST_OPENS)
      default:
        return this.#unexpected(at)
    }
  }

  #beginNested(at: number, isList: boolean): number {
    this.#weigh(WEIGHT[this.#chunk[at] ?? 0] ?? 0)
    if (this.#builder.enter(isList, this.#before + at + 1)) {
      this.#state = isList ? FIRST_ELEMENT : FIRST_KEY
    } else {
      this.#skipped.begin(isList)
      this.#state = SKIPPING
    }
    return at + 1
  }

  #close(at: number): number {
    if (!this.#builder.leave(this.#chunk[at] ?? 0, this.#before + at + 1)) return this.#unexpected(at)
    this.#state = this.#builder.depth === 0 ? DONE : AFTER_VALUE
    return at + 1
  }

  #skip(from: number): number {
    const skipped = this.#skipped
    const at = skipped.read(this.#chunk, from, this.#quotes)
    this.#weigh(skipped.takeWeight())
    if (skipped.isBroken) return this.#unexpected(at)
    if (skipped.isOver) {
      this.#builder.endNested(this.#before + at)
      this.#state = AFTER_VALUE
    }
    return at
  }

  #endText(from: number): number {
    const quote = this.#quotes.closing(from)
    if (quote === -1) return this.#chunk.length
    if (!this.#builder.endText(this.#chunk, quote, this.#before + quote + 1))
      this.#problem = this.#syntaxAt(quote, 'a string that JSON does not allow ends')
    this.#state = AFTER_VALUE
    return quote + 1
  }

  #endLiteral(from: number): number {
    const chunk = this.#chunk
    let at = from
    while (at < chunk.length && KIND[chunk[at] ?? 0] === LITERAL) at += 1
    if (at === chunk.length) return at
    if (!this.#builder.endLiteral(chunk, at, this.#before + at))
      this.#problem = this.#syntaxAt(at, 'a value that JSON does not know ends')
    this.#state = AFTER_VALUE
    return at
  }

  #beginKey(at: number): number {
    if (KIND[this.#chunk[at] ?? 0] !== QUOTE) return this.#unexpected(at)
    this.#builder.beginToken(at + 1)
    this.#state = IN_KEY
    return at + 1
  }

  #endKey(from: number): number {
    const quote = this.#quotes.closing(from)
    if (quote === -1) return this.#chunk.length
    const fault = this.#builder.endKey(this.#chunk, quote)
    if (fault !== null)
      this.#problem =
        fault === 'invalid' ? this.#syntaxAt(quote, 'a key that JSON does not allow ends') : fault
    this.#state = AFTER_KEY
    return quote + 1
  }

  #weigh(weight: number): void {
    this.#weight += weight
    if (this.#weight > MAX_WEIGHT) this.#problem ??= TOO_MANY_VALUES
  }

  #unexpected(at: number): number {
    this.#problem ??= this.#syntaxAt(at)
    return at
  }

  #syntaxAt(at: number, what?: string): OutlineProblem {
    const byte = this.#chunk[at] ?? 0
    const found =
      byte > 0x20 && byte < 0x7f
        ? `'${String.fromCharCode(byte)}'`
        : `0x${byte.toString(16).padStart(2, '0')}`
    return syntax(`${what ?? `${found} is not expected`} at byte ${this.#before + at}`)
  }
}
