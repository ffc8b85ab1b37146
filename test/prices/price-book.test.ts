import { calcPrice, findProvider } from '@pydantic/genai-prices'
import type { ModelInfo, ModelPrice, Usage as LibraryUsage } from '@pydantic/genai-prices'
import fc from 'fast-check'
import t from 'tap'
import { MAX_TOKENS, NO_USAGE, actualCost } from '../../src/core/tariff.ts'
import type { Rate, Tariff, Usage } from '../../src/core/tariff.ts'
import { MAX_CALL_COST } from '../../src/core/units.ts'
import type { UnixMs } from '../../src/core/units.ts'
import { compileEntry } from '../../src/prices/compile.ts'
import { unitPrice } from '../../src/prices/decimal.ts'
import { createMemo } from '../../src/prices/memo.ts'
import { createPriceBook, isProvider } from '../../src/prices/price-book.ts'
import type { PriceBookOptions } from '../../src/prices/price-book.ts'

const PROVIDERS = ['openai', 'anthropic', 'google']
const NOW = Date.UTC(2026, 10, 1) as UnixMs
const CREDITS_PER_USD = 100

const bookOf = (options: Partial<PriceBookOptions> = {}) =>
  createPriceBook({
    creditsPerUsd: CREDITS_PER_USD,
    models: {},
    unknownModel: 'reject',
    now: () => NOW,
    ...options,
  })

const found = (tariff: Tariff | null): Tariff => {
  if (tariff === null) throw new Error('no tariff')
  return tariff
}

const modelsOf = (id: string): readonly ModelInfo[] => {
  const provider = findProvider({ providerId: id })
  if (provider === undefined) throw new Error(`no provider ${id}`)
  return provider.models
}

const used = (usage: Partial<Usage>): Usage => ({ ...NO_USAGE, ...usage })

/** The same usage as the library counts it: its totals include their parts. */
const forLibrary = (usage: Usage): LibraryUsage => ({
  input_tokens: usage.input + usage.cachedInput + usage.cacheWrite + usage.cacheWrite1h + usage.audioInput,
  cache_read_tokens: usage.cachedInput,
  cache_audio_read_tokens: 0,
  cache_write_tokens: usage.cacheWrite + usage.cacheWrite1h,
  cache_write_1h_tokens: usage.cacheWrite1h,
  input_audio_tokens: usage.audioInput,
  output_tokens: usage.output + usage.audioOutput + usage.imageOutput,
  output_audio_tokens: usage.audioOutput,
  output_image_tokens: usage.imageOutput,
  web_searches: usage.webSearches,
})

/** Keys that fall together with others in our counts, so that some kinds of token are priced higher than by the library. */
const FOLDED = ['input_image_mtok', 'input_video_mtok', 'output_video_mtok', 'cache_image_read_mtok']

const thresholds = (prices: ModelPrice): number[] =>
  Object.values(prices).flatMap((value) =>
    typeof value === 'object' ? value.tiers.map(({ start }) => start) : [],
  )

/** Every kind of token that the entry prices, at contexts around every threshold of its tiers. */
function usagesFor(prices: ModelPrice): Usage[] {
  const edges = [...new Set(thresholds(prices))].flatMap((start) => [start - 1, start, start + 1, 2 * start])
  const output = prices['output_mtok'] === undefined ? 0 : 1_234
  return [0, 1, 7, 1_000, ...edges, 999_999].flatMap((context) => {
    const part = Math.floor(context / 6)
    const mixed = used({
      input: context - 4 * part,
      cachedInput: part,
      cacheWrite: part,
      // Where the library has no price for an hour it takes that of five minutes; we take the dearer one (see below).
      ...(prices['cache_write_1h_mtok'] === undefined
        ? { audioInput: part }
        : { cacheWrite1h: part, audioInput: 0 }),
    })
    const audio = used({ input: context - part, audioInput: part })
    return [
      used({ input: context, output }),
      used({ cachedInput: context, output: 1 }),
      {
        ...mixed,
        input: context - mixed.cachedInput - mixed.cacheWrite - mixed.cacheWrite1h - mixed.audioInput,
        output,
      },
      { ...audio, output: output >> 1, audioOutput: output >> 1 },
      used({ input: context, output: output >> 1, imageOutput: output >> 1 }),
      used({ input: context, output, webSearches: prices['web_searches_kcount'] === undefined ? 0 : 3 }),
    ].map((usage) => (output === 0 ? { ...usage, output: 0 } : usage))
  })
}

