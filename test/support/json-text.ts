/** JSON documents as texts for property tests: any nesting, any white space, any spelling of strings. */
import fc from 'fast-check'

/** A document before it is written; the entries of an object are in order, and a key may occur twice. */
export type JsonNode =
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'scalar'; readonly text: string }
  | { readonly kind: 'array'; readonly items: readonly JsonNode[] }
  | { readonly kind: 'object'; readonly entries: readonly (readonly [string, JsonNode])[] }

export interface JsonNodeOptions {
  readonly key?: fc.Arbitrary<string>
  /** The values of strings. */
  readonly string?: fc.Arbitrary<string>
  /** Whether a key may occur twice in an object. */
  readonly duplicates?: boolean
}

/**
 * Any well-formed Unicode text. Characters that JSON escapes, and text that looks like JSON, occur more often than by
 * chance.
 */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({
    unit: fc.constantFrom(
      '"',
      '\\',
      '/',
      '\n',
      '\t',
      '\u0000',
      'u',
      '{',
      '}',
      '[',
      ']',
      ':',
      ',',
      'é',
      '😀',
      '\u2028',
      // From here on, UTF-8 takes one more byte.
      '\u007f',
      '\u0080',
      '\u07ff',
      '\u0800',
      '\uffff',
      '\u{10000}',
    ),
    maxLength: 12,
  }),
)

const SCALARS = [
  'null',
  'true',
  'false',
  '0',
  '-0',
  '1',
  '12345678901234567890',
  '1.50',
  '-1e-7',
  '2E+3',
  '0.1e1',
]

/** Objects at the top level; `nested` of any kind below. */
export function jsonObjects(
  options: JsonNodeOptions = {},
): fc.Arbitrary<Extract<JsonNode, { kind: 'object' }>> {
  const { key = anyText, string = anyText, duplicates = false } = options
  const { object } = fc.letrec<{ node: JsonNode; object: Extract<JsonNode, { kind: 'object' }> }>((tie) => {
    const entry = fc.tuple(key, tie('node'))
    const entries = duplicates
      ? fc.array(entry, { maxLength: 5 })
      : fc.uniqueArray(entry, { maxLength: 5, selector: ([name]) => name })
    return {
      node: fc.oneof(
        { maxDepth: 4, depthIdentifier: 'json' },
        string.map((value): JsonNode => ({ kind: 'string', value })),
        fc.constantFrom(...SCALARS).map((text): JsonNode => ({ kind: 'scalar', text })),
        fc
          .array(tie('node'), { maxLength: 4, depthIdentifier: 'json' })
          .map((items): JsonNode => ({ kind: 'array', items })),
        tie('object'),
      ),
      object: entries.map((list) => ({ kind: 'object' as const, entries: list })),
    }
  })
  return object
}

export const writingSeed: fc.Arbitrary<number> = fc.nat({ max: 0x7fffffff })

const SPACES = ['', '', '', ' ', '\n', '\t', '\r\n', ' \n\t ']
const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '/': '\\/',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

/** Writes a document; `seed` determines white space, escapes and the case of hex digits. */
export function writeJson(node: JsonNode, seed: number): string {
  const pick = chooser(seed)
  const space = (): string => SPACES[pick(SPACES.length)] ?? ''
  const hex = (unit: number): string => {
    const digits = unit.toString(16).padStart(4, '0')
    return `\\u${pick(2) === 0 ? digits : digits.toUpperCase()}`
  }
  const quoted = (text: string): string => {
    let out = ''
    for (const character of text) {
      const isLone = /^[\ud800-\udfff]$/.test(character)
      const mustEscape = isLone || character < ' ' || character === '"' || character === '\\'
      if (!mustEscape && pick(4) !== 0) out += character
      else if (SHORT[character] !== undefined && pick(2) === 0) out += SHORT[character]
      else for (let at = 0; at < character.length; at += 1) out += hex(character.charCodeAt(at))
    }
    return `"${out}"`
  }
  const write = (value: JsonNode): string => {
    switch (value.kind) {
      case 'string':
        return quoted(value.value)
      case 'scalar':
        return value.text
      case 'array':
        return `[${space()}${value.items.map((item) => `${space()}${write(item)}${space()}`).join(',')}]`
      case 'object':
        return `{${space()}${value.entries.map(([key, item]) => `${space()}${quoted(key)}${space()}:${space()}${write(item)}${space()}`).join(',')}}`
    }
  }
  return `${space()}${write(node)}${space()}`
}

/** A small random number generator (mulberry32): the same seed writes the same text. */
function chooser(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Cuts bytes into chunks at the given places; some chunks may be empty. */
export function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, index) => bytes.subarray(at[index] ?? 0, end))
}
