/** What the call can cost at most, and what its prompt costs (C2, C4, C6, C7). */
import { flatTariff, promptPrice, worstCase, type Tariff } from '../core/tariff.ts'
import { refuse, type Refusal } from '../errors.ts'
import type { CallShape } from '../families/family.ts'
import type { PriceBook } from '../prices/price-book.ts'
import type { PricedCall } from './call.ts'
import { sizeOf } from './size.ts'

/** What a model without a known maximum is taken to write at most. */
const DEFAULT_MAX_OUTPUT = 8_192

function strictWorstCase(shape: CallShape, tariff: Tariff): PricedCall['strictWorstCase'] {
  const output = shape.maxOutput ?? tariff.maxOutput
  if (shape.promptTokensBound === null || (shape.generates && output === null)) return null
  return worstCase(tariff, sizeOf(shape, shape.promptTokensBound, output ?? 0))
}

/** Finds the model's price; a refusal where it has none (C7). */
export function price(book: PriceBook, provider: string | null, shape: CallShape): PricedCall | Refusal {
  const tariff =
    shape.flatPrice === null ? book.find(provider, shape.model) : flatTariff(shape.model, shape.flatPrice)
  if (tariff === null || (shape.generates && !tariff.pricesOutput)) {
    return refuse(
      'model_not_priced',
      `The model '${shape.model}' has no price here, so it cannot be used. An operator can add one under prices.models.`,
      { param: 'model' },
    )
  }
  if (shape.webSearches > 0 && tariff.webSearch === null) {
    return refuse('unsupported_option', `Web searches of the model '${shape.model}' have no price here.`, {
      param: 'tools',
    })
  }
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
