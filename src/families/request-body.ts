/** Reads a JSON request body such that the gateway and the provider cannot interpret it differently. */
import { isUtf8 } from 'node:buffer'
import secureJson from 'secure-json-parse'
import { endOfString, isHeavyJson } from '../core/json-weight.ts'
import { refuse, type Refusal } from '../errors.ts'

export type JsonObject = Readonly<Record<string, unknown>>

export interface RequestBody {
  readonly json: JsonObject
  /** The byte range `[from, to)` of the value of each key of the outermost object. */
  readonly places: ReadonlyMap<string, Place>
}

export interface Place {
  readonly from: number
  readonly to: number
}

/**
 * Parses a body and finds its outermost keys. Refuses what is not a JSON object in UTF-8, keys that poison prototypes,
 * and any key of `pricedKeys` that stands twice, or that stands in another case: JSON parsers differ in which of two
 * they take, and some providers' ignore case. `fold` is for APIs that take a key in several spellings: any of them, once.
 */
export function readRequestBody(
  bytes: Buffer,
  pricedKeys: ReadonlySet<string>,
  fold?: (key: string) => string,
): RequestBody | Refusal {
  if (!isUtf8(bytes)) return refuse('invalid_request', 'The request body is not valid UTF-8.')
  if (isHeavyJson(bytes)) {
    return refuse(
      'invalid_request',
      'The request body is made of too many values: it would take too long to read.',
    )
  }
  let json: unknown
  try {
    const text = bytes.toString('utf8', startsWithMark(bytes) ? BYTE_ORDER_MARK.length : 0)
    json = JSON.parse(text)
    if (isObject(json) && mayPoison(json)) secureJson.scan(json, NO_POISON)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return refuse('invalid_request', `The request body is not acceptable JSON: ${reason}`)
  }
  if (!isObject(json)) return refuse('invalid_request', 'The request body must be a JSON object.')
  const places = placesOfKeys(bytes, bytes.indexOf(0x7b))
  if (places.length > MAX_KEYS) {
    return refuse(
      'invalid_request',
      `The request body has more than ${MAX_KEYS} keys in its outermost object.`,
    )
  }
  const seen = new Set<string>()
  for (const { key } of places) {
    const folded = fold === undefined ? foldCase(key) : fold(key)
    if (!pricedKeys.has(folded)) continue
    if (seen.has(folded)) {
      return refuse('invalid_request', `'${folded}' stands more than once in the request body.`, {
        param: folded,
      })
    }
    if (fold === undefined && key !== folded) {
      return refuse('invalid_request', `'${key}' must be written '${folded}'.`, { param: folded })
    }
    seen.add(folded)
  }
  return { json, places: new Map(places.map((place) => [place.key, place])) }
}

const BYTE_ORDER_MARK = Buffer.from('\ufeff')

function startsWithMark(bytes: Buffer): boolean {
  return BYTE_ORDER_MARK.every((byte, at) => bytes[at] === byte)
}

const NO_POISON = { protoAction: 'error', constructorAction: 'error' } as const

/**
 * Whether any object has a key by which prototypes are poisoned: few have, and a walk over what was parsed tells so in a
 * fraction of the time that looking for the words in the text takes, or the careful scan.
 */
function mayPoison(json: JsonObject): boolean {
  const left: object[] = [json]
  for (let value = left.pop(); value !== undefined; value = left.pop()) {
    if (Array.isArray(value)) {
      for (const item of value as unknown[]) if (typeof item === 'object' && item !== null) left.push(item)
    } else {
      if (Object.hasOwn(value, '__proto__') || Object.hasOwn(value, 'constructor')) return true
      for (const key in value) {
        const item = (value as JsonObject)[key]
        if (typeof item === 'object' && item !== null) left.push(item)
      }
    }
  }
  return false
}

const FOLDED = /^[a-z0-9_]*$/

