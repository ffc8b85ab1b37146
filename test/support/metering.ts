/** Computes the charge of a response with the gateway's own meter and settlement, without a network. */
import type { Charge, Hold } from '../../src/core/hold.ts'
import type { Unpriced } from '../../src/core/reports.ts'
import { NO_USAGE, type Usage } from '../../src/core/tariff.ts'
import { microcredits, type Microcredits } from '../../src/core/units.ts'
import { isRefusal } from '../../src/errors.ts'
import { anthropic } from '../../src/families/anthropic/anthropic.ts'
import type { CallShape, Family, MeteredRoute, Reading } from '../../src/families/family.ts'
import { gemini } from '../../src/families/gemini/gemini.ts'
import { openai } from '../../src/families/openai/openai.ts'
import type { WrittenPrices } from '../../src/prices/compile.ts'
import { createPriceBook } from '../../src/prices/price-book.ts'
import { createMeter } from '../../src/call/meter.ts'
import { price } from '../../src/call/price.ts'
import { settle } from '../../src/call/settle.ts'
import { inspectRequest } from './requests.ts'

export interface Api {
  readonly family: Family
  readonly path: string
  readonly request: object
}

/** Every kind of token has its own price, so that a mix-up of kinds shows in the charge. */
export const PRICES: WrittenPrices = {
  input: 10,
  cachedInput: 1,
  cacheWrite: 12.5,
  cacheWrite1h: 20,
  output: 50,
  audioInput: 30,
  audioOutput: 70,
  imageOutput: 110,
  webSearch: 0.01,
}
const PER_TOKEN: Usage = {
  input: 1_000,
  cachedInput: 100,
  cacheWrite: 1_250,
  cacheWrite1h: 2_000,
  audioInput: 3_000,
  output: 5_000,
  audioOutput: 7_000,
  imageOutput: 11_000,
  webSearches: 1_000_000,
}

/** The cost of this usage in microcredits, at the prices above. */
export function costOf(usage: Partial<Usage>): number {
  return Object.entries(usage).reduce(
    (sum, [kind, tokens]) => sum + tokens * PER_TOKEN[kind as keyof Usage],
    0,
  )
}

export const usage = (some: Partial<Usage>): Usage => ({ ...NO_USAGE, ...some })

const messages = [{ role: 'user', content: 'x'.repeat(20_000) }]
export const chat = (provider: string | null = null, rest: object = {}): Api => ({
  family: openai(provider),
  path: '/v1/chat/completions',
  request: { model: 'm', messages, stream: true, ...rest },
})
export const RESPONSES: Api = {
  family: openai(null),
  path: '/v1/responses',
  request: { model: 'm', input: 'x'.repeat(20_000), stream: true },
}
export const EMBEDDINGS: Api = {
  family: openai(null),
  path: '/v1/embeddings',
  request: { model: 'm', input: 'x'.repeat(20_000) },
}
export const MESSAGES: Api = {
  family: anthropic,
  path: '/v1/messages',
  request: { model: 'm', messages, max_tokens: 8_192, stream: true },
}
export const GENERATE: Api = {
  family: gemini,
  path: '/v1beta/models/:model(^[A-Za-z0-9._-]{1,200})::streamGenerateContent',
  request: { contents: [{ parts: [{ text: 'x'.repeat(20_000) }] }] },
}

export const events = (...values: readonly unknown[]): string =>
  values
    .map((value) => {
      const type =
        typeof value === 'object' && value !== null && 'type' in value ? `event: ${String(value.type)}\n` : ''
      return `${type}data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`
    })
    .join('')

export interface Charged {
  readonly reading: Reading
  /** Null if the hold was released. */
  readonly charge: Charge | null
  readonly unpriced: readonly Unpriced[]
  readonly shape: CallShape
}

export interface Answered {
  readonly type?: string
  readonly encoding?: string
  readonly status?: number
  readonly complete?: boolean
  readonly strict?: boolean
  readonly prices?: Partial<WrittenPrices>
  /** Uses a model of the built-in table instead, of this provider. */
  readonly listed?: { readonly provider: string; readonly model: string }
}

function routeOf({ family, path }: Api): MeteredRoute {
  const route = family.metered.find(({ url }) => url === path)
  if (route === undefined) throw new Error(`no route ${path}`)
  return route
}

/** Meters a response that arrives in these chunks, and settles it. */
export async function charge(
  api: Api,
  chunks: readonly Buffer[] | string,
  { type, encoding = 'identity', status = 200, complete = true, ...rest }: Answered = {},
): Promise<Charged> {
  const route = routeOf(api)
  const model = rest.listed?.model ?? 'm'
  const body = JSON.stringify({ ...api.request, ...('model' in api.request && { model }) })
  const shape = inspectRequest(route, body, { path: `/v1beta/models/${model}:streamGenerateContent` })
  if (isRefusal(shape)) throw new Error(shape.message)
  const list = typeof chunks === 'string' ? [Buffer.from(chunks)] : chunks
  const meter = createMeter(api.family, route, type ?? 'text/event-stream', encoding)
  for (const chunk of list) meter.push(chunk)
  const reading = await meter.end()
  const book = createPriceBook({
    creditsPerUsd: 100,
    models: rest.listed === undefined ? { m: { ...PRICES, ...rest.prices } } : {},
    unknownModel: 'reject',
  })
  const provider = rest.listed?.provider ?? api.family.priceProvider
  const priced = price(book, provider, shape)
  if (isRefusal(priced)) throw new Error(priced.message)
  const amount: Microcredits =
    rest.strict === true ? (priced.strictWorstCase ?? microcredits(0)) : priced.worstCase
  const hold = { amount } as Hold
  let settled: Charge | null = null
  const unpriced: Unpriced[] = []
  const ledger = {
    settle: (_hold: Hold, made: Charge) => void (settled = made),
    free: () => undefined,
  }
  const outcome = { sent: true, status, complete, reading, clientGone: false, failure: null, firstByteMs: 0 }
  const note = (_upstream: string, _model: string, some: readonly Unpriced[]): void =>
    void unpriced.push(...some)
  const target = { name: 'test', priceProvider: provider }
  settle({ ledger, book, unpriced: { note } }, target, hold, priced, outcome)
  return { reading, charge: settled, unpriced, shape }
}

/**
 * The charge in microcredits, which must be the same in one piece and cut at every byte; 0 if the hold was released.
 */
export async function costOfAnswer(api: Api, body: string, answered: Answered = {}): Promise<number> {
  const bytes = Buffer.from(body)
  const whole = await charge(api, [bytes], answered)
  const expected = JSON.stringify(whole.reading)
  const route = routeOf(api)
  for (let at = 1; at < bytes.length; at += 1) {
    const meter = createMeter(api.family, route, answered.type ?? 'text/event-stream', 'identity')
    meter.push(bytes.subarray(0, at))
    meter.push(bytes.subarray(at))
    const reading = JSON.stringify(await meter.end())
    if (reading !== expected) throw new Error(`cut at ${at}: ${reading} is not ${expected}`)
  }
  return whole.charge?.cost ?? 0
}
