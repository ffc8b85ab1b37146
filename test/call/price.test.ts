/** What a call is held for: the dearest of what it may be charged, or a refusal where that has no price. */
import t from 'tap'
import { isRefusal, type Refusal } from '../../src/errors.ts'
import type { CallShape } from '../../src/families/family.ts'
import type { WrittenPrices } from '../../src/prices/compile.ts'
import { createPriceBook } from '../../src/prices/price-book.ts'
import type { PricedCall } from '../../src/call/call.ts'
import { price } from '../../src/call/price.ts'
import { shapeOfBody } from '../support/calls.ts'

const PRICES: WrittenPrices = { input: 10, output: 50 }
/** 300 bytes: 100 tokens of prompt, at most 300; 10 tokens of output. In microcredits at 100 credits a dollar. */
const WORST = 100 * 1_000 + 10 * 5_000
const STRICT = 300 * 1_000 + 10 * 5_000
const PROMPT = 100 * 1_000

const shape = (rest: Partial<CallShape> = {}): CallShape => shapeOfBody(Buffer.alloc(300, ' '), rest)

function priceOf(
  rest: Partial<CallShape>,
  models: Readonly<Record<string, WrittenPrices>> = { m: PRICES },
  provider: string | null = null,
): PricedCall | Refusal {
  return price(createPriceBook({ creditsPerUsd: 100, models, unknownModel: 'reject' }), provider, shape(rest))
}

const heldFor = (priced: PricedCall | Refusal): unknown =>
  isRefusal(priced) ? priced.message : [priced.worstCase, priced.strictWorstCase, priced.promptPrice]

void t.test('C4: the hold is the estimate, for a strict organization the bound', (t) => {
  t.same(heldFor(priceOf({})), [WORST, STRICT, PROMPT])
  t.same(heldFor(priceOf({ promptTokensBound: null })), [WORST, null, PROMPT], 'nothing bounds it')
  t.end()
})

const tier = (name: string, option = 'service_tier') => ({
  asked: [{ option, kind: 'service_tier' as const, name }],
})
const region = (name: string) => ({
  asked: [{ option: 'inference_geo', kind: 'region' as const, name }],
})
const FACTORS: WrittenPrices = { ...PRICES, serviceTiers: { priority: 2, flex: 0.5 }, regions: { eu: 1.5 } }
const times = (factor: number): readonly number[] =>
  [WORST, STRICT, PROMPT].map((amount) => Math.round(amount * factor))

for (const { what, asked, held } of [
  { what: 'a dearer tier is held at its price', asked: tier('priority'), held: times(2) },
  { what: 'in whatever case it is written', asked: tier('PRIORITY'), held: times(2) },
  { what: 'a cheaper one as standard, which may serve it as well', asked: tier('flex'), held: times(1) },
  { what: 'a region is held at its price', asked: region('eu'), held: times(1.5) },
  {
    what: 'a tier in a region at both',
    asked: { asked: [...tier('priority').asked, ...region('eu').asked] },
    held: times(3),
  },
]) {
  void t.test(`C11: an option that the operator priced passes: ${what}`, (t) => {
    t.same(heldFor(priceOf(asked, { m: FACTORS })), held)
    t.end()
  })
}

void t.test('C11: built-in factors count, for the provider and the models that they are of', (t) => {
  t.same(heldFor(priceOf(region('us'), { m: PRICES }, 'anthropic')), times(1.1))
  t.match(priceOf(region('us'), { m: PRICES }, 'openai'), { code: 'unsupported_option' })
  const gemini = { model: 'gemini-3.8-flash', ...tier('priority', 'serviceTier') }
  t.same(heldFor(priceOf(gemini, { 'gemini-3.8-flash': PRICES }, 'google')), times(1.8))
  t.match(priceOf({ ...gemini, ...tier('scale', 'serviceTier') }, { 'gemini-3.8-flash': PRICES }, 'google'), {
    code: 'unsupported_option',
    param: 'serviceTier',
  })
  t.end()
})

void t.test('C7: an option without a price is refused, with the setting that mends it', (t) => {
  for (const name of ['flex', 'priority', 'on_demand', '', 'constructor'])
    t.match(priceOf(tier(name)), {
      refused: true,
      code: 'unsupported_option',
      param: 'service_tier',
      message: /'m'.*serviceTiers under prices\.models/,
    })
  t.match(priceOf(region('eu')), { param: 'inference_geo', message: /regions under prices\.models/ })
  t.end()
})

void t.test('C7: every model that may answer needs the price of the option; the dearest is held', (t) => {
  const both = { ...tier('priority'), alternatives: ['n'] }
  t.match(priceOf(both, { m: FACTORS, n: PRICES }), { code: 'unsupported_option', message: /'n'/ })
  t.same(heldFor(priceOf(both, { m: FACTORS, n: { ...FACTORS, serviceTiers: { priority: 3 } } })), times(3))
  t.end()
})
