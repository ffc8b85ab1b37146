/**
 * Parses YAML text to plain data: fills in `${ENV}` and `${file:path}`, and refuses duplicate keys and ambiguous
 * values.
 */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import {
  type Document,
  isMap,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
} from 'yaml'
import { StartupError } from '../errors.ts'
import { dotted, type Problem } from './problems.ts'

export interface Source {
  /** The folder to which `${file:…}` is relative. */
  readonly dir: string
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface Parsed {
  readonly value: unknown
  readonly problems: readonly Problem[]
  /** Dotted paths of the scalars that were filled in; if the schema expects a number, their text is parsed as one. */
  readonly interpolated: ReadonlySet<string>
}

/** Parses a configuration. Throws a StartupError with line and column if it is not valid YAML. */
export function parseYaml(yaml: string, source: Source): Parsed {
  const lineCounter = new LineCounter()
  // Duplicates are checked below, because the parser's own error does not name the key.
  const document = parseDocument(yaml, {
    lineCounter,
    prettyErrors: false,
    uniqueKeys: false,
    logLevel: 'error',
  })
  const broken = document.errors[0] ?? document.warnings[0]
  if (broken !== undefined) {
    const { line, col } = lineCounter.linePos(broken.pos[0])
    const message = broken.code === 'MULTIPLE_DOCS' ? 'must be one document' : broken.message.split('\n')[0]
    throw new StartupError(`line ${line}, column ${col}: ${message ?? ''}`, 1)
  }
  const problems: Problem[] = []
  const interpolated = new Set<string>()
  visit(document, {
    Map(_key, map, ancestors) {
      const seen = new Set<string>()
      for (const pair of map.items) {
        const name = keyOf(pair)
        if (seen.has(name))
          problems.push({ key: dottedPath([...ancestors, map, pair]), message: 'is given twice' })
        seen.add(name)
      }
    },
    Scalar(key, scalar, ancestors) {
      if (key === 'key' || typeof scalar.value !== 'string' || !scalar.value.includes('${')) return
      const path = dottedPath([...ancestors, scalar])
      scalar.value = interpolate(scalar.value, source, (message) => problems.push({ key: path, message }))
      interpolated.add(path)
    },
  })
  if (problems.length > 0) return { value: null, problems, interpolated }
  return { value: withoutNulls(toPlain(document)), problems, interpolated }
}

function toPlain(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 })
  } catch {
    throw new StartupError('configuration: has an alias that cannot be resolved, or too many of them', 1)
  }
}

/**
 * Fills in a string: `${NAME}`, `${file:path}`; `$${` is an escaped `${`. The inserted text is not interpolated again.
 */
function interpolate(template: string, source: Source, report: (message: string) => void): string {
  return template.replace(/\$\$\{|\$\{([^}]*)(\}?)/g, (whole, inside: string | undefined, end: string) => {
    if (inside === undefined) return '${'
    if (end === '') report('has a ${ without its }')
    else if (inside.startsWith('file:')) return readSecret(inside.slice('file:'.length), source, report)
    else if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(inside)) report(`${whole} is neither a variable nor file:path`)
    else if (source.env[inside] === undefined) report(`the environment variable ${inside} is not set`)
    return source.env[inside] ?? ''
  })
}

function readSecret(path: string, source: Source, report: (message: string) => void): string {
  try {
    return readFileSync(resolve(source.dir, path), 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    report(`cannot read ${path}: ${reason(error)}`)
    return ''
  }
}

/** Why a file could not be read, in words and without a path of this machine. */
export function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
  const words: Record<string, string> = {
    ENOENT: 'no such file',
    EACCES: 'permission denied',
    EISDIR: 'is a folder',
  }
  return words[code] ?? code
}

/** A key with an empty value counts as absent: it remains when a whole section is commented out. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, child]) => child !== null)
      .map(([key, child]) => [key, withoutNulls(child)]),
  )
}

function keyOf(pair: Pair): string {
  return String(isScalar(pair.key) ? pair.key.value : pair.key)
}

/** The path of the last of `nodes`, a chain from the document to a node: names of pairs, positions in lists. */
function dottedPath(nodes: readonly (Document | Node | Pair)[]): string {
  const path: (string | number)[] = []
  nodes.forEach((node, index) => {
    const parent = nodes[index - 1]
    if (isPair(node)) path.push(keyOf(node))
    else if (parent !== undefined && 'items' in parent && !isMap(parent)) {
      path.push(parent.items.indexOf(node))
    }
  })
  return dotted(path)
}