void t.test(
  'C2: every model of openai, anthropic and google costs what the table says, in every tier',
  (t) => {
    const book = bookOf()
    for (const id of PROVIDERS) {
      let priced = 0
      let compared = 0
      for (const { id: model } of modelsOf(id)) {
        const entry = calcPrice({}, model, { providerId: id, timestamp: new Date(NOW) })
        const tariff = book.find(id, model)
        if (entry === null || tariff === null) continue
        priced += 1
        t.equal(tariff.model, entry.model.id)
        const folded = FOLDED.some((key) => entry.model_price[key] !== undefined)
        for (const usage of usagesFor(entry.model_price)) {
          const price = calcPrice(forLibrary(usage), model, { providerId: id, timestamp: new Date(NOW) })
          const expected = (price?.total_price ?? Number.NaN) * CREDITS_PER_USD * 1_000_000
          const cost = actualCost(tariff, usage)
          const slack = expected * 1e-9 + 1e-6
          const agrees = cost >= expected - slack && (folded || cost <= expected + slack + 1)
          if (!agrees) t.fail(`${id} ${model}: ${cost} instead of ${expected}`, { usage })
          compared += 1
        }
      }
      t.ok(priced > 20 && compared > 20 * 15, `${id}: ${priced} models, ${compared} calls compared`)
    }
    t.end()
  },
)

void t.test('C2: the comparison above does see a price that is off by one in a thousand', (t) => {
  const usage = used({ input: 1_000, output: 100 })
  const tariff = found(bookOf({ creditsPerUsd: 100.1 }).find('openai', 'gpt-4o'))
  const price = calcPrice(forLibrary(usage), 'gpt-4o', { providerId: 'openai' })
  t.ok(actualCost(tariff, usage) > (price?.total_price ?? 0) * 1e8 * (1 + 1e-9) + 1)
  t.end()
})

const KINDS = [
  'input',
  'cachedInput',
  'cacheWrite',
  'cacheWrite1h',
  'audioInput',
  'output',
  'audioOutput',
  'imageOutput',
] as const

const rateOf = (whole: number, millionths = 0): Rate => ({ whole, millionths })

void t.test('C2: prices become integers exactly, and what does not fit is rounded up', (t) => {
  const cases: [usd: number, creditsPerUsd: number, millionths: bigint][] = [
    [0.075, 100, 7_500_000n],
    [0.01875, 100, 1_875_000n],
    [2.5, 100, 250_000_000n],
    [0.1, 3, 300_000n],
    [0.000001, 1, 1n],
    [0.0000001, 1, 1n],
    [0.0000019, 1, 2n],
    [1e-7, 10, 1n],
    [1e21, 1e-15, 1_000_000_000_000n],
    [0, 100, 0n],
  ]
  for (const [usd, creditsPerUsd, millionths] of cases) {
    t.equal(unitPrice(usd, 1_000_000, creditsPerUsd, 'k'), millionths, `${usd} × ${creditsPerUsd}`)
  }
  t.equal(unitPrice(10, 1_000, 100, 'k'), 1_000_000_000_000n, '10 USD for a thousand is one credit each')
  t.equal(unitPrice(0.01, 1, 100, 'k'), 1_000_000_000_000n)

  const decimal = fc.record({
    digits: fc.integer({ min: 0, max: 999_999_999 }),
    scale: fc.integer({ min: 0, max: 12 }),
  })
  const text = (digits: number, scale: number): string => {
    const padded = String(digits).padStart(scale + 1, '0')
    return `${padded.slice(0, padded.length - scale)}.${padded.slice(padded.length - scale)}0`
  }
  fc.assert(
    fc.property(decimal, decimal, fc.constantFrom(1_000_000, 1_000, 1), (price, factor, per) => {
      fc.pre(factor.digits > 0)
      const numerator = BigInt(price.digits) * BigInt(factor.digits) * 10n ** 12n
      const denominator = BigInt(per) * 10n ** BigInt(price.scale + factor.scale)
      const quotient = numerator / denominator
      const exact = numerator % denominator === 0n ? quotient : quotient + 1n
      const usd = Number(text(price.digits, price.scale))
      const creditsPerUsd = Number(text(factor.digits, factor.scale))
      if (exact > BigInt(MAX_CALL_COST) * 1_000_000n) return true
      return unitPrice(usd, per, creditsPerUsd, 'k') === exact
    }),
    { numRuns: 3_000 },
  )
  t.end()
})

