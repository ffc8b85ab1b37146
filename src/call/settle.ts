/** Resolves the hold according to how the call ended (C5): each hold exactly once. */
import type { Charge, Hold } from '../core/hold.ts'
import type { Unpriced } from '../core/reports.ts'
import { NOT_SAID, sumOfOutput, sumOfPrompt } from '../core/reports.ts'
import { actualCost, NO_USAGE, tokensOfText, type Usage } from '../core/tariff.ts'
import type { Microcredits } from '../core/units.ts'
import type { Reading } from '../families/family.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { PriceBook } from '../prices/price-book.ts'
import { priceOfServed } from '../prices/served.ts'
import type { Outcome, PricedCall, UpstreamTarget } from './call.ts'
import type { UnpricedUsage } from './unpriced.ts'

/** The dependencies of settling. */
export interface Settlement {
  readonly ledger: Pick<Ledger, 'settle' | 'free'>
  readonly book: PriceBook
  readonly unpriced: UnpricedUsage
}

type Target = Pick<UpstreamTarget, 'name' | 'priceProvider'>

/** Whether the provider may have served the call, so that the call is charged. */
function served({ sent, status, reading }: Outcome): boolean {
  if (!sent) return false
  if (reading !== null && hasUsage(reading)) return true
  // The request was sent and no answer came: it may have been served.
  if (status === null) return true
  if (status < 200 || status >= 300) return false
  // A 2xx answer may still be an error.
  return reading === null || !reading.isError || reading.textBytes > 0
}

/**
 * Whether the answer reports usage. Zeros do not count as usage in an error; a guessed prompt counts only beside
 * reported output.
 */
function hasUsage({ usage, guessedPrompt, guessedOutput, isError }: Reading): boolean {
  if (usage === null) return false
  if (guessedPrompt) return usage.output > guessedOutput || usage.audioOutput + usage.imageOutput > 0
  return !isError || sumOfPrompt(usage) + sumOfOutput(usage) > 0
}

/** Returns what was charged; null where the hold was freed. */
export function settle(
  settlement: Settlement,
  target: Target,
  hold: Hold,
  call: PricedCall,
  outcome: Outcome,
): Charge | null {
  const { ledger } = settlement
  if (!served(outcome)) {
    ledger.free(hold)
    return null
  }
  const charge = chargeFor(settlement, target, hold, call, outcome)
  ledger.settle(hold, charge)
  return charge
}

/** The usage to charge, and the part of it that the provider reported. */
interface ChargedUsage {
  readonly all: Usage
  /** Null if all of it was reported. */
  readonly reported: Usage | null
}

function chargeFor(
  { book, unpriced }: Settlement,
  { name, priceProvider }: Target,
  hold: Hold,
  call: PricedCall,
  outcome: Outcome,
): Charge {
  const { reading } = outcome
  const { tariff } = call
  const { all, reported } = usageOf(call, outcome)
  const isReported = reading !== null && reading.usage !== null
  const answered = isReported ? book.findAnswered(priceProvider, tariff, reading.model) : tariff
  const price = priceOfServed(priceProvider, answered, reading?.served ?? NOT_SAID)
  const unknown = [
    ...price.unpriced,
    ...(reading?.unpriced ?? []),
    ...unpricedSearches(all, answered.webSearch !== null),
  ]
  if (unknown.length > 0) unpriced.note(name, answered.model, unknown)
  const cost = actualCost(answered, all, price.factor)
  return {
    cost: reported === null ? cost : guessed(call, hold, cost, actualCost(answered, reported, price.factor)),
    model: answered.model,
    inputTokens: sumOfPrompt(all),
    outputTokens: sumOfOutput(all),
  }
}

function unpricedSearches({ webSearches }: Usage, arePriced: boolean): readonly Unpriced[] {
  return webSearches > 0 && !arePriced ? [{ kind: 'server_tool', name: 'web_search' }] : []
}

function usageOf({ shape, tariff }: PricedCall, { reading, complete }: Outcome): ChargedUsage {
  const prompt = { input: shape.promptTokens, audioInput: shape.audioTokens }
  // C5: guessed output is at most what the request allows or the model can write.
  const most = shape.maxOutput ?? tariff.maxOutput
  const allowed = most === null ? Infinity : most * shape.choices
  if (reading === null) return { all: { ...NO_USAGE, ...prompt }, reported: NO_USAGE }
  const { usage, guessedPrompt, guessedOutput, webSearches, textBytes } = reading
  const isNothing = usage !== null && sumOfPrompt(usage) + sumOfOutput(usage) === 0
  // Zeros in an answer that broke off are only those of its first report.
  if (usage === null || (isNothing && !complete)) {
    const output = Math.min(tokensOfText(textBytes), allowed)
    const reported = { ...NO_USAGE, webSearches }
    return { all: { ...reported, ...prompt, output }, reported }
  }
  if (!guessedPrompt && guessedOutput === 0) return { all: usage, reported: null }
  const reported = { ...usage, output: usage.output - guessedOutput }
  const output = Math.max(reported.output, Math.min(usage.output, allowed))
  return { all: { ...usage, ...(guessedPrompt ? prompt : {}), output }, reported }
}

/**
 * Limits a cost of which only `reported` was reported by the provider. The estimate of four bytes per token may not
 * exceed a hold for the strict worst case (C4).
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
