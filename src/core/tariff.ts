/**
 * Prices compiled to integers, and the figures that a call has: worst case, price of the prompt, estimate, actual cost
 * (C2, C4, C5, C6). All of it is exact in doubles: whole microcredits are added up saturating at MAX_CALL_COST, and
 * millionths are carried after every line, so that no intermediate result comes near 2^53.
 */
import { MAX_CALL_COST, microcredits } from './units.ts'
import type { Microcredits } from './units.ts'

/**
 * Microcredits per token (or per call of a tool), as a whole part and millionths, so that no listed price is rounded:
 * 7.5 microcredits per token is `{ whole: 7, millionths: 500_000 }`. `whole` is at most MAX_CALL_COST and `millionths`
 * at most 999,999; the code that creates a rate ensures that.
 */
export interface Rate {
  readonly whole: number
  readonly millionths: number
}

/**
 * The usage that a provider reports for a call, in counts that do not overlap: each token is in exactly one of them.
 * `output` includes reasoning. Audio read from a cache counts as `audioInput`, the more expensive of the two, because
 * not every API reports the overlap. The families convert their own formats to this.
 */
export interface Usage {
  readonly input: number
  readonly cachedInput: number
  readonly cacheWrite: number
  readonly cacheWrite1h: number
  readonly audioInput: number
  readonly output: number
  readonly audioOutput: number
  readonly imageOutput: number
  readonly webSearches: number
}

export const NO_USAGE: Usage = {
  input: 0,
  cachedInput: 0,
  cacheWrite: 0,
  cacheWrite1h: 0,
  audioInput: 0,
  output: 0,
  audioOutput: 0,
  imageOutput: 0,
  webSearches: 0,
}

export interface Rates {
  /** This tier applies from this many tokens of context (input of every kind); the first tier's value is 0. */
  readonly fromContext: number
  readonly input: Rate
  readonly cachedInput: Rate
  readonly cacheWrite: Rate
  readonly cacheWrite1h: Rate
  readonly audioInput: Rate
  readonly output: Rate
  readonly audioOutput: Rate
  readonly imageOutput: Rate
}

/** An exact multiple of a price, such as 11/10. Both parts are positive. */
export interface Factor {
  readonly numerator: bigint
  readonly denominator: bigint
}

export interface Tariff {
  /** The priced model's id: the name under which usage is kept. */
  readonly model: string
  /** In ascending order of `fromContext`; the last tier whose `fromContext` is reached prices the whole call. */
  readonly tiers: readonly [Rates, ...Rates[]]
  readonly perCall: Microcredits
  /** Null if the table has no price for it: such a call is refused (C7). */
  readonly webSearch: Rate | null
  /** False where there is no price for output (embeddings): such a model must not serve a call that generates (C7). */
  readonly pricesOutput: boolean
  /** The most output tokens that the model can write, if known. */
  readonly maxOutput: number | null
  /** Factors on the price of every token, by the tier or speed that the provider reports (C11). */
  readonly serviceTiers: ReadonlyMap<string, Factor>
  /** Factors by the region in which the call was served. */
  readonly regions: ReadonlyMap<string, Factor>
}

/** Whether the request may write to the provider's cache, and with which lifetime at most. */
export type CacheWrites = 'none' | '5m' | '1h'

/** The size of a call's prompt. */
export interface PromptSize {
  /** Tokens of the prompt, without those of audio. */
  readonly promptTokens: number
  /** Tokens of audio in the prompt, on top of `promptTokens`. */
  readonly audioTokens: number
}

/** The size of a call as known from its request. */
export interface CallSize extends PromptSize {
  /** Most output tokens, of all choices together. */
  readonly outputTokens: number
  readonly webSearches: number
  readonly cacheWrites: CacheWrites
  /** Whether the answer may hold audio. */
  readonly audioOutput: boolean
}

/** The largest figure that is believed in a usage report, and the most that a `max_tokens` can ask for. */
export const MAX_TOKENS = 1_000_000_000