void t.test('C2: the tier begins above the start that the table names, as the library has it', (t) => {
  const tariff = found(bookOf().find('google', 'gemini-2.5-pro'))
  t.same(
    tariff.tiers.map((tier) => tier.fromContext),
    [0, 200_001],
  )
  t.equal(actualCost(tariff, used({ input: 200_000 })), 200_000 * 125)
  t.equal(actualCost(tariff, used({ input: 200_001 })), 200_001 * 250)
  t.same(
    found(bookOf().find('openai', 'gpt-5.4')).tiers.map((tier) => tier.fromContext),
    [0, 272_000],
  )
  t.end()
})

void t.test('C2: tiers of several keys with starts of their own are merged, in any order', (t) => {
  const tiered = (base: number, ...tiers: [number, number][]) => ({
    base,
    tiers: tiers.map(([start, price]) => ({ start, price })),
  })
  const tariff = found(
    compileEntry('m', { input_mtok: tiered(1, [300, 4], [100, 2]), output_mtok: tiered(5, [101, 7]) }, 1),
  )
  t.same(
    tariff.tiers.map((tier) => [tier.fromContext, tier.input.whole, tier.output.whole]),
    [
      [0, 1, 5],
      [101, 2, 5],
      [102, 2, 7],
      [301, 4, 7],
    ],
  )
  t.end()
})

void t.test('C2: kinds without a price of their own fall back to one that is not cheaper', (t) => {
  const plain = found(bookOf().find('openai', 'gpt-4')).tiers[0]
  t.same(
    [plain.cachedInput, plain.cacheWrite, plain.cacheWrite1h, plain.audioInput],
    [plain.input, plain.input, plain.input, plain.input],
  )
  t.same([plain.audioOutput, plain.imageOutput], [plain.output, plain.output])

  const haiku = found(bookOf().find('anthropic', 'claude-3-haiku-20240307')).tiers[0]
  t.same([haiku.cacheWrite, haiku.cacheWrite1h], [rateOf(30), rateOf(50)], 'the table has both')
  const vertex = found(bookOf().find('google', 'claude-3-haiku@20240307')).tiers[0]
  t.same([vertex.cacheWrite, vertex.cacheWrite1h], [rateOf(30), rateOf(50)], 'an hour at twice the input')
  t.end()
})

void t.test('C2: kinds of token that usage does not tell apart are priced at the dearest of them', (t) => {
  const image = found(bookOf().find('google', 'gemini-2.5-flash-image')).tiers[0]
  t.same([image.output, image.imageOutput], [rateOf(250), rateOf(3_000)], 'images at 30 USD, text at 2.50')
  const embedding = found(bookOf().find('google', 'gemini-embedding-2')).tiers[0]
  t.same([embedding.input, embedding.audioInput], [rateOf(1_200), rateOf(650)])
  t.same(
    found(bookOf().find('google', 'gemini-2.5-flash')).tiers[0].cachedInput,
    rateOf(3),
    'cached audio is audio',
  )
  t.end()
})

void t.test('C7: nothing in the table is free: whisper-1, moderation, models listed without prices', (t) => {
  const book = bookOf()
  for (const [provider, model] of [
    ['openai', 'whisper-1'],
    ['openai', 'gpt-transcribe'],
    ['openai', 'omni-moderation-latest'],
    ['google', 'gemma-3-27b-it'],
    ['google', 'gemma-4-31b-it'],
    ['openrouter', 'deepseek/deepseek-r1:free'],
    ['openai', 'no-such-model'],
    ['no-such-provider', 'gpt-4o'],
    ['my-openai-proxy', 'gpt-4o'],
    [null, 'gpt-4o'],
    ['openai', `gpt-4o-audio-preview${'x'.repeat(300)}`],
  ] as const) {
    t.equal(book.find(provider, model), null, `${provider ?? 'no provider'}: ${model.slice(0, 40)}`)
  }
  t.end()
})

