/** The code blocks of the documentation, and what the line above each says about running it. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface Fence {
  /** Relative to the repository. */
  readonly page: string
  readonly line: number
  /** Empty where the fence names none. */
  readonly language: string
  readonly code: string
  readonly marker: Marker | null
}

/**
 * A comment directly above a fence: why it is not run, which test runs it, or what the output of the block has to show,
 * which may be a refusal then.
 */
export interface Marker {
  readonly kind: 'not run' | 'run by' | 'shows'
  readonly text: string
}

const MARKER = /^<!-- (not run|not executed|run by|shows)(?::)? ?(.*?) ?-->$/

export function pages(): string[] {
  const docs = readdirSync(`${ROOT}docs`, { recursive: true, encoding: 'utf8' })
  return [
    'README.md',
    'CONTRIBUTING.md',
    'CHANGELOG.md',
    ...docs
      .filter((name) => name.endsWith('.md'))
      .sort()
      .map((name) => `docs/${name}`),
  ]
}

export const textOf = (page: string): string => readFileSync(`${ROOT}${page}`, 'utf8')

export function fencesOf(page: string): Fence[] {
  const lines = textOf(page).split('\n')
  const fences: Fence[] = []
  for (let at = 0; at < lines.length; at += 1) {
    const opening = /^( *)(`{3,})([\w-]*)$/.exec(lines[at] ?? '')
    if (opening === null) continue
    const [, indent = '', ticks = '', language = ''] = opening
    const end = lines.indexOf(indent + ticks, at + 1)
    if (end < 0) throw new Error(`${page}:${at + 1}: the code block has no end`)
    const code = lines.slice(at + 1, end).map((line) => line.slice(indent.length))
    fences.push({
      page,
      line: at + 1,
      language,
      code: `${code.join('\n')}\n`,
      marker: markerAbove(lines, at),
    })
    at = end
  }
  return fences
}

function markerAbove(lines: readonly string[], at: number): Marker | null {
  const above = lines[at - 1]?.trim() === '' ? lines[at - 2] : lines[at - 1]
  const found = MARKER.exec(above?.trim() ?? '')
  if (found === null) return null
  const [, kind = '', text = ''] = found
  if (kind === 'run by' || kind === 'shows') return { kind, text }
  return { kind: 'not run', text }
}

export const nameOf = ({ page, line, language }: Fence): string => `${page}:${line} (${language})`
