/** Prepares the keys and paths to find in JSON text, so that a scanner can match them by their bytes. */
import { isAt } from './bytes.ts'

/** A key that matters. */
export interface KeyName {
  readonly text: string
  readonly bytes: Uint8Array
  /** Whether a string under it is generated text. */
  readonly holdsText: boolean
  /** Whether its presence is recorded. */
  readonly isSign: boolean
}

/** A point that paths lead to or through. */
export interface PathNode {
  /** The index of the path that ends here; -1 if none does. */
  path: number
  readonly members: Map<string, PathNode>
  /** The node of the elements of an array here. */
  element: PathNode | null
}

const BUCKETS = 256

/** Finds a key among the few that matter. */
export class KeyNames {
  readonly #byText = new Map<string, KeyName>()
  /** By length and first byte; most keys of an answer fall into an empty bucket. */
  readonly #buckets = new Array<readonly KeyName[] | null>(BUCKETS).fill(null)

  constructor(names: Iterable<string>, textKeys: ReadonlySet<string>, signKeys: ReadonlySet<string>) {
    for (const text of new Set(names)) {
      const name = {
        text,
        bytes: Buffer.from(text),
        holdsText: textKeys.has(text),
        isSign: signKeys.has(text),
      }
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

export interface FieldPlanOptions {
  /**
   * Dotted paths of the fields to extract, in plain ASCII; `*` stands for the elements of an array. No path lies within
   * another.
   */
  readonly paths: readonly string[]
  /** Names of keys whose string values are generated text, at any depth; in plain ASCII. */
  readonly textKeys: readonly string[]
  /** Names of keys whose presence is recorded, at any depth. */
  readonly signKeys?: readonly string[]
  /** The paths whose value is captured only if it differs from the last one, even of an earlier document. */
  readonly steadyPaths?: readonly string[]
}

/** What a scanner searches for. It holds no state of a scan, so one plan serves any number of scanners. */
export interface FieldPlan {
  readonly paths: readonly string[]
  /** By number of the path. */
  readonly isSteady: readonly boolean[]
  readonly names: KeyNames
  readonly root: PathNode
  /** The number of steps of the longest path. */
  readonly depth: number
}

/** Builds a tree of the paths, and an index of their keys by bytes. */
export function planFields({
  paths,
  textKeys,
  signKeys = [],
  steadyPaths = [],
}: FieldPlanOptions): FieldPlan {
  const root = emptyNode()
  let depth = 0
  for (const [index, path] of paths.entries()) {
    const steps = path.split('.')
    depth = Math.max(depth, steps.length)
    let node = root
    for (const step of steps) node = step === '*' ? elementOf(node) : memberOf(node, step)
    node.path = index
  }
  const steps = paths.flatMap((path) => path.split('.')).filter((step) => step !== '*')
  const names = new KeyNames([...steps, ...textKeys, ...signKeys], new Set(textKeys), new Set(signKeys))
  return { paths, isSteady: paths.map((path) => steadyPaths.includes(path)), names, root, depth }
}

function emptyNode(): PathNode {
  return { path: -1, members: new Map(), element: null }
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
