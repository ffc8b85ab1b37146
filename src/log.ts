/** The log: one JSON line an entry, or lines for people. */
import { pino, type Logger } from 'pino'
import { createPrinter } from './log-pretty.ts'

export interface LogOptions {
  readonly level: string
  /** For people who look at it, instead of programs. */
  readonly pretty: boolean
}

export function createLogger({ level, pretty }: LogOptions): Logger {
  if (!pretty) return pino({ level })
  const print = createPrinter(process.stdout.isTTY)
  return pino({ level }, { write: (line: string) => void process.stdout.write(print(line)) })
}
