/**
 * Branded numbers: a credit is not a microcredit, and a clock reading is not a duration. They are made only at the
 * boundaries (configuration, HTTP, Redis replies) and stay branded in between.
 */
declare const unit: unique symbol

/** Whole microcredits (1 credit = 1,000,000). The only type that holds money (C1). */
export type Microcredits = number & { readonly [unit]: 'microcredits' }
/** Milliseconds since 1970-01-01T00:00:00Z. */
export type UnixMs = number & { readonly [unit]: 'unix-ms' }
/** A calendar day in some organization's zone, as `YYYYMMDD`. */
export type Day = string & { readonly [unit]: 'day' }

export const MICROCREDITS_PER_CREDIT = 1_000_000
/** The largest allowance or limit: 10^9 credits (C1). */
export const MAX_CREDITS = 1_000_000_000
/** The largest amount that one call can be charged: what MAX_CREDITS is in microcredits, well below 2^53. */
export const MAX_CALL_COST = (MAX_CREDITS * MICROCREDITS_PER_CREDIT) as Microcredits
export const NOTHING = 0 as Microcredits

/** Takes a whole, non-negative, safe number of microcredits; throws a RangeError for anything else. */
export function microcredits(value: number): Microcredits {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`not a whole number of microcredits: ${value}`)
  }
  return value as Microcredits
}

/** Converts a whole number of credits, as admins write limits and allowances. */
export function wholeCredits(credits: number): Microcredits {
  return microcredits(credits * MICROCREDITS_PER_CREDIT)
}

/** The amount as the decimal number that an API shows: at most six decimals, exact for every amount below 2^53. */
export function toCredits(amount: Microcredits): number {
  return amount / MICROCREDITS_PER_CREDIT
}

/** The amount in plain digits, such as `12.5`: never an exponent, no trailing zeros. */
export function formatCredits(amount: number): string {
  const sign = amount < 0 ? '-' : ''
  const absolute = Math.abs(amount)
  const whole = Math.floor(absolute / MICROCREDITS_PER_CREDIT)
  const rest = absolute - whole * MICROCREDITS_PER_CREDIT
  if (rest === 0) return `${sign}${whole}`
  return `${sign}${whole}.${String(rest).padStart(6, '0').replace(/0+$/, '')}`
}

const DECIMAL_CREDITS = /^(-?)(\d+)(?:\.(\d{1,6}))?$/

/**
 * The microcredits of a decimal number of credits, which may be negative; null where it has more than six decimals. A
 * number's shortest decimal form is what was written down, and of the 15 digits that MAX_CREDITS allows it has every one.
 */
export function decimalMicrocredits(credits: number): number | null {
  const [, sign, whole, fraction = ''] = DECIMAL_CREDITS.exec(String(credits)) ?? []
  if (whole === undefined || Number(whole) > MAX_CREDITS) return null
  const amount = Number(whole) * MICROCREDITS_PER_CREDIT + Number(fraction.padEnd(6, '0'))
  return sign === '-' ? -amount : amount
}
