/** Builds tariffs from table entries of @pydantic/genai-prices and from prices in the configuration. */
import type { Factor, Rates, Tariff } from '../core/tariff.ts'
import { microcredits } from '../core/units.ts'
import { toFactor, toMicrocredits, toRate, unitPrice } from './decimal.ts'
import type { Millionths, PricedAmount } from './decimal.ts'
import { meaningOf } from './price-keys.ts'
import type { TokenKind } from './price-keys.ts'

/**
 * A model's prices as an operator writes them: USD per million tokens; `perCall` and `webSearch` in USD per call. Here
 * a 0 is intended, and makes its kind of usage free.
 */
export interface WrittenPrices {
  readonly input: number
  readonly cachedInput?: number | undefined
  readonly cacheWrite?: number | undefined
  readonly cacheWrite1h?: number | undefined
  readonly output?: number | undefined
  readonly audioInput?: number | undefined
  readonly audioOutput?: number | undefined
  readonly imageOutput?: number | undefined
  readonly perCall?: number | undefined
  readonly webSearch?: number | undefined
  /** The most output tokens that the model can write. */
  readonly maxOutput?: number | undefined
  /** Factors on the price of tokens, by what the provider reports that it served (C11). */
  readonly serviceTiers?: Readonly<Record<string, number>> | undefined
  readonly regions?: Readonly<Record<string, number>> | undefined
}

/** A price in the table: one for every context, or in tiers that each apply above their `start`. */
type TablePrice =
  number | { readonly base: number; readonly tiers: readonly { start: number; price: number }[] }
/** A table entry's prices in USD by the library's keys, `…_mtok` a million tokens and `…_kcount` a thousand calls. */
export type TablePrices = Readonly<Record<string, TablePrice | null | undefined>>

type KindPrices = Partial<Record<TokenKind, Millionths>>
type PriceValue = TablePrices[string]

const MTOK: PricedAmount = 1_000_000
const KCOUNT: PricedAmount = 1_000
const ONE: PricedAmount = 1

/**
 * The tariff of a table entry; null if it has no price for input, or a price for something that the gateway cannot
 * count (C7). A 0 in the table counts as an unknown price, since it was not set on purpose. Throws a RangeError that
 * names model and key for an invalid price.
 */
export function compileEntry(model: string, prices: TablePrices, creditsPerUsd: number): Tariff | null {
  const entries = Object.entries(prices).filter(([, value]) => tierPrices(value).some((price) => price !== 0))
  if (entries.some(([key]) => meaningOf(key) === 'unknown')) return null

  const priceOf = (key: string, usd: number, per: PricedAmount): Millionths =>
    unitPrice(usd, per, creditsPerUsd, `${model}.${key}`)
  const contexts = [0, ...entries.flatMap(([, value]) => tierStarts(value)).map((start) => start + 1)]
  const tiers: Rates[] = []
  let pricesOutput = true
  for (const context of new Set(contexts.sort((a, b) => a - b))) {
    const kinds: KindPrices = {}
    for (const [key, value] of entries) {
      const meaning = meaningOf(key)
      const usd = priceAt(value, context)
      if (typeof meaning === 'string' || usd === 0) continue
      kinds[meaning.tokens] = dearest([kinds[meaning.tokens], priceOf(key, usd, MTOK)])
    }
    if (kinds.input === undefined) return null
    pricesOutput &&= kinds.output !== undefined || kinds.imageOutput !== undefined
    tiers.push(makeRates(context, kinds.input, kinds))
  }

  // Prices per call have no tiers in a tariff. No table entry has any there today; if one does, the highest is used,
  // which is safe.
  const calls = (meaning: 'per-call' | 'web-search'): Millionths =>
    dearest(
      entries
        .filter(([key]) => meaningOf(key) === meaning)
        .flatMap(([key, value]) => tierPrices(value).map((usd) => priceOf(key, usd, KCOUNT))),
    )
  const webSearch = calls('web-search')
  const [first, ...others] = tiers
  if (first === undefined) return null
  return {
    model,
    tiers: [first, ...others],
    perCall: microcredits(toMicrocredits(calls('per-call'))),
    webSearch: webSearch === 0n ? null : toRate(webSearch),
    pricesOutput,
    maxOutput: null,
    serviceTiers: NO_FACTORS,
    regions: NO_FACTORS,
  }
}

