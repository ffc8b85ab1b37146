/** What calls cost, computed here on purpose and not by the gateway's own code: the soak compares the two. */

/** Thousandths of a US dollar per million tokens, which are tenths of a microcredit a token at 100 credits a dollar. */
interface Price {
  readonly input: number
  readonly cached: number
  readonly write5m: number
  readonly write1h: number
  readonly output: number
}

const PRICES = {
  'soak-small': { input: 150, cached: 75, write5m: 190, write1h: 300, output: 600 },
  'soak-large': { input: 3_000, cached: 300, write5m: 3_750, write1h: 6_000, output: 15_000 },
  'soak-embedding': { input: 20, cached: 20, write5m: 20, write1h: 20, output: 0 },
} as const satisfies Record<string, Price>
export type Model = keyof typeof PRICES

/** The generic route's flat price, in credits. */
export const SEARCH_CREDITS = 2
const MICROCREDITS = 1_000_000

/** Counts that do not overlap. */
export interface Tokens {
  readonly input: number
  readonly cached: number
  readonly write5m: number
  readonly write1h: number
  readonly output: number
}

/** What a call adds to a line of usage: microcredits, calls, tokens in and out. */
export interface Charge {
  readonly credits: number
  readonly calls: number
  readonly input: number
  readonly output: number
}

export const NOTHING: Charge = { credits: 0, calls: 0, input: 0, output: 0 }

/** `prices.models` of the gateways' configuration. */
export function configuredPrices(): Record<string, Record<string, number>> {
  return Object.fromEntries(
    Object.entries(PRICES).map(([model, price]) => [
      model,
      {
        input: price.input / 1_000,
        cachedInput: price.cached / 1_000,
        cacheWrite: price.write5m / 1_000,
        cacheWrite1h: price.write1h / 1_000,
        ...(price.output > 0 && { output: price.output / 1_000 }),
      },
    ]),
  )
}

const roundedUp = (tenths: number): number => Math.ceil(tenths / 10)

/** What the provider's report costs (C2): rounded up once. */
export function actual(model: Model, tokens: Tokens): Charge {
  const price: Price = PRICES[model]
  const tenths =
    tokens.input * price.input +
    tokens.cached * price.cached +
    tokens.write5m * price.write5m +
    tokens.write1h * price.write1h +
    tokens.output * price.output
  const input = tokens.input + tokens.cached + tokens.write5m + tokens.write1h
  return { credits: roundedUp(tenths), calls: 1, input, output: tokens.output }
}

/** Tokens that a request is taken for under `straddle`: a third of its bytes. */
export function promptTokens(bodyBytes: number): number {
  return Math.ceil(bodyBytes / 3)
}

/** What is charged where usage never comes: the prompt, and a token for four bytes of generated text (C5). */
export function estimated(model: Model, bodyBytes: number, textBytes: number): Charge {
  const price: Price = PRICES[model]
  const input = promptTokens(bodyBytes)
  const output = Math.ceil(textBytes / 4)
  return { credits: roundedUp(input * price.input + output * price.output), calls: 1, input, output }
}

/** What a hold whose gateway died is charged (C6): the prompt's price, and no tokens. */
export function expired(model: Model, bodyBytes: number): Charge {
  return { ...estimated(model, bodyBytes, 0), input: 0 }
}

/** A call of the generic route, however it is resolved. */
export const searchCharge: Charge = { credits: SEARCH_CREDITS * MICROCREDITS, calls: 1, input: 0, output: 0 }
