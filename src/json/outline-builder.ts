/** Builds the outline of a JSON document from its tokens: which of them are kept, and in what. */
import { BACKSLASH, isAt, LAST_ASCII } from './bytes.ts'
import { LongText, longText, TextReader } from './text.ts'
import { poison, TOO_MANY_KEYS, type OutlineProblem, type Place } from './outline-problem.ts'
import { foldCase, type Member, type PlannedValue } from './outline-plan.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/**
 * Stand for a list and an object that were not looked into, or were visited. The list is not empty, because it may not
 * have been.
 */
const UNREAD_OBJECT: JsonObject = Object.freeze({})
const UNREAD_LIST: readonly unknown[] = Object.freeze([UNREAD_OBJECT])

/** No API nests what a price depends on deeper: the outermost object, and 16 lists and objects in a list of it. */
const MAX_DEPTH = 18
/** No API has as many in its outermost object, or in one that is kept as a whole. */
const MAX_KEYS = 1_000
/** Longer texts and numbers are not kept; no name of a model, no key and no count is as long. */
const MAX_KEPT_BYTES = 1_024

const LIST_CLOSES = 0x5d

const TEXTS = new TextReader()

const TWICE = 'stands more than once'

/** Of objects that are not kept as a whole. */
const NO_KEYS = new Set<string>()

interface Frame {
  plan: PlannedValue
  isList: boolean
  /** The object, or the list; null for a list whose elements are not kept. */
  object: Record<string, unknown> | null
  list: unknown[] | null
  /** How many elements a list has so far; keys, in an object whose keys are counted. */
  elements: number
  /** The keys of an object that is kept as a whole, without their case. */
  folded: Set<string>
  /** The name under which the current member is kept. */
  key: string
  /** Where the list or the object begins. */
  from: number
}

export class OutlineBuilder {
  root: JsonObject = UNREAD_OBJECT
  readonly places = new Map<string, Place>()
  open = 0
  isTooDeep = false
  depth = 0

  readonly #plan: PlannedValue
  readonly #visit: (object: JsonObject) => void
  readonly #frames: Frame[] = []
  #frame: Frame | null = null
  /** The plan of the current value; null where it is passed over. */
  #value: PlannedValue | null
  #valueFrom = 0
  #isListSkipped = false

  /** The current token: where it begins in this chunk, and its bytes in chunks before. */
  #from = 0
  #pieces: Buffer[] = []
  #pieceBytes = 0

  constructor(plan: PlannedValue, visit: (object: JsonObject) => void) {
    this.#plan = plan
    this.#visit = visit
    this.#value = plan
  }

  get isInList(): boolean {
    return this.#frame?.isList ?? false
  }

  /** Another element of the current list is next. */
  nextElement(): void {
    const frame = this.#frame
    if (frame !== null && frame.isList) this.#value = this.#elementOf(frame)
  }

  beginValue(at: number): void {
    this.#valueFrom = at
  }

  /** A token begins at `from` of this chunk. */
  beginToken(from: number): void {
    this.#from = from
    if (this.#pieces.length > 0) this.#pieces = []
    this.#pieceBytes = 0
  }

  /** The chunk is over; `isInToken` if the current token goes on. */
  endChunk(chunk: Buffer, isInToken: boolean): void {
    if (!isInToken) return
    if (this.#pieceBytes <= MAX_KEPT_BYTES)
      this.#pieces.push(chunk.subarray(this.#from, this.#from + MAX_KEPT_BYTES + 1))
    this.#pieceBytes += chunk.length - this.#from
    this.#from = 0
  }

  /** A list or an object begins. Returns whether it is looked into; if not, `endNested` follows. */
  enter(isList: boolean, behind: number): boolean {
    const plan = this.#value
    const isPlanned = plan !== null && (isList ? plan.each !== null : plan.members !== null)
    if (isPlanned && this.depth < MAX_DEPTH) {
      if (this.depth === 0) this.open = behind
      this.#push(plan, isList)
      return true
    }
    if (isPlanned) this.isTooDeep = true
    this.#isListSkipped = isList
    return false
  }

  #push(plan: PlannedValue, isList: boolean): void {
    const frame = this.#frames[this.depth] ?? {
      ...{ plan, isList, object: null, list: null, elements: 0, folded: NO_KEYS, key: '', from: 0 },
    }
    this.#frames[this.depth] = frame
    frame.plan = plan
    frame.isList = isList
    frame.object = isList ? null : plan.others === null ? {} : (Object.create(null) as JsonObject)
    frame.list = isList && !plan.visits ? [] : null
    frame.elements = 0
    frame.folded = isList || plan.others === null ? NO_KEYS : new Set()
    frame.from = this.#valueFrom
    this.depth += 1
    this.#frame = frame
    this.#value = isList ? this.#elementOf(frame) : null
  }

