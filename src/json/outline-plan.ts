/** What a reader of JSON keeps of a document (outline.ts). A plan holds no state, so one serves any number of readers. */
import { isAt } from './bytes.ts'

/**
 * What is kept of a value, by its kind. Everything that is not named is passed over.
 *
 * - `keys`: of an object, the members with these names, each as the named value describes.
 * - `others`: of an object, all other members.
 * - `each`: of a list, its elements.
 * - `size`: of a text, only its size. Other texts are kept whole, unless they are long.
 * - `visits`: objects are handed to the visitor when they end, and nothing is kept: null stands for other values.
 * - `first`: of a list, only the first element and the length.
 * - `place`: where the value stands in the document.
 */
export interface KeptValue {
  readonly keys?: Readonly<Record<string, string>>
  readonly others?: string
  readonly each?: string
  readonly size?: true
  readonly visits?: true
  readonly first?: true
  readonly place?: true
}

/** A value of a plan, with the names of others resolved. */
export interface PlannedValue {
  readonly name: string
  /** Null where objects are not looked into. */
  members: MemberIndex | null
  others: PlannedValue | null
  each: PlannedValue | null
  readonly size: boolean
  readonly visits: boolean
  readonly first: boolean
  readonly place: boolean
}

/** Numbers, true, false, null and texts are kept; lists and objects are not looked into. */
export const VALUE = 'value'
/** As `value`, but of texts only the size. */
export const SIZE = 'size'

/**
 * A plan from values by name, the outermost of which is `body`. `value` and `size` are always there. With
 * `takesSnakeCase`, each key may also be written in snake_case; it is kept under the name in the plan.
 */
export function planOutline(
  values: Readonly<Record<string, KeptValue>>,
  { takesSnakeCase = false } = {},
): PlannedValue {
  const all: Readonly<Record<string, KeptValue>> = { [VALUE]: {}, [SIZE]: { size: true }, ...values }
  const planned = new Map(Object.entries(all).map(([name, value]) => [name, emptyValue(name, value)]))
  const find = (name: string): PlannedValue => {
    const found = planned.get(name)
    if (found === undefined) throw new Error(`no value '${name}' in the plan`)
    return found
  }
  for (const [name, { keys, others, each }] of Object.entries(all)) {
    const value = find(name)
    if (keys !== undefined || others !== undefined) {
      const members = Object.entries(keys ?? {}).map(([key, of]) => [key, find(of)] as const)
      value.members = new MemberIndex(members, takesSnakeCase)
    }
    value.others = others === undefined ? null : find(others)
    value.each = each === undefined ? null : find(each)
  }
  return find('body')
}

function emptyValue(name: string, { size, visits, first, place }: KeptValue): PlannedValue {
  const flags = { size: size ?? false, visits: visits ?? false, first: first ?? false, place: place ?? false }
  return { name, members: null, others: null, each: null, ...flags }
}

/** A member of an object by one of its spellings. */
export interface Member {
  readonly name: string
  /** Null for a key that poisons prototypes. */
  readonly value: PlannedValue | null
  readonly spelling: Buffer
}

const UNDERSCORE = 0x5f
/** Makes lower case of a letter in ASCII, and changes no digit or underscore into a letter. */
const LOWER = 0x20
const BUCKETS = 64

/** No API has such keys, and readers that build objects of them can be led astray. */
const POISON = ['__proto__', 'constructor']

/** As readers do that ignore case: up first, because `ſ` (long s) becomes an S and then an s, but stays itself on the way down. */
export const foldCase = (key: string): string => key.toUpperCase().toLowerCase()

/** Finds members by the bytes of a key, in any case: there are readers that ignore case. */
export class MemberIndex {
  readonly #buckets: readonly (readonly Member[] | null)[]
  readonly #byText = new Map<string, Member>()
  readonly #byFolded = new Map<string, Member>()
  readonly #ignoresUnderscores: boolean

  constructor(members: readonly (readonly [name: string, value: PlannedValue])[], takesSnakeCase: boolean) {
    this.#ignoresUnderscores = takesSnakeCase
    const buckets = new Array<Member[] | null>(BUCKETS).fill(null)
    for (const [name, value] of [...members, ...POISON.map((name) => [name, null] as const)]) {
      const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
      for (const text of takesSnakeCase && snake !== name ? [name, snake] : [name]) {
        const member = { name, value, spelling: Buffer.from(text) }
        const bucket = bucketOf(member.spelling, 0, member.spelling.length)
        buckets[bucket] = [...(buckets[bucket] ?? []), member]
        this.#byText.set(text, member)
        if (value !== null) this.#byFolded.set(this.#fold(text), member)
      }
    }
    this.#buckets = buckets
  }

  /**
   * The member whose key is `bytes[from, to)`: in this spelling if it is known, else in another case. Null for other
   * keys, and for those that are not plain ASCII.
   */
  find(bytes: Buffer, from: number, to: number): Member | null {
    const candidates = this.#buckets[bucketOf(bytes, from, to)] ?? null
    if (candidates === null) return null
    let other: Member | null = null
    for (const member of candidates) {
      if (isAt(member.spelling, bytes, from, to)) return member
      if (member.value !== null && this.#isSame(member.spelling, bytes, from, to)) other = member
    }
    return other
  }

  /** The same by the text of a key. */
  findText(key: string): Member | null {
    return this.#byText.get(key) ?? this.#byFolded.get(this.#fold(key)) ?? null
  }

  #fold(key: string): string {
    const folded = foldCase(key)
    return this.#ignoresUnderscores ? folded.replaceAll('_', '') : folded
  }

  #isSame(spelling: Buffer, bytes: Buffer, from: number, to: number): boolean {
    let at = from
    for (const byte of spelling) {
      if (this.#ignoresUnderscores) {
        if (byte === UNDERSCORE) continue
        while (at < to && bytes[at] === UNDERSCORE) at += 1
      }
      if (at === to || ((bytes[at] ?? 0) | LOWER) !== (byte | LOWER)) return false
      at += 1
    }
    if (this.#ignoresUnderscores) while (at < to && bytes[at] === UNDERSCORE) at += 1
    return at === to
  }
}

/** The same for every case, and however many underscores there are. */
function bucketOf(bytes: Buffer, from: number, to: number): number {
  let sum = 0
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at] ?? 0
    if (byte !== UNDERSCORE) sum += byte | LOWER
  }
  return sum & (BUCKETS - 1)
}
