/** Log entries for people: `12:03:07.123 WARN  the message  key=value …`, and the error below it. */

const LEVELS: Readonly<Record<number, readonly [name: string, color: number]>> = {
  10: ['TRACE', 90],
  20: ['DEBUG', 90],
  30: ['INFO', 32],
  40: ['WARN', 33],
  50: ['ERROR', 31],
  60: ['FATAL', 31],
}

/** Fields of every entry that are of no use to a reader on the same machine. */
const LEFT_OUT: ReadonlySet<string> = new Set(['level', 'time', 'pid', 'hostname', 'msg', 'err'])
/** Characters that a terminal could interpret as a command, or that look like a line break. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\u2028\u2029]/gu

type Entry = Readonly<Record<string, unknown>>

/** Returns a function that formats one line of JSON for people; any other line is returned unchanged. */
export function createPrinter(inColor: boolean): (line: string) => string {
  const paint = (text: string, color: number): string => (inColor ? `\u001b[${color}m${text}\u001b[0m` : text)
  return (line) => {
    const entry = parse(line)
    if (entry === null) return line
    const [level, color] = LEVELS[Number(entry['level'])] ?? ['     ', 37]
    const at = new Date(Number(entry['time'])).toISOString().slice(11, 23)
    const facts = Object.entries(entry)
      .filter(([key]) => !LEFT_OUT.has(key))
      .map(([key, value]) => `${paint(`${key}=`, 90)}${shown(value)}`)
    const head = [paint(at, 90), paint(level.padEnd(5), color), printable(textOf(entry['msg']))]
    return `${[...head, ...facts].join(' ')}\n${stackOf(entry['err'])}`
  }
}

function parse(line: string): Entry | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Entry) : null
  } catch {
    return null
  }
}

/** Simple words unchanged, everything else as JSON, the members of an object side by side. */
function shown(value: unknown): string {
  if (typeof value === 'string' && /^[\w.:/@+-]+$/.test(value)) return value
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return `{${Object.entries(value)
      .map(([key, member]) => `${printable(key)}=${shown(member)}`)
      .join(' ')}}`
  }
  return printable(JSON.stringify(value))
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function printable(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  )
}

function stackOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  const { stack, message } = error as { stack?: unknown; message?: unknown }
  const lines = (textOf(stack) || textOf(message)).split('\n')
  return lines.map((line) => `    ${printable(line)}\n`).join('')
}
