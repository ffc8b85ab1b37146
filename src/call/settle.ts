/** Resolves the hold by how the call ended (C5): each hold exactly once. */
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

/** What settling needs. */
export interface Settlement {
  readonly ledger: Pick<Ledger, 'settle' | 'free'>
  readonly book: PriceBook
  readonly unpriced: UnpricedUsage
}

type Target = Pick<UpstreamTarget, 'name' | 'priceProvider'>

/** Whether the provider may have served the call, so that it is charged. */
function served({ sent, status, reading }: Outcome): boolean {
  if (!sent) return false
  if (reading !== null && hasUsage(reading)) return true
  // Asked, and the answer never came: nobody knows that it was not served.
  if (status === null) return true
  if (status < 200 || status >= 300) return false
  // An error that came as if it were an answer.
  return reading === null || !reading.isError || reading.textBytes > 0
}

/** A report of zeros counts as one only beside an answer that holds nothing else. */
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

/** The usage to charge by, and the part of it that nobody reported. */
interface ChargedUsage {
  readonly all: Usage
  /** Null where all of it was reported. */
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
  // C5: no more than the request allows, or than the model can write.
  const most = shape.maxOutput ?? tariff.maxOutput
  const allowed = most === null ? Infinity : most * shape.choices
  if (reading === null) return { all: { ...NO_USAGE, ...prompt }, reported: NO_USAGE }
  const { usage, guessedPrompt, guessedOutput, webSearches, textBytes } = reading
  const isNothing = usage !== null && sumOfPrompt(usage) + sumOfOutput(usage) === 0
  // Zeros in an answer that broke off are those that it began with.
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
