/** What an agent asks, and what it is answered, apart from the API that carries it. */

/** What the user, the agent or the model has written, or what a tool has answered. */
export interface Entry {
  readonly isResult: boolean
  readonly text: string
}

/** One request for an answer of a model, as the script needs to know it. */
export interface Asked {
  readonly model: string
  /** The conversation in its order. */
  readonly entries: readonly Entry[]
  /** The names of the tools that the caller runs. */
  readonly tools: readonly string[]
  readonly isStream: boolean
  /** Whether the answer has to be JSON. */
  readonly isJson: boolean
  /** Whether the conversation is to be replaced by what the provider makes of it. */
  readonly isCompaction: boolean
}

export type Turn =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'tool'; readonly name: string; readonly input: ToolInput }

/** Free text for those tools of OpenAI's that have no schema. */
export type ToolInput = Readonly<Record<string, unknown>> | string

/** Tokens that do not overlap, each with a price of its own. */
export interface Tokens {
  /** Read for the full price. */
  readonly input: number
  readonly cached: number
  readonly written: number
  readonly output: number
}

/** USD per million tokens of every model in these tests; none of them is a price of a vendor. */
export const PRICES = {
  input: 10,
  cachedInput: 1,
  cacheWrite: 13,
  output: 50,
  webSearch: 0.01,
  maxOutput: 1_000,
} as const
const MICROCREDITS_PER_USD_PER_MILLION = 100

/** Whole microcredits. */
export function costOf({ input, cached, written, output }: Tokens): number {
  return (
    MICROCREDITS_PER_USD_PER_MILLION *
    (input * PRICES.input +
      cached * PRICES.cachedInput +
      written * PRICES.cacheWrite +
      output * PRICES.output)
  )
}

export type Json = Readonly<Record<string, unknown>>

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The objects of a list; none where it is no list. */
export function objectsOf(value: unknown): Json[] {
  return Array.isArray(value) ? (value as unknown[]).filter(isJson) : []
}

/** All texts below a value, joined. */
export function textIn(value: unknown): string {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return (value as unknown[]).map(textIn).join('\n')
  if (isJson(value))
    return textIn(value['text'] ?? value['content'] ?? value['output'] ?? value['encrypted_content'] ?? '')
  return ''
}