  /** What is kept of the next element. */
  #elementOf({ plan, elements }: Frame): PlannedValue | null {
    return plan.first && elements > 0 ? null : plan.each
  }

  /** The list or object that was entered ends with this bracket. False if it is the wrong one. */
  leave(bracket: number, behind: number): boolean {
    const frame = this.#frame
    if (frame === null || frame.isList !== (bracket === LIST_CLOSES)) return false
    const { plan, object, list } = frame
    if (plan.first && list !== null) list.length = frame.elements
    if (object !== null && plan.visits) this.#visit(object)
    const kept = plan.visits ? (frame.isList ? UNREAD_LIST : UNREAD_OBJECT) : (object ?? list)
    this.depth -= 1
    this.#frame = this.#frames[this.depth - 1] ?? null
    this.#value = plan
    this.#valueFrom = frame.from
    if (this.depth === 0) this.root = object ?? UNREAD_OBJECT
    else this.#keep(kept, behind)
    return true
  }

  /** The list or object that was passed over ends. */
  endNested(behind: number): void {
    this.#keep(this.#isListSkipped ? UNREAD_LIST : UNREAD_OBJECT, behind)
  }

  /** A text ends at its closing quote. False if JSON does not allow it; a text that is not kept is not looked at. */
  endText(chunk: Buffer, quote: number, behind: number): boolean {
    const plan = this.#value
    if (plan === null || plan.visits) return this.#keep(null, behind)
    const bytes = this.#pieceBytes + quote - this.#from
    if (plan.size) return this.#keep(new LongText(bytes, ''), behind)
    const token = this.#token(chunk, quote)
    const [from, to] = token === chunk ? [this.#from, quote] : [0, token.length]
    if (bytes > MAX_KEPT_BYTES) return this.#keep(longText(bytes, token, from), behind)
    const text = TEXTS.read(token, from, to)
    return text !== undefined && this.#keep(text, behind)
  }

  /** A number, true, false or null ends. False if it is none of them; one that is not kept is not looked at. */
  endLiteral(chunk: Buffer, end: number, behind: number): boolean {
    if (this.#value === null || this.#value.visits) return this.#keep(null, behind)
    const token = this.#token(chunk, end)
    if (this.#pieceBytes + end - this.#from > MAX_KEPT_BYTES) return false
    try {
      const text = token.toString('latin1', ...(token === chunk ? [this.#from, end] : []))
      return this.#keep(JSON.parse(text), behind)
    } catch {
      return false
    }
  }

  /** A key ends at its closing quote. Returns why it is refused, `invalid` where JSON does not allow it, or null. */
  endKey(chunk: Buffer, quote: number): OutlineProblem | 'invalid' | null {
    const frame = this.#frame
    if (frame === null) return 'invalid'
    const { members, others } = frame.plan
    if (this.depth === 1 || others !== null) frame.elements += 1
    if (frame.elements > MAX_KEYS) return TOO_MANY_KEYS
    if (this.#pieceBytes + quote - this.#from > MAX_KEPT_BYTES) {
      // No name in a plan is as long.
      this.#value = null
      return others === null ? null : TOO_MANY_KEYS
    }
    const token = this.#token(chunk, quote)
    const [from, to] = token === chunk ? [this.#from, quote] : [0, token.length]
    const text = isPlain(token, from, to) ? null : TEXTS.read(token, from, to)
    if (text === undefined) return 'invalid'
    const member = (text === null ? members?.find(token, from, to) : members?.findText(text)) ?? null
    if (member !== null) return this.#beginMember(frame, member, isExactly(member, text, token, from, to))
    this.#value = others
    if (others === null) return null
    frame.key = text ?? token.toString('latin1', from, to)
    const folded = foldCase(frame.key)
    if (frame.folded.has(folded)) return this.#fault(frame.key, TWICE)
    frame.folded.add(folded)
    return null
  }

  #beginMember(frame: Frame, { name, value, spelling }: Member, isExact: boolean): OutlineProblem | null {
    if (value === null) return poison(name)
    if (Object.hasOwn(frame.object ?? {}, name)) return this.#fault(name, TWICE)
    if (!isExact) return this.#fault(name, `must be written '${spelling.toString()}'`)
    this.#value = value
    frame.key = name
    return null
  }

  #fault(key: string, what: string): OutlineProblem {
    const within = this.depth > 1 ? (this.#frames[0]?.key ?? null) : null
    const where = within === null ? 'in the request body' : `in an object of '${within}'`
    return { message: `'${key}' ${what} ${where}.`, param: within ?? key }
  }

  /** The chunk if the current token lies in it as a whole, else the joined bytes, or the first of them if it is long. */
  #token(chunk: Buffer, end: number): Buffer {
    if (this.#pieceBytes === 0) return chunk
    const rest = chunk.subarray(this.#from, Math.min(end, this.#from + MAX_KEPT_BYTES + 1))
    return Buffer.concat([...this.#pieces, rest])
  }

  #keep(value: unknown, behind: number): true {
    const plan = this.#value
    const frame = this.#frame
    if (frame === null) return true
    if (frame.isList) frame.elements += 1
    if (plan === null) return true
    if (frame.list !== null) frame.list.push(value)
    else if (frame.object !== null) frame.object[frame.key] = value
    if (plan.place) this.places.set(plan.name, { from: this.#valueFrom, to: behind })
    return true
  }
}

/** Whether a key has no escapes and is ASCII. */
function isPlain(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at] ?? 0
    if (byte === BACKSLASH || byte > LAST_ASCII || byte < 0x20) return false
  }
  return true
}

/** Whether a key is written as the plan has it, by its text if it has one, else by its bytes. */
function isExactly(
  { spelling }: Member,
  text: string | null,
  bytes: Buffer,
  from: number,
  to: number,
): boolean {
  return text === null ? isAt(spelling, bytes, from, to) : text === spelling.toString()
}