/** As readers do that ignore case: up first, because `ſ` (long s) becomes an S and then an s, but stays itself on the way down. */
export function foldCase(key: string): string {
  return FOLDED.test(key) ? key : key.toUpperCase().toLowerCase()
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const QUOTE = 0x22

/** No API has as many; a body made of keys would keep every other call waiting. */
const MAX_KEYS = 1_000

/** The keys of the object that opens at `open`, in order, duplicates included; at most one more than MAX_KEYS. */
export function placesOfKeys(bytes: Buffer, open: number): (Place & { readonly key: string })[] {
  const found: (Place & { readonly key: string })[] = []
  let at = open + 1
  for (;;) {
    at = skipSpace(bytes, at)
    if (bytes[at] !== QUOTE || found.length > MAX_KEYS) return found
    const keyEnd = endOfString(bytes, at)
    const key = keyText(bytes.toString('utf8', at, keyEnd))
    const from = skipSpace(bytes, skipSpace(bytes, keyEnd) + 1)
    const to = endOfValue(bytes, from)
    found.push({ key, from, to })
    at = skipSpace(bytes, to)
    if (bytes[at] !== 0x2c) return found
    at += 1
  }
}

/** The value of a JSON string, of which most that are keys have no escapes. */
function keyText(quoted: string): string {
  return quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1)
}

/**
 * Whether an object in the list that opens at `open` has this key twice, in any case: then it is unknown which of them
 * the provider uses.
 */
export function hasKeyTwice(bytes: Buffer, open: number, name: string): boolean {
  for (let at = skipSpace(bytes, open + 1); at < bytes.length && bytes[at] !== 0x5d;) {
    if (bytes[at] === 0x7b) {
      const same = placesOfKeys(bytes, at).filter(({ key }) => foldCase(key) === name)
      if (same.length > 1 || same.some(({ key }) => key !== name)) return true
    }
    at = skipSpace(bytes, endOfValue(bytes, at))
    if (bytes[at] === 0x2c) at = skipSpace(bytes, at + 1)
  }
  return false
}

/** The items of the list that opens at `open`, in order. */
export function placesOfItems(bytes: Buffer, open: number): Place[] {
  const found: Place[] = []
  for (let from = skipSpace(bytes, open + 1); from < bytes.length && bytes[from] !== 0x5d;) {
    const to = endOfValue(bytes, from)
    found.push({ from, to })
    from = skipSpace(bytes, to)
    if (bytes[from] === 0x2c) from = skipSpace(bytes, from + 1)
  }
  return found
}

/** Whether any object in the value at `from`, however deep, has one of these keys twice. */
export function hasKeyTwiceBelow(bytes: Buffer, from: number, names: ReadonlySet<string>): boolean {
  const left = [from]
  for (let at = left.pop(); at !== undefined; at = left.pop()) {
    if (bytes[at] === 0x5b) left.push(...placesOfItems(bytes, at).map((item) => item.from))
    if (bytes[at] !== 0x7b) continue
    const seen = new Set<string>()
    for (const { key, from: value } of placesOfKeys(bytes, at)) {
      if (names.has(key) && seen.has(key)) return true
      seen.add(key)
      left.push(value)
    }
  }
  return false
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from
  while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at += 1
  return at
}

function endOfValue(bytes: Buffer, from: number): number {
  let depth = 0
  for (let at = from; at < bytes.length;) {
    switch (bytes[at] ?? 0) {
      case QUOTE:
        at = endOfString(bytes, at)
        if (depth === 0) return at
        continue
      case 0x7b:
      case 0x5b:
        depth += 1
        break
      case 0x7d:
      case 0x5d:
        if (depth === 0) return at
        depth -= 1
        if (depth === 0) return at + 1
        break
      case 0x2c:
      case 0x20:
      case 0x0a:
      case 0x0d:
      case 0x09:
        if (depth === 0) return at
        break
    }
    at += 1
  }
  return bytes.length
}

/** The bytes with `[from, to)` replaced. */
export function splice(bytes: Buffer, from: number, to: number, text: string): Buffer {
  return Buffer.concat([bytes.subarray(0, from), Buffer.from(text), bytes.subarray(to)])
}