void t.test('C7: a 0 in the table is a price that is not known', (t) => {
  t.equal(compileEntry('m', { input_mtok: 0, output_mtok: 0 }, 1), null)
  t.equal(compileEntry('m', { input_mtok: 0, output_mtok: 5 }, 1), null)
  t.equal(compileEntry('m', { input_mtok: { base: 0, tiers: [{ start: 10, price: 1 }] } }, 1), null)
  const tariff = found(compileEntry('m', { input_mtok: 2, cache_read_mtok: 0, output_mtok: 0 }, 1))
  t.same(tariff.tiers[0].cachedInput, rateOf(2))
  t.equal(tariff.pricesOutput, false)
  t.end()
})

void t.test('C7: a model with a price for something that is not counted is not priced', (t) => {
  for (const key of ['audio_hours', 'input_mchars', 'rerank_searches_kcount', 'a_key_of_a_later_version']) {
    t.equal(compileEntry('m', { input_mtok: 1, output_mtok: 2, [key]: 0.1 }, 1), null, key)
  }
  t.not(compileEntry('m', { input_mtok: 1, output_mtok: 2, storage_searches_kcount: 2.5 }, 1), null)
  t.end()
})

void t.test(
  'C7: every entry of the larger providers compiles, for every date, and none of its rates is 0',
  (t) => {
    let entries = 0
    for (const id of [
      ...PROVIDERS,
      'groq',
      'together',
      'mistral',
      'deepseek',
      'openrouter',
      'perplexity',
      'azure',
      'aws',
    ]) {
      for (const model of modelsOf(id)) {
        for (const prices of Array.isArray(model.prices)
          ? model.prices.map((set) => set.prices)
          : [model.prices]) {
          const tariff = compileEntry(model.id, prices, CREDITS_PER_USD)
          if (tariff === null) continue
          entries += 1
          const rates = tariff.tiers.flatMap((tier) => KINDS.map((kind) => tier[kind]))
          if (rates.some((rate) => rate.whole === 0 && rate.millionths === 0))
            t.fail(`${id} ${model.id} has a rate of 0`)
        }
      }
    }
    t.ok(entries > 500, `${entries} entries`)
    t.end()
  },
)

void t.test('C7: models without a price for output say so', (t) => {
  const book = bookOf()
  t.equal(found(book.find('openai', 'text-embedding-3-small')).pricesOutput, false)
  t.equal(found(book.find('google', 'gemini-embedding-001')).pricesOutput, false)
  t.equal(found(book.find('openai', 'gpt-4o')).pricesOutput, true)
  t.end()
})

void t.test('C2: calls of tools and requests are priced from their thousands', (t) => {
  const book = bookOf()
  t.same(found(book.find('anthropic', 'claude-sonnet-4-5')).webSearch, rateOf(1_000_000))
  t.equal(found(book.find('google', 'gemini-2.5-pro')).webSearch, null)
  const asked = found(compileEntry('m', { input_mtok: 1, requests_kcount: 5, web_searches_kcount: 10 }, 100))
  t.equal(asked.perCall, 500_000)
  const tiny = found(bookOf({ models: { m: { input: 0, perCall: 1e-9 } } }).find(null, 'm'))
  t.equal(tiny.perCall, 1, 'a tenth of a microcredit is one')
  t.end()
})

