/** Computes the most that a call can cost, and what its prompt costs (C2, C4, C6, C7). */
import { flatTariff, promptPrice, worstCase, type Factor, type Tariff } from '../core/tariff.ts'
import { microcredits, type Microcredits } from '../core/units.ts'
import { refuse, type Refusal } from '../errors.ts'
import type { CallShape } from '../families/family.ts'
import { factorOf } from '../prices/served.ts'
import type { PriceBook } from '../prices/price-book.ts'
import type { PricedCall } from './call.ts'
import { sizeOf } from './size.ts'

/** Output tokens assumed as the maximum of a model without a known one. */
const DEFAULT_MAX_OUTPUT = 8_192

const SEARCH_SWITCH =
  'Leave the tool out (Codex: web_search = "disabled"; Claude Code: --disallowedTools WebSearch), or have the operator set webSearch under prices.models.'

function strictWorstCase(shape: CallShape, tariff: Tariff): PricedCall['strictWorstCase'] {
  const output = shape.maxOutput ?? tariff.maxOutput
  if (shape.promptTokensBound === null || (shape.generates && output === null)) return null
  return worstCase(tariff, sizeOf(shape, shape.promptTokensBound, output ?? 0))
}

/**
 * The tariff of a model that may answer the call. A refusal if the model has no price (C7), or no price for something
 * that the call may do.
 */
function tariffOf(
  book: PriceBook,
  provider: string | null,
  shape: CallShape,
  model: string,
): Tariff | Refusal {
  const tariff = book.find(provider, model)
  if (tariff === null || (shape.generates && !tariff.pricesOutput)) {
    const meant = book.suggest(provider, model)
    const question = meant === null ? '' : ` Did you mean '${meant}'?`
    return refuse(
      'model_not_priced',
      `The model '${model}' has no price here, so it cannot be used.${question} An operator can add one under prices.models.`,
      { param: 'model' },
    )
  }
  if (shape.webSearches > 0 && tariff.webSearch === null) {
    return refuse(
      'unsupported_option',
      `Web searches of the model '${model}' have no price here. ${SEARCH_SWITCH}`,
      { param: 'tools' },
    )
  }
  return tariff
}

/**
 * Prices a call; a refusal if its model has no price (C7). The hold is for the most expensive of the models that may
 * answer.
 */
export function price(book: PriceBook, provider: string | null, shape: CallShape): PricedCall | Refusal {
  if (shape.flatPrice !== null) return pricedBy(flatTariff(shape.model, shape.flatPrice), shape)
  const tariff = tariffOf(book, provider, shape, shape.model)
  if ('refused' in tariff) return tariff
  let call = asAsked(provider, pricedBy(tariff, shape))
  for (const model of shape.alternatives) {
    if ('refused' in call) return call
    const other = tariffOf(book, provider, shape, model)
    if ('refused' in other) return other
    const alternative = asAsked(provider, pricedBy(other, shape))
    if ('refused' in alternative) return alternative
    call = dearerOf(call, alternative)
  }
  return call
}

/**
 * Applies the factors of the service tiers and regions that the request asks for. A factor below one does not lower the
 * hold, since the request may be served as standard too.
 */
function asAsked(provider: string | null, call: PricedCall): PricedCall | Refusal {
  if (call.shape.asked.length === 0) return call
  let { worstCase, strictWorstCase, promptPrice } = call
  for (const { option, kind, name } of call.shape.asked) {
    const factor = factorOf(provider, call.tariff, kind, name)
    if (factor === null) {
      const setting = kind === 'region' ? 'regions' : 'serviceTiers'
      return refuse(
        'unsupported_option',
        `'${option}' cannot be priced: '${name.slice(0, 64)}' has no price for the model '${call.tariff.model}'. An operator can set it by ${setting} under prices.models.`,
        { param: option },
      )
    }
    worstCase = atMost(worstCase, factor)
    strictWorstCase = strictWorstCase === null ? null : atMost(strictWorstCase, factor)
    promptPrice = atMost(promptPrice, factor)
  }
  return { ...call, worstCase, strictWorstCase, promptPrice }
}

function atMost(amount: Microcredits, { numerator, denominator }: Factor): Microcredits {
  const multiplied = (BigInt(amount) * numerator + denominator - 1n) / denominator
  const most = BigInt(Number.MAX_SAFE_INTEGER)
  return larger(amount, microcredits(Number(multiplied > most ? most : multiplied)))
}

function pricedBy(tariff: Tariff, shape: CallShape): PricedCall {
  const output = shape.maxOutput ?? tariff.maxOutput ?? DEFAULT_MAX_OUTPUT
  const size = sizeOf(shape, shape.promptTokens, output)
  return {
    shape,
    tariff,
    worstCase: worstCase(tariff, size),
    strictWorstCase: strictWorstCase(shape, tariff),
    promptPrice: promptPrice(tariff, size),
  }
}

/** The call with its own tariff and the larger hold of the two. */
function dearerOf(call: PricedCall, other: PricedCall): PricedCall {
  const [strict, otherStrict] = [call.strictWorstCase, other.strictWorstCase]
  return {
    ...call,
    worstCase: larger(call.worstCase, other.worstCase),
    strictWorstCase: strict === null || otherStrict === null ? null : larger(strict, otherStrict),
    promptPrice: larger(call.promptPrice, other.promptPrice),
  }
}

function larger(a: Microcredits, b: Microcredits): Microcredits {
  return a > b ? a : b
}
