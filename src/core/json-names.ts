/** Keys and paths to look for in JSON text, laid out so that a scanner finds them by their bytes, step by step. */
import { PickedField } from './picked-field.ts'

/** A key that matters. */
export interface KeyName {
  readonly text: string
  readonly bytes: Uint8Array
  /** Whether a string under it is generated text. */
  readonly holdsText: boolean
}

/** A point that paths lead to or through. */
export interface PathNode {
  /** Where what stands here is to be picked. */
  field: PickedField | null
  readonly members: Map<string, PathNode>
  /** The elements, where an array stands here. */
  element: PathNode | null
}

const BUCKETS = 256

/** Finds a key among the few that matter. */
export class KeyNames {
  readonly #byText = new Map<string, KeyName>()
  /** By length and first byte; most keys of an answer fall into an empty bucket. */
  readonly #buckets = new Array<readonly KeyName[] | null>(BUCKETS).fill(null)

  constructor(names: Iterable<string>, textKeys: ReadonlySet<string>) {
    for (const text of new Set(names)) {
      const name = { text, bytes: Buffer.from(text), holdsText: textKeys.has(text) }
      const bucket = bucketOf(name.bytes, 0, name.bytes.length)
      this.#byText.set(text, name)
      this.#buckets[bucket] = [...(this.#buckets[bucket] ?? []), name]
    }
  }

  /** The key whose bytes are `chunk[from, to)`. */
  find(chunk: Uint8Array, from: number, to: number): KeyName | null {
    const candidates = this.#buckets[bucketOf(chunk, from, to)] ?? null
    if (candidates === null) return null
    for (const name of candidates) {
      if (isAt(name.bytes, chunk, from, to)) return name
    }
    return null
  }

  findText(text: string): KeyName | null {
    return this.#byText.get(text) ?? null
  }
}

function bucketOf(bytes: Uint8Array, from: number, to: number): number {
  return ((to - from) * 31 + (bytes[from] ?? 0)) & (BUCKETS - 1)
}

function isAt(bytes: Uint8Array, chunk: Uint8Array, from: number, to: number): boolean {
  if (to - from !== bytes.length) return false
  for (let at = 0; at < bytes.length; at += 1) {
    if (chunk[from + at] !== bytes[at]) return false
  }
  return true
}

/** The tree of some dotted paths; `*` stands for the elements of an array. */
export function pathTree(paths: readonly string[]): { readonly root: PathNode; readonly depth: number } {
  const root = emptyNode()
  let depth = 0
  for (const path of paths) {
    const steps = path.split('.')
    depth = Math.max(depth, steps.length)
    let node = root
    for (const step of steps) node = step === '*' ? elementOf(node) : memberOf(node, step)
    node.field = new PickedField(path)
  }
  return { root, depth }
}

function emptyNode(): PathNode {
  return { field: null, members: new Map(), element: null }
}

function elementOf(node: PathNode): PathNode {
  node.element ??= emptyNode()
  return node.element
}

function memberOf(node: PathNode, name: string): PathNode {
  const member = node.members.get(name) ?? emptyNode()
  node.members.set(name, member)
  return member
}
