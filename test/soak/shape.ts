/** The shapes of calls: what each API is asked, and what a provider answers. */
import type { Tokens } from './prices.ts'

/** What a provider has to say; `tokens` null leaves the usage report out, 'nonsense' makes it one that nobody can believe. */
export interface Answer {
  readonly model: string
  readonly pieces: number
  readonly tokens: Tokens | 'nonsense' | null
}

export interface Shape {
  readonly name: string
  readonly family: 'openai' | 'anthropic' | 'gemini' | 'generic'
  readonly generates: boolean
  readonly streams: boolean
  readonly path: (model: string) => string
  readonly body: (model: string, prompt: string, maxTokens: number) => object
  /** A whole answer; for shapes that do not stream. */
  readonly whole: (answer: Answer) => object
  /** Events before the text, of each piece of it (from 1), and after it; for shapes that stream. */
  readonly events: (answer: Answer) => {
    readonly before: readonly string[]
    readonly piece: (number: number) => string
    readonly after: readonly string[]
  }
  /** Whether a stream that breaks off has told what its prompt was: before the first piece, or with each. */
  readonly reports: 'at the end' | 'at the start' | 'with each piece'
}

/** Forty bytes: ten tokens in an estimate. */
export const PIECE = 'And then they walked on through the rai '
export const TOKENS_PER_PIECE = PIECE.length / 4

export const text = ({ pieces }: Answer): string => PIECE.repeat(pieces)
export const event = (data: object, name?: string): string =>
  `${name === undefined ? '' : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`
export const none = (): never => {
  throw new Error('this shape does not answer like that')
}
