/** The log: one JSON line an entry, or lines for people. */
import { pino, type Logger } from 'pino'
import { createPrinter } from './log-pretty.ts'

export interface LogOptions {
  readonly level: string
  /** For people who look at it, instead of programs. */
  readonly pretty: boolean
}

/** undici puts the bytes that it could not parse into its error: they are a part of a provider's answer, which is nobody's to read here. */
function withoutData(error: Error): unknown {
  const shown = pino.stdSerializers.err(error)
  return 'data' in shown ? { ...shown, data: undefined } : shown
}

export function createLogger({ level, pretty }: LogOptions): Logger {
  const options = { level, serializers: { err: withoutData } }
  if (!pretty) return pino(options)
  const print = createPrinter(process.stdout.isTTY)
  return pino(options, { write: (line: string) => void process.stdout.write(print(line)) })
}