/**
 * Counts above this are priced as this. It is the sum of all five kinds of input at their largest, so a worst case stays
 * an upper bound; and 5 × 10^9 × 999,999 is below 2^53.
 */
const MAX_COUNT = 5 * MAX_TOKENS
const MILLIONTHS = 1_000_000
/** C5: bytes of generated text that count as one token where the provider never said. */
const BYTES_PER_TOKEN = 4

const NO_FACTORS: ReadonlyMap<string, Factor> = new Map()

/** The tariff of a call at a flat price, whatever it uses. */
export function flatTariff(model: string, perCall: Microcredits): Tariff {
  const none: Rate = { whole: 0, millionths: 0 }
  const rates: Rates = {
    fromContext: 0,
    input: none,
    cachedInput: none,
    cacheWrite: none,
    cacheWrite1h: none,
    audioInput: none,
    output: none,
    audioOutput: none,
    imageOutput: none,
  }
  return {
    model,
    tiers: [rates],
    perCall,
    webSearch: null,
    pricesOutput: true,
    maxOutput: 0,
    serviceTiers: NO_FACTORS,
    regions: NO_FACTORS,
  }
}

/** The estimated tokens of this many bytes of generated text, if the provider reported none (C5). */
export function tokensOfText(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_TOKEN)
}

/**
 * The cost of reported usage (C2). Searches on a model without a price for them were refused before (C7). The factor is
 * that of how the call was served (C11): it multiplies the price of tokens, not that of the call or of its searches.
 */
export function actualCost(tariff: Tariff, usage: Usage, factor: Factor | null = null): Microcredits {
  const context = usage.input + usage.cachedInput + usage.cacheWrite + usage.cacheWrite1h + usage.audioInput
  const rates = tierAt(tariff, context)
  const sum = factor === null ? startSum(tariff.perCall) : { whole: 0, millionths: 0 }
  add(sum, usage.input, rates.input)
  add(sum, usage.cachedInput, rates.cachedInput)
  add(sum, usage.cacheWrite, rates.cacheWrite)
  add(sum, usage.cacheWrite1h, rates.cacheWrite1h)
  add(sum, usage.audioInput, rates.audioInput)
  add(sum, usage.output, rates.output)
  add(sum, usage.audioOutput, rates.audioOutput)
  add(sum, usage.imageOutput, rates.imageOutput)
  if (factor !== null) {
    multiply(sum, factor)
    add(sum, 1, { whole: tariff.perCall, millionths: 0 })
  }
  if (tariff.webSearch !== null) add(sum, usage.webSearches, tariff.webSearch)
  return roundedUp(sum)
}

/**
 * The most that `actualCost` can come to for any usage within the size (C4): every token at the dearest rate it may be
 * billed at, in the dearest of the tiers that the context may reach (the provider may count fewer tokens than we do).
 */
export function worstCase(tariff: Tariff, size: CallSize): Microcredits {
  const context = size.promptTokens + size.audioTokens
  let worst: Microcredits = tariff.perCall
  for (const rates of tariff.tiers) {
    if (rates.fromContext > context) break
    const cost = worstInTier(tariff, rates, size)
    if (cost > worst) worst = cost
  }
  return worst
}

/** The price of the prompt alone, with the price per call: what an expired hold is charged (C6). */
export function promptPrice(tariff: Tariff, prompt: PromptSize): Microcredits {
  return estimate(tariff, prompt.promptTokens, 0, prompt.audioTokens)
}

/** The charge if no usage is reported (C5): the price of the prompt, and of the estimated tokens of the text. */
export function estimate(
  tariff: Tariff,
  promptTokens: number,
  outputTokens: number,
  audioTokens = 0,
  factor: Factor | null = null,
): Microcredits {
  const usage = { ...NO_USAGE, input: promptTokens, audioInput: audioTokens, output: outputTokens }
  return actualCost(tariff, usage, factor)
}