void t.test(
  'C7: the prices of the configuration win, by exact name and for every provider, and may be 0',
  (t) => {
    const book = bookOf({
      models: {
        'gpt-4o': { input: 1, output: 2 },
        free: { input: 0, output: 0 },
        embedder: { input: 0.02 },
        full: {
          input: 1,
          cachedInput: 0.5,
          cacheWrite: 1.25,
          cacheWrite1h: 3,
          output: 4,
          audioInput: 5,
          audioOutput: 6,
          perCall: 0.001,
          webSearch: 0.01,
          maxOutput: 4_096,
        },
        cached: { input: 1, cacheWrite: 1.25 },
      },
    })
    for (const provider of ['openai', 'google', null]) {
      t.same(found(book.find(provider, 'gpt-4o')).tiers[0].input, rateOf(100), provider ?? 'no provider')
    }
    t.same(
      found(book.find('openai', 'gpt-4o-2024-08-06')).tiers[0].input,
      rateOf(250),
      'another name, the table',
    )
    t.equal(actualCost(found(book.find(null, 'free')), used({ input: MAX_TOKENS, output: MAX_TOKENS })), 0)
    t.equal(found(book.find(null, 'free')).pricesOutput, true)
    t.equal(found(book.find(null, 'embedder')).pricesOutput, false)
    t.same(found(book.find(null, 'cached')).tiers[0].cacheWrite1h, rateOf(200))
    t.same(found(book.find(null, 'full')), {
      model: 'full',
      tiers: [
        {
          fromContext: 0,
          input: rateOf(100),
          cachedInput: rateOf(50),
          cacheWrite: rateOf(125),
          cacheWrite1h: rateOf(300),
          audioInput: rateOf(500),
          output: rateOf(400),
          audioOutput: rateOf(600),
          imageOutput: rateOf(400),
        },
      ],
      perCall: 100_000,
      webSearch: rateOf(1_000_000),
      pricesOutput: true,
      maxOutput: 4_096,
      serviceTiers: new Map(),
      regions: new Map(),
    })
    t.equal(book.find(null, '__proto__'), null)
    t.equal(book.find(null, 'constructor'), null)
    t.end()
  },
)

void t.test('C7: a default price serves what has none, under one name whatever callers make up', (t) => {
  const book = bookOf({ unknownModel: { input: 5, output: 15 } })
  const cases: [string | null, string, string][] = [
    ['openai', 'gpt-4o-2024-08-06', 'gpt-4o'],
    ['openai', 'made-up-1', 'unlisted'],
    ['openai', 'whisper-1', 'unlisted'],
    [null, 'made-up-2', 'unlisted'],
    ['no-such-provider', 'gpt-4o', 'unlisted'],
  ]
  for (const [provider, model, name] of cases) t.equal(found(book.find(provider, model)).model, name, model)
  t.same(found(book.find(null, 'x')).tiers[0].output, rateOf(1_500))
  t.end()
})

void t.test('C7: refuses prices that are none, and names the key', (t) => {
  const cases: [Partial<PriceBookOptions>, RegExp][] = [
    [{ models: { m: { input: -1 } } }, /^models\.m\.input: not a price: -1$/],
    [{ models: { m: { input: Number.NaN } } }, /^models\.m\.input:/],
    [{ models: { m: { input: 1, output: Number.POSITIVE_INFINITY } } }, /^models\.m\.output:/],
    [{ models: { m: { input: 1, perCall: -0.1 } } }, /^models\.m\.perCall:/],
    [{ models: { m: { input: 1e14 } } }, /^models\.m\.input: the price 100000000000000 is too high$/],
    [{ models: { m: { input: 1, maxOutput: 0 } } }, /^models\.m\.maxOutput:/],
    [{ unknownModel: { input: 1, output: -1 } }, /^unknownModel\.output:/],
    [{ creditsPerUsd: 0 }, /^creditsPerUsd:/],
    [{ creditsPerUsd: Number.NaN }, /^creditsPerUsd:/],
  ]
  for (const [options, message] of cases) t.throws(() => bookOf(options), { name: 'RangeError', message })
  t.throws(() => compileEntry('m', { input_mtok: 1, output_mtok: -2 }, 1), { message: /^m\.output_mtok:/ })
  t.equal(isProvider('my-openai-proxy'), false)
  for (const id of [...PROVIDERS, 'groq', 'together']) t.ok(isProvider(id), id)
  t.end()
})

void t.test('C2: prices follow the date within a minute', (t) => {
  const change = Date.UTC(2027, 0, 1)
  let time = change - 30_000
  const book = bookOf({ now: () => time as UnixMs })
  const input = (): number => found(book.find('google', 'gemini-3.6-flash')).tiers[0].input.whole
  t.equal(input(), 75)
  time = change + 29_999
  t.equal(input(), 75, 'remembered for a minute')
  time = change + 30_000
  t.equal(input(), 150)
  time = change - 30_000
  t.equal(input(), 75, 'a clock that is set back is believed at once')
  t.end()
})