/**
 * The tariff of prices from the configuration. Throws a RangeError that names `key` and the field for an invalid price.
 */
export function compileWritten(
  model: string,
  prices: WrittenPrices,
  creditsPerUsd: number,
  key: string,
): Tariff {
  const { maxOutput = null } = prices
  if (maxOutput !== null && !(Number.isSafeInteger(maxOutput) && maxOutput > 0)) {
    throw new RangeError(`${key}.maxOutput: not a number of tokens: ${maxOutput}`)
  }
  const price = (
    field: Exclude<keyof WrittenPrices, 'maxOutput' | 'serviceTiers' | 'regions'>,
    per: PricedAmount,
  ): Millionths | undefined => {
    const usd = prices[field]
    return usd === undefined ? undefined : unitPrice(usd, per, creditsPerUsd, `${key}.${field}`)
  }
  const kinds: KindPrices = {}
  for (const kind of TOKEN_KINDS) {
    const written = price(kind, MTOK)
    if (written !== undefined) kinds[kind] = written
  }
  const webSearch = price('webSearch', ONE)
  return {
    model,
    tiers: [makeRates(0, unitPrice(prices.input, MTOK, creditsPerUsd, `${key}.input`), kinds)],
    perCall: microcredits(toMicrocredits(price('perCall', ONE) ?? 0n)),
    webSearch: webSearch === undefined ? null : toRate(webSearch),
    pricesOutput: kinds.output !== undefined,
    maxOutput,
    serviceTiers: factorsOf(prices.serviceTiers, `${key}.serviceTiers`),
    regions: factorsOf(prices.regions, `${key}.regions`),
  }
}

const NO_FACTORS: ReadonlyMap<string, Factor> = new Map()

/** By names in lower case, the form in which they are looked up. */
function factorsOf(
  written: Readonly<Record<string, number>> | undefined,
  key: string,
): ReadonlyMap<string, Factor> {
  if (written === undefined) return NO_FACTORS
  return new Map(
    Object.entries(written).map(([name, factor]) => [name.toLowerCase(), toFactor(factor, `${key}.${name}`)]),
  )
}

const TOKEN_KINDS: readonly TokenKind[] = [
  'input',
  'cachedInput',
  'cacheWrite',
  'cacheWrite1h',
  'audioInput',
  'output',
  'audioOutput',
  'imageOutput',
]

/**
 * Fills in missing prices. If a model has a price for cache writes but none for writes that live an hour, those cost
 * twice the input, as at Anthropic: the tables of Google, AWS and OpenRouter list Claude without that price. A call may
 * not request output without a price (C7); if output is reported anyway, it is not free.
 */
function makeRates(fromContext: number, input: Millionths, kinds: KindPrices): Rates {
  const cacheWrite = kinds.cacheWrite ?? input
  const output = kinds.output ?? kinds.imageOutput ?? input
  const anHour = kinds.cacheWrite === undefined ? cacheWrite : dearest([2n * input, cacheWrite])
  return {
    fromContext,
    input: toRate(input),
    cachedInput: toRate(kinds.cachedInput ?? input),
    cacheWrite: toRate(cacheWrite),
    cacheWrite1h: toRate(kinds.cacheWrite1h ?? anHour),
    audioInput: toRate(kinds.audioInput ?? input),
    output: toRate(output),
    audioOutput: toRate(kinds.audioOutput ?? output),
    imageOutput: toRate(kinds.imageOutput ?? output),
  }
}

function dearest(prices: readonly (Millionths | undefined)[]): Millionths {
  return prices.reduce<Millionths>((most, price) => (price !== undefined && price > most ? price : most), 0n)
}

/** Every price in the value, the base first. */
function tierPrices(value: PriceValue): readonly number[] {
  if (value === undefined || value === null) return [0]
  return typeof value === 'number' ? [value] : [value.base, ...value.tiers.map((tier) => tier.price)]
}

function tierStarts(value: PriceValue): readonly number[] {
  return typeof value === 'object' && value !== null ? value.tiers.map((tier) => tier.start) : []
}

/** The library's rule: the tier with the highest start below the context, otherwise the base. */
function priceAt(value: PriceValue, context: number): number {
  if (value === undefined || value === null) return 0
  if (typeof value === 'number') return value
  return [...value.tiers]
    .sort((a, b) => a.start - b.start)
    .reduce((price, tier) => (context > tier.start ? tier.price : price), value.base)
}