/**
 * The largest number of output tokens for each of `choices` whose worst case still fits into `left`; one more does not
 * fit (E1c). MAX_TOKENS if any number fits, 0 if none does. `size.outputTokens` is ignored.
 */
export function largestOutput(tariff: Tariff, size: CallSize, left: Microcredits, choices: number): number {
  const fits = (tokens: number): boolean =>
    worstCase(tariff, { ...size, outputTokens: tokens * choices }) <= left
  if (fits(MAX_TOKENS)) return MAX_TOKENS
  if (!fits(0)) return 0
  // Bisection instead of solving the equation: only refusals pay for it, and it is exact by construction.
  let most = 0
  let tooMany = MAX_TOKENS
  while (tooMany - most > 1) {
    const middle = Math.floor((most + tooMany) / 2)
    if (fits(middle)) most = middle
    else tooMany = middle
  }
  return most
}

function worstInTier(tariff: Tariff, rates: Rates, size: CallSize): Microcredits {
  let prompt = dearer(rates.input, rates.cachedInput)
  if (size.cacheWrites !== 'none') prompt = dearer(prompt, rates.cacheWrite)
  if (size.cacheWrites === '1h') prompt = dearer(prompt, rates.cacheWrite1h)
  const sum = startSum(tariff.perCall)
  add(sum, size.promptTokens, prompt)
  // A provider may report audio without saying that it is audio.
  add(sum, size.audioTokens, dearer(prompt, rates.audioInput))
  // The request does not tell which models answer with images. For all others the price of images equals that of text.
  const output = dearer(rates.output, rates.imageOutput)
  add(sum, size.outputTokens, size.audioOutput ? dearer(output, rates.audioOutput) : output)
  if (tariff.webSearch !== null) add(sum, size.webSearches, tariff.webSearch)
  return roundedUp(sum)
}

function tierAt(tariff: Tariff, context: number): Rates {
  let reached = tariff.tiers[0]
  for (const rates of tariff.tiers) {
    if (rates.fromContext > context) break
    reached = rates
  }
  return reached
}

function dearer(a: Rate, b: Rate): Rate {
  if (a.whole !== b.whole) return a.whole > b.whole ? a : b
  return a.millionths >= b.millionths ? a : b
}

/** The sum so far: whole microcredits, at most MAX_CALL_COST, and less than a million millionths. */
interface Sum {
  whole: number
  millionths: number
}

function startSum(perCall: Microcredits): Sum {
  return { whole: perCall, millionths: 0 }
}

function add(sum: Sum, asked: number, rate: Rate): void {
  const count = Math.min(asked, MAX_COUNT)
  const millionths = sum.millionths + count * rate.millionths
  const rest = millionths % MILLIONTHS
  sum.whole = Math.min(sum.whole + times(count, rate.whole) + (millionths - rest) / MILLIONTHS, MAX_CALL_COST)
  sum.millionths = rest
}

/** Exact up to a millionth of a microcredit, which is rounded up. */
function multiply(sum: Sum, { numerator, denominator }: Factor): void {
  const scaled = (BigInt(sum.whole) * BigInt(MILLIONTHS) + BigInt(sum.millionths)) * numerator
  const product = (scaled + denominator - 1n) / denominator
  const whole = product / BigInt(MILLIONTHS)
  sum.whole = whole > BigInt(MAX_CALL_COST) ? MAX_CALL_COST : Number(whole)
  sum.millionths = Number(product % BigInt(MILLIONTHS))
}

/** Rounds once, up to the next microcredit (C2). Throws a RangeError if a count was not valid. */
function roundedUp({ whole, millionths }: Sum): Microcredits {
  return microcredits(Math.min(whole + (millionths > 0 ? 1 : 0), MAX_CALL_COST))
}

/** `count × whole`, or MAX_CALL_COST where that is less. */
function times(count: number, whole: number): number {
  return whole > 0 && count > MAX_CALL_COST / whole ? MAX_CALL_COST : count * whole
}
