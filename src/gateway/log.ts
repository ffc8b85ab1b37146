/** The log: one JSON line an entry, or lines for people. */
import { pino, type Logger } from 'pino'
import { createPrinter } from './log-pretty.ts'

export interface LogOptions {
  readonly level: string
  /** For people who look at it, instead of programs. */
  readonly pretty: boolean
}

/**
 * What libraries put into their errors and is nobody's to read here: undici the bytes of an answer that it could not parse, ioredis the
 * command that failed with its arguments, which for AUTH are the password.
 */
const UNSEEN = new Set(['data', 'command'])

/** How errors stand in the log. */
export function showError(error: Error): unknown {
  return seen(pino.stdSerializers.err(error))
}

/**
 * Errors stand in errors: the one of each node, the last one, a cause. Nothing else is looked into: a certificate, for one, may
 * have itself for its issuer.
 */
function seen(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(seen)
  if (!isShownError(value)) return value
  const entries = Object.entries(value).filter(([name]) => !UNSEEN.has(name))
  return Object.fromEntries(entries.map(([name, inner]) => [name, seen(inner)]))
}

/** As pino shows them. */
function isShownError(value: unknown): value is object {
  return (
    typeof value === 'object' && value !== null && 'type' in value && 'message' in value && 'stack' in value
  )
}

export function createLogger({ level, pretty }: LogOptions): Logger {
  const options = { level, serializers: { err: showError } }
  if (!pretty) return pino(options)
  const print = createPrinter(process.stdout.isTTY)
  return pino(options, { write: (line: string) => void process.stdout.write(print(line)) })
}
