import fc from 'fast-check'
import t from 'tap'
import type { Test } from 'tap'
import {
  MAX_TOKENS,
  actualCost,
  estimate,
  largestOutput,
  promptPrice,
  tokensOfText,
  worstCase,
  NO_USAGE,
} from '../../src/core/tariff.ts'
import type { CallSize, Rate, Rates, Tariff, Usage } from '../../src/core/tariff.ts'
import { MAX_CALL_COST, microcredits } from '../../src/core/units.ts'

const rate = (whole: number, millionths = 0): Rate => ({ whole, millionths })

const ratesOf = (input: Rate, output: Rate, others: Partial<Rates> = {}): Rates => ({
  fromContext: 0,
  input,
  cachedInput: input,
  cacheWrite: input,
  cacheWrite1h: input,
  audioInput: input,
  output,
  audioOutput: output,
  imageOutput: output,
  ...others,
})

const tariffOf = (tiers: Tariff['tiers'], others: Partial<Tariff> = {}): Tariff => ({
  model: 'm',
  tiers,
  perCall: microcredits(0),
  webSearch: null,
  pricesOutput: true,
  maxOutput: null,
  serviceTiers: new Map(),
  regions: new Map(),
  ...others,
})

const used = (usage: Partial<Usage>): Usage => ({ ...NO_USAGE, ...usage })

const sizeOf = (size: Partial<CallSize>): CallSize => ({
  promptTokens: 0,
  audioTokens: 0,
  outputTokens: 0,
  webSearches: 0,
  cacheWrites: 'none',
  audioOutput: false,
  ...size,
})

/** Like Claude Sonnet 4.5 at 100 credits a dollar: twice the price from 200,001 tokens of context. */
const TIERED = tariffOf([
  ratesOf(rate(300), rate(1500), {
    cachedInput: rate(30),
    cacheWrite: rate(375),
    cacheWrite1h: rate(600),
  }),
  ratesOf(rate(600), rate(2250), {
    fromContext: 200_001,
    cachedInput: rate(60),
    cacheWrite: rate(750),
    cacheWrite1h: rate(1200),
  }),
])

// An implementation of its own, in BigInt and from the rules alone.
const MILLION = 1_000_000n
const exactly = (r: Rate): bigint => BigInt(r.whole) * MILLION + BigInt(r.millionths)
const capped = (millionths: bigint): number => {
  const up = (millionths + MILLION - 1n) / MILLION
  return Number(up > BigInt(MAX_CALL_COST) ? BigInt(MAX_CALL_COST) : up)
}
const reached = (tariff: Tariff, context: bigint): Rates =>
  tariff.tiers.filter((tier) => BigInt(tier.fromContext) <= context).at(-1) ?? tariff.tiers[0]

function exactCost(tariff: Tariff, usage: Usage): number {
  const inputs = ['input', 'cachedInput', 'cacheWrite', 'cacheWrite1h', 'audioInput'] as const
  const context = inputs.reduce((sum, kind) => sum + BigInt(usage[kind]), 0n)
  const rates = reached(tariff, context)
  let sum = BigInt(tariff.perCall) * MILLION
  for (const kind of [...inputs, 'output', 'audioOutput', 'imageOutput'] as const)
    sum += BigInt(usage[kind]) * exactly(rates[kind])
  if (tariff.webSearch !== null) sum += BigInt(usage.webSearches) * exactly(tariff.webSearch)
  return capped(sum)
}

const arbitraryCount = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.integer({ min: 0, max: 2_000_000 }),
  fc.integer({ min: 0, max: MAX_TOKENS }),
  fc.constant(MAX_TOKENS),
)
const arbitraryRate = (maxWhole: number): fc.Arbitrary<Rate> =>
  fc.record({
    whole: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: maxWhole }), fc.constant(maxWhole)),
    millionths: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 999_999 }), fc.constant(999_999)),
  })
