/** Resolves the hold by how the call ended (C5): each hold exactly once. */
import { actualCost, estimate, tokensOfText } from '../core/tariff.ts'
import { NOTHING, type Microcredits } from '../core/units.ts'
import type { Charge, Hold, Ledger } from '../ledger/ledger.ts'
import type { PriceBook } from '../prices/price-book.ts'
import type { Outcome, PricedCall } from './call.ts'

/** Whether the provider may have served the call, so that it is charged. */
function served({ sent, status, reading }: Outcome): boolean {
  if (!sent) return false
  if (reading !== null && reading.usage !== null) return true
  // Asked, and the answer never came: nobody knows that it was not served.
  if (status === null) return true
  return status >= 200 && status < 300
}

/** Returns what was charged; null where the hold was freed. */
export function settle(
  ledger: Ledger,
  book: PriceBook,
  provider: string | null,
  hold: Hold,
  call: PricedCall,
  outcome: Outcome,
): Charge | null {
  if (!served(outcome)) {
    ledger.free(hold)
    return null
  }
  const charge = chargeFor(book, provider, hold, call, outcome)
  ledger.settle(hold, charge)
  return charge
}

function chargeFor(
  book: PriceBook,
  provider: string | null,
  hold: Hold,
  call: PricedCall,
  { reading }: Outcome,
): Charge {
  const { shape, tariff } = call
  if (reading === null || reading.usage === null) {
    const textBytes = reading === null ? 0 : reading.textBytes
    const estimated = estimate(tariff, shape.promptTokens, textBytes, shape.audioTokens)
    return {
      cost: guessed(call, hold, estimated, NOTHING),
      model: tariff.model,
      inputTokens: shape.promptTokens + shape.audioTokens,
      outputTokens: tokensOfText(textBytes),
    }
  }
  const { usage, guessedOutput } = reading
  const answered = book.findAnswered(provider, tariff, reading.model)
  const cost = actualCost(answered, usage)
  return {
    cost:
      guessedOutput === 0
        ? cost
        : guessed(call, hold, cost, actualCost(answered, { ...usage, output: usage.output - guessedOutput })),
    model: answered.model,
    inputTokens: usage.input + usage.cachedInput + usage.cacheWrite + usage.cacheWrite1h + usage.audioInput,
    outputTokens: usage.output + usage.audioOutput,
  }
}

/**
 * A cost of which no more than `reported` is the provider's word. Four bytes a token is a guess, and where a strict worst
 * case is held, no guess may pass it (C4).
 */
function guessed(
  { strictWorstCase }: PricedCall,
  hold: Hold,
  cost: Microcredits,
  reported: Microcredits,
): Microcredits {
  if (strictWorstCase !== hold.amount || cost <= hold.amount) return cost
  return reported > hold.amount ? reported : hold.amount
}
