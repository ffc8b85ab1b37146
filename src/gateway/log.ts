/** The log: one JSON line per entry, or formatted lines for people. */
import { pino, type Logger } from 'pino'
import { createPrinter } from './log-pretty.ts'

export interface LogOptions {
  readonly level: string
  /** Formats the log for people instead of programs. */
  readonly pretty: boolean
}

/**
 * Properties of libraries' errors that must not be logged. undici adds the bytes of a response that it could not parse.
 * ioredis adds the failed command with its arguments, which for AUTH include the password.
 */
const UNSEEN = new Set(['data', 'command'])

/** Formats an error for the log. */
export function showError(error: Error): unknown {
  return seen(pino.stdSerializers.err(error))
}

/**
 * Errors may contain errors: one per node, the last one, a cause. No other objects are followed, because some contain
 * themselves: a certificate may be its own issuer.
 */
function seen(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(seen)
  if (!isShownError(value)) return value
  const entries = Object.entries(value).filter(([name]) => !UNSEEN.has(name))
  return Object.fromEntries(entries.map(([name, inner]) => [name, seen(inner)]))
}

/** An error in the form in which pino logs it. */
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