const arbitraryRates = (fromContext: number, maxWhole: number): fc.Arbitrary<Rates> =>
  fc.record({
    fromContext: fc.constant(fromContext),
    input: arbitraryRate(maxWhole),
    cachedInput: arbitraryRate(maxWhole),
    cacheWrite: arbitraryRate(maxWhole),
    cacheWrite1h: arbitraryRate(maxWhole),
    audioInput: arbitraryRate(maxWhole),
    output: arbitraryRate(maxWhole),
    audioOutput: arbitraryRate(maxWhole),
    imageOutput: arbitraryRate(maxWhole),
  })
/** Most tariffs are priced as models are; some so high that every sum is cut to the most a call can cost. */
const arbitraryMaxWhole = fc.constantFrom(0, 10, 1_000, 1_000, 20_000, 10_000_000, MAX_CALL_COST)
const arbitraryTariff: fc.Arbitrary<Tariff> = fc
  .record({
    maxWhole: arbitraryMaxWhole,
    starts: fc.uniqueArray(
      fc.oneof(fc.integer({ min: 1, max: 600 }), fc.integer({ min: 1, max: 3_000_000 })),
      {
        maxLength: 3,
      },
    ),
  })
  .chain(({ maxWhole, starts }) =>
    fc
      .record({
        tiers: fc.tuple(
          arbitraryRates(0, maxWhole),
          ...starts.sort((a, b) => a - b).map((start) => arbitraryRates(start, maxWhole)),
        ),
        perCall: fc.integer({ min: 0, max: maxWhole }),
        webSearch: fc.option(arbitraryRate(maxWhole)),
      })
      .map(({ tiers, perCall, webSearch }) => tariffOf(tiers, { perCall: microcredits(perCall), webSearch })),
  )
const arbitraryUsage: fc.Arbitrary<Usage> = fc.record({
  input: arbitraryCount,
  cachedInput: arbitraryCount,
  cacheWrite: arbitraryCount,
  cacheWrite1h: arbitraryCount,
  audioInput: arbitraryCount,
  output: arbitraryCount,
  audioOutput: arbitraryCount,
  imageOutput: arbitraryCount,
  webSearches: arbitraryCount,
})
const arbitrarySize: fc.Arbitrary<CallSize> = fc.record({
  promptTokens: arbitraryCount,
  audioTokens: arbitraryCount,
  outputTokens: arbitraryCount,
  webSearches: arbitraryCount,
  cacheWrites: fc.constantFrom('none', '5m', '1h'),
  audioOutput: fc.boolean(),
})

/** Shares, in per mille, by which a size is used up: some usage that lies within it. */
const arbitraryShares = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 9, maxLength: 9 })

/** Takes shares one after another of what is still there, so that together they never exceed it. */
function within(size: CallSize, shares: readonly number[]): Usage {
  let tokens = size.promptTokens + size.audioTokens
  let output = size.outputTokens
  const share = (of: number, index: number): number => Math.floor((of * (shares[index] ?? 0)) / 1000)
  const take = (index: number): number => {
    const taken = Math.min(share(tokens, index), MAX_TOKENS)
    tokens -= taken
    return taken
  }
  const audioInput = Math.min(share(size.audioTokens, 0), MAX_TOKENS)
  tokens -= audioInput
  const cacheWrite1h = size.cacheWrites === '1h' ? take(1) : 0
  const cacheWrite = size.cacheWrites === 'none' ? 0 : take(2)
  const cachedInput = take(3)
  // All that is left, in half of the cases: the bound must hold at its edge too.
  const input = (shares[4] ?? 0) > 500 ? Math.min(tokens, MAX_TOKENS) : take(4)
  const audioOutput = size.audioOutput ? share(output, 5) : 0
  output -= audioOutput
  const imageOutput = (shares[6] ?? 0) > 500 ? share(output, 8) : 0
  output -= imageOutput
  return {
    input,
    cachedInput,
    cacheWrite,
    cacheWrite1h,
    audioInput,
    output: (shares[6] ?? 0) > 500 ? output : share(output, 6),
    audioOutput,
    imageOutput,
    webSearches: share(size.webSearches, 7),
  }
}

