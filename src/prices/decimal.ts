/**
 * Converts written prices to exact integers. A number's shortest decimal form is what was written, so the arithmetic
 * starts from that text, in BigInt: `0.075 × 100` is 7.5 here and 7.499999999999999 in doubles.
 */
import { MAX_CALL_COST, MICROCREDITS_PER_CREDIT } from '../core/units.ts'
import type { Factor, Rate } from '../core/tariff.ts'

/** A price per unit, in millionths of a microcredit. */
export type Millionths = bigint

/** The amount that a listed price is for: a million tokens, a thousand calls, one call. */
export type PricedAmount = 1_000_000 | 1_000 | 1

const MILLIONTHS = 1_000_000n
const DECIMAL = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/

interface Decimal {
  readonly digits: bigint
  /** The value is `digits / 10^scale`; negative for numbers such as 1e21. */
  readonly scale: number
}

/**
 * The price of one unit in millionths of a microcredit, rounded up if it is not exact. Throws a RangeError that names
 * `key` if the price is negative, not finite, or more than a call can be charged.
 */
export function unitPrice(usd: number, per: PricedAmount, creditsPerUsd: number, key: string): Millionths {
  const price = toDecimal(usd, key)
  const factor = toDecimal(creditsPerUsd, 'creditsPerUsd')
  const perCredit = BigInt(MICROCREDITS_PER_CREDIT) * MILLIONTHS
  const scale = price.scale + factor.scale
  const numerator = price.digits * factor.digits * perCredit * 10n ** BigInt(Math.max(-scale, 0))
  const denominator = BigInt(per) * 10n ** BigInt(Math.max(scale, 0))
  const exact = (numerator + denominator - 1n) / denominator
  if (exact > BigInt(MAX_CALL_COST) * MILLIONTHS) throw new RangeError(`${key}: the price ${usd} is too high`)
  return exact
}

/** The price as a rate, cut to the most that a call can cost: a derived price may be twice the highest unit price. */
export function toRate(price: Millionths): Rate {
  const most = BigInt(MAX_CALL_COST) * MILLIONTHS
  const cut = price > most ? most : price
  return { whole: Number(cut / MILLIONTHS), millionths: Number(cut % MILLIONTHS) }
}

/** The exact factor as written. Throws a RangeError that names `key` for an invalid one. */
export function toFactor(value: number, key: string): Factor {
  const { digits, scale } = toDecimal(value, key)
  if (digits === 0n) throw new RangeError(`${key}: not a factor: ${value}`)
  return {
    numerator: digits * 10n ** BigInt(Math.max(-scale, 0)),
    denominator: 10n ** BigInt(Math.max(scale, 0)),
  }
}

/** The price in whole microcredits, rounded up. */
export function toMicrocredits(price: Millionths): number {
  return Number((price + MILLIONTHS - 1n) / MILLIONTHS)
}

function toDecimal(value: number, key: string): Decimal {
  const match = Number.isFinite(value) ? DECIMAL.exec(String(value)) : null
  if (match === null) throw new RangeError(`${key}: not a price: ${value}`)
  const [, whole = '', fraction = '', exponent = '0'] = match
  return { digits: BigInt(whole + fraction), scale: fraction.length - Number(exponent) }
}
