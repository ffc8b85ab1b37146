/** Reads the table of docs/store.md: the name of each key, its type, and its lifetime. */
import { readFileSync } from 'node:fs'

export interface DocumentedKey {
  /** As the table writes it: `tg:{org}:p<n>:top`. */
  readonly name: string
  readonly type: string
  readonly matches: (key: string) => boolean
  /** The longest documented lifetime in milliseconds; null for "for ever", or for "until" an event. */
  readonly longestMs: number | null
}

const DAY_MS = 86_400_000
/** A year is the longest period, and counters of one are kept for 13 months past it. */
const LONGEST_PERIOD_MS = 366 * DAY_MS
const LIFETIMES: readonly (readonly [RegExp, (n: number) => number])[] = [
  [/13 months past the period/, () => 396 * DAY_MS + LONGEST_PERIOD_MS],
  [/13 months/, () => 396 * DAY_MS],
  [/(\d+) days/, (n) => n * DAY_MS],
  [/(\d+) minutes?/, (n) => n * 60_000],
  [/(\d+) seconds?/, (n) => n * 1_000],
  [/idleMinutes/, () => 30 * 60_000],
]

/** The rows of the table, in its order. Throws if a lifetime cannot be read. */
export function documentedKeys(): DocumentedKey[] {
  const text = readFileSync(new URL('../../docs/store.md', import.meta.url), 'utf8')
  const rows = text.split('\n').filter((line) => /^\| `\{?tg/.test(line))
  let before: number | null = null
  return rows.map((row) => {
    const [, name = '', type = '', , lives = ''] = row.split('|').map((cell) => cell.trim())
    before = lives === 'likewise' ? before : longest(lives)
    return {
      name: name.replaceAll('`', ''),
      type,
      matches: matcher(name.replaceAll('`', '')),
      longestMs: before,
    }
  })
}

function longest(lives: string): number | null {
  if (/^(for ever|until)/.test(lives)) return null
  for (const [pattern, ms] of LIFETIMES) {
    const found = pattern.exec(lives)
    if (found !== null) return ms(Number(found[1]))
  }
  throw new Error(`docs/store.md: how long is "${lives}"?`)
}

function matcher(name: string): (key: string) => boolean {
  const parts = name.split(/(<\w+>|\{org\})/).map((part) => {
    switch (part) {
      case '{org}':
        return '\\{[a-z0-9-]+\\}'
      case '<n>':
      case '<day>':
      case '<bucket>':
        return '\\d+'
      case '<sha256>':
        return '[0-9a-f]{64}'
      case '<job>':
        return 'cx_[A-Za-z0-9_.-]+'
      case '<part>':
        return '[a-z]+(?:-[a-z]+)*'
      default:
        return part.startsWith('<') ? '[^:]+' : part.replace(/[{}.|]/g, '\\$&')
    }
  })
  const pattern = new RegExp(`^${parts.join('')}$`)
  return (key) => pattern.test(key)
}
