/**
 * Finds a model's tariff: the operator's own prices first, then the built-in table of @pydantic/genai-prices, then the
 * default for unknown models, if there is one (C7). A look-up in the table takes about 27 µs, so the result is cached.
 * It is repeated after a minute, because prices depend on the date and on the time of day.
 */
import { calcPrice, findProvider } from '@pydantic/genai-prices'
import type { ModelPrice } from '@pydantic/genai-prices'
import type { Tariff } from '../core/tariff.ts'
import type { UnixMs } from '../core/units.ts'
import { compileEntry, compileWritten } from './compile.ts'
import type { WrittenPrices } from './compile.ts'
import { createMemo } from './memo.ts'
import { closestName } from './suggest.ts'

export interface PriceBookOptions {
  readonly creditsPerUsd: number
  /** Prices by exact model name. They override the built-in table for every provider. */
  readonly models: Readonly<Record<string, WrittenPrices>>
  /** What to do with a model without a price: refuse it, or apply this price (USD per million tokens). */
  readonly unknownModel: 'reject' | { readonly input: number; readonly output: number }
  readonly now?: () => UnixMs
}

export interface PriceBook {
  /**
   * The model's tariff at this provider of the table (null: no table); null if it has none and must be refused (C7).
   */
  find(provider: string | null, model: string): Tariff | null
  /** The priced model that an unpriced name was probably meant to be; null if none is close. */
  suggest(provider: string | null, model: string): string | null
  /**
   * The tariff to settle by: that of the model named in the answer if it is priced, otherwise the requested one. An
   * operator's prices for the requested model apply to whichever version answers. The default for unknown models never
   * replaces a known price.
   */
  findAnswered(provider: string | null, requested: Tariff, answeredModel: string | null): Tariff
}

/** The id for the usage of models that only the default prices, since callers choose their names. */
export const UNLISTED_MODEL = 'unlisted'

const REMEMBERED_LOOKUPS = 2_000
const REMEMBERED_MS = 60_000
/** Longer names are not looked up: no model has one, and matching a megabyte against every entry would take a while. */
const MAX_NAME_LENGTH = 256

/** Compiles the operator's prices. Throws a RangeError that names the key if a price is negative or not a number. */
export function createPriceBook(options: PriceBookOptions): PriceBook {
  const { creditsPerUsd, unknownModel, now = () => Date.now() as UnixMs } = options
  if (!(Number.isFinite(creditsPerUsd) && creditsPerUsd > 0)) {
    throw new RangeError(`creditsPerUsd: not a positive number: ${creditsPerUsd}`)
  }
  const written = new Map(
    Object.entries(options.models).map(([model, prices]) => [
      model,
      compileWritten(model, prices, creditsPerUsd, `models.${model}`),
    ]),
  )
  const writtenTariffs = new Set(written.values())
  const unlisted =
    unknownModel === 'reject'
      ? null
      : compileWritten(UNLISTED_MODEL, unknownModel, creditsPerUsd, 'unknownModel')

  // Many names match the same table entry, which is compiled once.
  const compiled = new WeakMap<ModelPrice, Tariff | null>()
  const remembered = createMemo<Tariff | null>({ limit: REMEMBERED_LOOKUPS, maxAgeMs: REMEMBERED_MS, now })

  const lookUp = (provider: string, model: string): Tariff | null => {
    if (!isProvider(provider)) return null
    // Calculates the price of no usage: only the entry and price set that the library selects matter.
    const found = calcPrice({}, model, { providerId: provider, timestamp: new Date(now()) })
    if (found === null) return null
    let tariff = compiled.get(found.model_price)
    if (tariff === undefined) {
      tariff = compileEntry(found.model.id, found.model_price, creditsPerUsd)
      compiled.set(found.model_price, tariff)
    }
    return tariff
  }
  const inTable = (provider: string | null, model: string): Tariff | null =>
    provider === null || model.length > MAX_NAME_LENGTH
      ? null
      : remembered(`${provider}\n${model}`, () => lookUp(provider, model))

  return {
    find: (provider, model) => written.get(model) ?? inTable(provider, model) ?? unlisted,
    suggest(provider, model) {
      if (model.length > MAX_NAME_LENGTH) return null
      const listed =
        provider === null ? [] : modelsOf(provider).filter((id) => inTable(provider, id) !== null)
      return closestName(model, [...written.keys(), ...listed])
    },
    findAnswered(provider, requested, answeredModel) {
      if (answeredModel === null) return requested
      const own = written.get(answeredModel)
      const answered = own ?? (writtenTariffs.has(requested) ? null : inTable(provider, answeredModel))
      if (answered === null || (requested.pricesOutput && !answered.pricesOutput)) return requested
      // The call was admitted with searches at the requested model's price: they are not free under another name.
      if (answered.webSearch !== null || requested.webSearch === null) return answered
      return { ...answered, webSearch: requested.webSearch }
    },
  }
}

/**
 * Whether the built-in table has a provider with exactly this id: the library also accepts names that only contain one.
 */
export function isProvider(id: string): boolean {
  return findProvider({ providerId: id })?.id === id
}

/** Ids of the models that the built-in table lists for a provider. */
function modelsOf(provider: string): string[] {
  return isProvider(provider)
    ? (findProvider({ providerId: provider })?.models ?? []).map(({ id }) => id)
    : []
}
