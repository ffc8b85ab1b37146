/** Computes the size of a call from its request; prices and refusals are based on it. */
import type { CallSize } from '../core/tariff.ts'
import type { CallShape } from '../families/family.ts'

/** Larger products are cut to this, which is practically unbounded and keeps every sum exact. */
const MAX_OUTPUT_TOKENS = 1_000_000_000

/** The size of a call with this number of prompt tokens. */
export function sizeOf(shape: CallShape, promptTokens: number, outputPerChoice: number): CallSize {
  return {
    promptTokens,
    audioTokens: shape.audioTokens,
    outputTokens: shape.generates ? Math.min(outputPerChoice * shape.choices, MAX_OUTPUT_TOKENS) : 0,
    webSearches: shape.webSearches,
    cacheWrites: shape.cacheWrites,
    audioOutput: shape.audioOutput,
  }
}