void t.test('C2: prices follow the time of day', (t) => {
  const day = Date.UTC(2026, 10, 1)
  const book = (hour: number) => bookOf({ now: () => (day + hour * 3_600_000) as UnixMs })
  const model =
    modelsOf('deepseek').find(({ prices }) => JSON.stringify(prices).includes('time_of_date'))?.id ?? ''
  const costs = [...Array(24).keys()].map((hour) => {
    const expected = calcPrice({ input_tokens: 1_000_000 }, model, {
      providerId: 'deepseek',
      timestamp: new Date(day + hour * 3_600_000),
    })
    const cost = actualCost(found(book(hour).find('deepseek', model)), used({ input: 1_000_000 }))
    t.equal(cost, Math.round((expected?.total_price ?? Number.NaN) * 1e8), `${model} at ${hour}:00`)
    return cost
  })
  t.ok(new Set(costs).size > 1, 'not the same all day')
  t.end()
})

void t.test(
  'C2: the answer’s model prices the call where the table has it, the requested one otherwise',
  (t) => {
    const book = bookOf({ models: { 'gpt-4o': { input: 1, output: 1 }, mine: { input: 2, output: 2 } } })
    const settled = (requested: string, answered: string | null): string =>
      book.findAnswered('openai', found(book.find('openai', requested)), answered).model
    const cases: [requested: string, answered: string | null, settled: string][] = [
      ['gpt-4o-mini', null, 'gpt-4o-mini'],
      ['gpt-4o-mini', 'gpt-5-2025-08-07', 'gpt-5'],
      ['gpt-4o-mini', 'made-up', 'gpt-4o-mini'],
      ['gpt-4o-mini', 'mine', 'mine'],
      ['gpt-4o', 'gpt-4o-2024-08-06', 'gpt-4o'],
      ['gpt-4o-mini', 'text-embedding-3-small', 'gpt-4o-mini'],
      ['gpt-4o-mini', 'o1', 'o1'],
      ['text-embedding-3-small', 'text-embedding-3-large', 'text-embedding-3-large'],
    ]
    for (const [requested, answered, model] of cases)
      t.equal(settled(requested, answered), model, `${requested} ${answered ?? '-'}`)
    t.same(
      book.findAnswered('openai', found(book.find('openai', 'gpt-4o')), 'gpt-4o-2024-08-06').tiers[0].input,
      rateOf(100),
    )

    const answered = book.findAnswered('openai', found(book.find('openai', 'gpt-4o-mini')), 'o1')
    t.same(answered.webSearch, rateOf(1_000_000), 'searches keep the price under which they were let through')

    const withDefault = bookOf({ unknownModel: { input: 1, output: 1 } })
    const known = found(withDefault.find('openai', 'gpt-4o'))
    t.equal(
      withDefault.findAnswered('openai', known, 'gpt-4o-2099-made-up'),
      known,
      'never the default for a known price',
    )
    const unlisted = found(withDefault.find('openai', 'made-up'))
    t.equal(withDefault.findAnswered('openai', unlisted, 'gpt-4.1').model, 'gpt-4.1')
    t.end()
  },
)

void t.test('a look-up is computed once a minute, and what is remembered is bounded', (t) => {
  let time = 0
  const computed: string[] = []
  const memo = createMemo<string | null>({ limit: 3, maxAgeMs: 60_000, now: () => time as UnixMs })
  const ask = (key: string): string | null =>
    memo(key, () => {
      computed.push(key)
      return key === 'none' ? null : key.toUpperCase()
    })
  t.same(['a', 'b', 'none', 'a', 'none'].map(ask), ['A', 'B', null, 'A', null])
  t.same(computed.splice(0), ['a', 'b', 'none'], 'what is not found is remembered too')
  ask('c')
  t.same(computed.splice(0), ['c'])
  for (const key of ['a', 'none', 'c', 'b']) ask(key)
  t.same(computed.splice(0), ['b'], 'b was the least recently used')
  time = 60_000
  ask('b')
  t.same(computed.splice(0), ['b'], 'forgotten after a minute')
  t.end()
})

void t.test(
  'names that lead to the same entry share one tariff, so that made-up names cost little memory',
  (t) => {
    const book = bookOf()
    t.equal(book.find('anthropic', 'claude-haiku-4-5-1'), book.find('anthropic', 'claude-haiku-4-5-2'))
    t.end()
  },
)