/** A failure is thrown with the seed that repeats it. */
function holds<T>(t: Test, property: fc.IProperty<T>, numRuns: number): void {
  fc.assert(property, { numRuns })
  t.pass(`held in ${numRuns} runs`)
}

void t.test(
  'C2: a cost is rounded up to the next microcredit once per call, not once per kind of token',
  (t) => {
    // 3 × 0.4 is 1.2, which is 2; rounded one by one it would be 3.
    const tariff = tariffOf([ratesOf(rate(0, 400_000), rate(0, 400_000), { cachedInput: rate(0, 400_000) })])
    t.equal(actualCost(tariff, used({ input: 1, cachedInput: 1, output: 1 })), 2)
    t.equal(actualCost(tariff, used({ input: 5 })), 2, 'what is whole is not rounded')
    t.equal(actualCost(tariff, used({})), 0)
    const tiny = tariffOf([ratesOf(rate(0, 1), rate(0, 1))])
    t.equal(actualCost(tiny, used({ input: 1 })), 1, 'a millionth of a microcredit costs one microcredit')
    t.equal(actualCost(tiny, used({ input: 1_000_000 })), 1)
    t.equal(actualCost(tiny, used({ input: 1_000_001 })), 2)
    t.end()
  },
)

void t.test('C2: every kind of token has its own price; searches and the call itself are added', (t) => {
  const tariff = tariffOf(
    [
      ratesOf(rate(2), rate(11), {
        cachedInput: rate(3),
        cacheWrite: rate(5),
        cacheWrite1h: rate(7),
        audioInput: rate(13),
        audioOutput: rate(17),
      }),
    ],
    { perCall: microcredits(1_000_000), webSearch: rate(10_000) },
  )
  const cases: [Partial<Usage>, number][] = [
    [{}, 1_000_000],
    [{ input: 10 }, 1_000_020],
    [{ cachedInput: 10 }, 1_000_030],
    [{ cacheWrite: 10 }, 1_000_050],
    [{ cacheWrite1h: 10 }, 1_000_070],
    [{ audioInput: 10 }, 1_000_130],
    [{ output: 10 }, 1_000_110],
    [{ audioOutput: 10 }, 1_000_170],
    [{ webSearches: 3 }, 1_030_000],
  ]
  for (const [usage, cost] of cases) t.equal(actualCost(tariff, used(usage)), cost, JSON.stringify(usage))
  t.end()
})

void t.test(
  'C2: the context, input of every kind, chooses the tier, and the tier prices the whole call',
  (t) => {
    t.equal(actualCost(TIERED, used({ input: 200_000, output: 10 })), 200_000 * 300 + 15_000)
    t.equal(actualCost(TIERED, used({ input: 200_001, output: 10 })), 200_001 * 600 + 22_500)
    t.equal(
      actualCost(TIERED, used({ input: 1, cachedInput: 200_000, output: 10 })),
      600 + 200_000 * 60 + 22_500,
      'cached tokens count towards the context',
    )
    t.equal(
      actualCost(TIERED, used({ input: 10, output: 300_000 })),
      3_000 + 300_000 * 1500,
      'output does not',
    )
    t.end()
  },
)

void t.test(
  'C1, C2: agrees with exact arithmetic for every price and count, and never exceeds the most a call can cost',
  (t) => {
    let below = 0
    holds(
      t,
      fc.property(arbitraryTariff, arbitraryUsage, (tariff, usage) => {
        const cost = actualCost(tariff, usage)
        if (cost < MAX_CALL_COST) below += 1
        return cost === exactCost(tariff, usage) && Number.isSafeInteger(cost)
      }),
      3_000,
    )
    t.ok(below > 1_500, `most of them below the cut: ${below}`)
    t.end()
  },
)

void t.test('C1: what is not a count makes an error, not a price', (t) => {
  t.throws(() => actualCost(TIERED, used({ input: Number.NaN })), RangeError)
  t.throws(() => worstCase(TIERED, sizeOf({ outputTokens: -1 })), RangeError)
  t.end()
})

