/** Prices compiled to integers, and the three figures that a call has: worst case, estimate, actual (C2, C4, C5). */
import type { Microcredits } from './units.ts'

/**
 * Microcredits per token (or per call of a tool), as a whole part and millionths, so that no price of a table is rounded:
 * 7.5 microcredits a token is `{ whole: 7, millionths: 500_000 }`.
 */
export interface Rate {
  readonly whole: number
  readonly millionths: number
}

/**
 * What a provider says that a call used, in counts that do not overlap: each token stands in exactly one of them.
 * `output` includes reasoning. The families make this from their own formats.
 */
export interface Usage {
  readonly input: number
  readonly cachedInput: number
  readonly cacheWrite: number
  readonly cacheWrite1h: number
  readonly audioInput: number
  readonly output: number
  readonly audioOutput: number
  readonly webSearches: number
}

export interface Rates {
  /** This tier holds from so many tokens of context (input of every kind) upwards; the first tier's is 0. */
  readonly fromContext: number
  readonly input: Rate
  readonly cachedInput: Rate
  readonly cacheWrite: Rate
  readonly cacheWrite1h: Rate
  readonly audioInput: Rate
  readonly output: Rate
  readonly audioOutput: Rate
}

export interface Tariff {
  /** The priced model's id: the name under which usage is kept. */
  readonly model: string
  /** In ascending order of `fromContext`; the last tier whose `fromContext` is reached prices the whole call. */
  readonly tiers: readonly [Rates, ...Rates[]]
  readonly perCall: Microcredits
  /** Null where the table has no price for it: such a call is refused (C7). */
  readonly webSearch: Rate | null
  /** Most output tokens that the model can write, where the table says so. */
  readonly maxOutput: number | null
}

/** What the request itself tells about its size, before anything was served. */
export interface CallSize {
  readonly promptTokens: number
  readonly outputTokens: number
  readonly webSearches: number
}
