/** How large a call is, from what its request asks for: what prices and refusals are computed from. */
import type { CallSize } from '../core/tariff.ts'
import type { CallShape } from '../families/family.ts'

/** Products beyond this are as good as unbounded, and keep every sum exact. */
const MAX_OUTPUT_TOKENS = 1_000_000_000

/** The size of a call with so many prompt tokens. */
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