void t.test('C4: the worst case takes the dearest price that the request allows', (t) => {
  const cases: [Partial<CallSize>, number][] = [
    [{ promptTokens: 100, outputTokens: 10 }, 30_000 + 15_000],
    [{ promptTokens: 100, cacheWrites: '5m' }, 37_500],
    [{ promptTokens: 100, cacheWrites: '1h' }, 60_000],
    [{ promptTokens: 200_000, outputTokens: 1 }, 200_000 * 300 + 1500],
    [{ promptTokens: 200_001, outputTokens: 1 }, 200_001 * 600 + 2250],
    [{ promptTokens: 200_000, audioTokens: 1 }, 200_001 * 600],
  ]
  for (const [size, cost] of cases) t.equal(worstCase(TIERED, sizeOf(size)), cost, JSON.stringify(size))

  const audio = tariffOf([ratesOf(rate(2), rate(8), { audioInput: rate(30), audioOutput: rate(60) })])
  t.equal(worstCase(audio, sizeOf({ outputTokens: 10 })), 80)
  t.equal(worstCase(audio, sizeOf({ outputTokens: 10, audioOutput: true })), 600)
  t.equal(worstCase(audio, sizeOf({ promptTokens: 10, audioTokens: 10 })), 320)
  t.end()
})

void t.test(
  'C4: the worst case bounds the largest figures that are believed, and stays exact beyond them',
  (t) => {
    const tariff = tariffOf([ratesOf(rate(1, 999_999), rate(1, 999_999))])
    const most = used({ input: MAX_TOKENS, cachedInput: MAX_TOKENS, audioInput: MAX_TOKENS })
    t.ok(
      actualCost(tariff, most) <=
        worstCase(tariff, sizeOf({ promptTokens: 2 * MAX_TOKENS, audioTokens: MAX_TOKENS })),
    )
    const everything = capped(5n * BigInt(MAX_TOKENS) * 1_999_999n)
    t.equal(worstCase(tariff, sizeOf({ outputTokens: 5 * MAX_TOKENS })), everything)
    t.equal(worstCase(tariff, sizeOf({ outputTokens: 128 * MAX_TOKENS })), everything)
    t.equal(worstCase(tariff, sizeOf({ outputTokens: Number.MAX_SAFE_INTEGER })), everything)
    t.end()
  },
)

void t.test('C4: a dearer lower tier is the worst case, since the provider may count fewer tokens', (t) => {
  const tariff = tariffOf([ratesOf(rate(10), rate(100)), ratesOf(rate(5), rate(1), { fromContext: 1000 })])
  t.equal(worstCase(tariff, sizeOf({ promptTokens: 1000, outputTokens: 50 })), 10_000 + 5_000)
  t.equal(actualCost(tariff, used({ input: 999, output: 50 })), 9_990 + 5_000)
  t.end()
})

void t.test('C4: no usage within the size costs more than the worst case', (t) => {
  holds(
    t,
    fc.property(arbitraryTariff, arbitrarySize, arbitraryShares, (tariff, size, shares) => {
      const usage = within(size, shares)
      return actualCost(tariff, usage) <= worstCase(tariff, size)
    }),
    5_000,
  )
  t.end()
})

void t.test(
  'C4: the worst case is tight: with one tier, some usage within the size costs exactly that',
  (t) => {
    holds(
      t,
      fc.property(
        arbitraryMaxWhole.chain((most) => arbitraryRates(0, most)),
        arbitrarySize,
        (rates, size) => {
          const tariff = tariffOf([rates], { webSearch: rate(1, 1) })
          const dearest = (kinds: readonly (keyof Usage & keyof Rates)[]) =>
            kinds.reduce((a, b) => (exactly(rates[b]) > exactly(rates[a]) ? b : a))
          const prompt: (keyof Usage & keyof Rates)[] = ['input', 'cachedInput']
          if (size.cacheWrites !== 'none') prompt.push('cacheWrite')
          if (size.cacheWrites === '1h') prompt.push('cacheWrite1h')
          const usage: Record<keyof Usage, number> = { ...used({ webSearches: size.webSearches }) }
          usage[dearest(prompt)] += size.promptTokens
          usage[dearest([...prompt, 'audioInput'])] += size.audioTokens
          usage[
            dearest(size.audioOutput ? ['output', 'imageOutput', 'audioOutput'] : ['output', 'imageOutput'])
          ] += size.outputTokens
          return exactCost(tariff, usage) === worstCase(tariff, size)
        },
      ),
      2_000,
    )
    t.end()
  },
)

