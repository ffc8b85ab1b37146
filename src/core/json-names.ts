/** Keys and paths to look for in JSON text, laid out so that a scanner finds them by their bytes, step by step. */
/** A key that matters. */
export interface KeyName {
  readonly text: string
  readonly bytes: Uint8Array
  /** Whether a string under it is generated text. */
  readonly holdsText: boolean
  /** Whether its presence is noted. */
  readonly isSign: boolean
}

/** A point that paths lead to or through. */
export interface PathNode {
  /** Which of the paths ends here; -1 where none does. */
  path: number
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

function isAt(bytes: Uint8Array, chunk: Uint8Array, from: number, to: number): boolean {
  if (to - from !== bytes.length) return false
  for (let at = 0; at < bytes.length; at += 1) {
    if (chunk[from + at] !== bytes[at]) return false
  }
  return true
}

export interface FieldPlanOptions {
  /** Dotted paths of the fields to pick, in plain ASCII; `*` stands for the elements of an array. None lies within another. */
  readonly paths: readonly string[]
  /** Names of keys whose string values are generated text, at any depth; in plain ASCII. */
  readonly textKeys: readonly string[]
  /** Names of keys whose presence is noted, at any depth. */
  readonly signKeys?: readonly string[]
  /** Those of the paths whose value is captured only where it differs from the last one, also of an earlier document. */
  readonly steadyPaths?: readonly string[]
}

/** What a scanner looks for. It holds nothing of what is scanned, so one plan serves any number of scanners. */
export interface FieldPlan {
  readonly paths: readonly string[]
  /** By number of the path. */
  readonly isSteady: readonly boolean[]
  readonly names: KeyNames
  readonly root: PathNode
  /** Steps of the longest path. */
  readonly depth: number
}

/** Lays out the paths as a tree, and the keys on them by their bytes. */
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
