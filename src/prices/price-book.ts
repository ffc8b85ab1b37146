/**
 * Which tariff a model has: the operator's own prices first, then the built-in table of @pydantic/genai-prices, then the
 * default for unknown models, where there is one (C7). A look-up in the table takes the library some 27 µs, so the answer
 * is remembered; it is asked again after a minute, because prices depend on the date and on the time of day.
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
  /** Prices by exact model name. They win over the built-in table, whatever the provider. */
  readonly models: Readonly<Record<string, WrittenPrices>>
  /** What becomes of a model without a price: refused, or priced like this (USD per million tokens). */
  readonly unknownModel: 'reject' | { readonly input: number; readonly output: number }
  readonly now?: () => UnixMs
}

export interface PriceBook {
  /** The model's tariff at this provider of the table (null: no table); null where it has none and must be refused (C7). */
  find(provider: string | null, model: string): Tariff | null
  /** The name of a priced model that one without a price was probably meant to be; null where none is close. */
  suggest(provider: string | null, model: string): string | null
  /**
   * The tariff to settle by: that of the model which the answer names, where it is priced, else the requested one. Prices
   * that the operator wrote for the requested model hold for whatever version answers to it, and the default for unknown
   * models never replaces a price that is known.
   */
  findAnswered(provider: string | null, requested: Tariff, answeredModel: string | null): Tariff
}

/** The id under which usage of models is kept that only the default prices: callers choose their names. */
export const UNLISTED_MODEL = 'unlisted'

const REMEMBERED_LOOKUPS = 2_000
const REMEMBERED_MS = 60_000
/** No model's name is longer, and matching a megabyte against every entry of the table would take a while. */
const MAX_NAME_LENGTH = 256

/** Compiles the operator's prices; throws a RangeError that names the key where one is negative or not a number. */
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

  // Many names lead to the same entry of the table: it is compiled once.
  const compiled = new WeakMap<ModelPrice, Tariff | null>()
  const remembered = createMemo<Tariff | null>({ limit: REMEMBERED_LOOKUPS, maxAgeMs: REMEMBERED_MS, now })

  const lookUp = (provider: string, model: string): Tariff | null => {
    if (!isProvider(provider)) return null
    // Asked for the price of nothing: what counts is which entry, and which of its price sets, the library picks.
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
      // The call was let through with searches at the requested model's price: they are not free under another name.
      if (answered.webSearch !== null || requested.webSearch === null) return answered
      return { ...answered, webSearch: requested.webSearch }
    },
  }
}

/** Whether the built-in table has a provider of exactly this id: the library also takes a name that merely contains one. */
export function isProvider(id: string): boolean {
  return findProvider({ providerId: id })?.id === id
}

/** Ids of the models that the built-in table has of a provider. */
function modelsOf(provider: string): string[] {
  return isProvider(provider)
    ? (findProvider({ providerId: provider })?.models ?? []).map(({ id }) => id)
    : []
}