void t.test('C5: the estimate is the price of the prompt and of a token for every four bytes begun', (t) => {
  const tariff = tariffOf([ratesOf(rate(2, 500_000), rate(10))], { perCall: microcredits(7) })
  const cases: [prompt: number, bytes: number, cost: number][] = [
    [0, 0, 7],
    [1, 0, 10],
    [2, 0, 12],
    [2, 1, 22],
    [2, 4, 22],
    [2, 5, 32],
  ]
  for (const [prompt, bytes, cost] of cases)
    t.equal(estimate(tariff, prompt, tokensOfText(bytes)), cost, `${prompt}, ${bytes}`)
  t.equal(estimate(TIERED, 200_001, 1), 200_001 * 600 + 2250, 'the prompt chooses the tier')
  t.equal(estimate(tariff, 2, 0, 100), 7 + 255, 'audio has its own price')
  t.end()
})

void t.test(
  'C6: the price of the prompt leaves out output, searches and cache writes, and is never above the worst case',
  (t) => {
    const tariff = tariffOf([ratesOf(rate(2), rate(10), { cacheWrite: rate(3), audioInput: rate(9) })], {
      perCall: microcredits(7),
      webSearch: rate(1000),
    })
    const size = sizeOf({
      promptTokens: 10,
      audioTokens: 1,
      outputTokens: 50,
      webSearches: 5,
      cacheWrites: '5m',
    })
    t.equal(promptPrice(tariff, size), 7 + 20 + 9)
    holds(
      t,
      fc.property(
        arbitraryTariff,
        arbitrarySize,
        (tariff, size) => promptPrice(tariff, size) <= worstCase(tariff, size),
      ),
      1_000,
    )
    t.end()
  },
)

void t.test('E1c: names the largest output that fits: with one token more it does not', (t) => {
  const size = sizeOf({ promptTokens: 100 })
  const cases: [left: number, choices: number, tokens: number][] = [
    [29_999, 1, 0],
    [30_000, 1, 0],
    [31_499, 1, 0],
    [31_500, 1, 1],
    [45_000, 1, 10],
    [45_000, 3, 3],
    [45_000, 11, 0],
  ]
  for (const [left, choices, tokens] of cases) {
    t.equal(largestOutput(TIERED, size, microcredits(left), choices), tokens, `${left}, ${choices}`)
  }
  const free = tariffOf([ratesOf(rate(1), rate(0))])
  t.equal(largestOutput(free, size, microcredits(100), 1), MAX_TOKENS, 'any number, where output is free')
  t.equal(largestOutput(free, size, microcredits(99), 1), 0)

  holds(
    t,
    fc.property(
      arbitraryTariff,
      arbitrarySize,
      fc.oneof(fc.integer({ min: 0, max: MAX_CALL_COST }), fc.integer({ min: 0, max: 100_000_000 })),
      fc.integer({ min: 1, max: 128 }),
      (tariff, size, left, choices) => {
        const tokens = largestOutput(tariff, size, microcredits(left), choices)
        const fits = (each: number): boolean =>
          worstCase(tariff, { ...size, outputTokens: each * choices }) <= left
        if (tokens === 0) return !fits(1)
        return fits(tokens) && (tokens === MAX_TOKENS || !fits(tokens + 1))
      },
    ),
    2_000,
  )
  t.end()
})
