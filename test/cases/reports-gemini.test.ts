/** Reports in the shape of Google's API: the cases of issue 16 that concern them, and their neighbours. */
import t from 'tap'
import type { Usage } from '../../src/core/tariff.ts'
import { charge, costOf, costOfAnswer, events, GENERATE, usage, type Answered } from '../support/metering.ts'

const TEXT = 'x'.repeat(40)
const part = (text: string | null, used: object | null, rest: object = {}): object => ({
  candidates: [{ content: { parts: text === null ? [] : [{ text }] } }],
  ...(used === null ? {} : { usageMetadata: used }),
  ...rest,
})
const media = {
  candidates: [{ content: { parts: [{ inlineData: { mimeType: 'image/png', data: 'AA==' } }] } }],
}
const call = { candidates: [{ content: { parts: [{ functionCall: { name: 'f', args: { a: 'b' } } }] } }] }
const error = { error: { code: 503, status: 'UNAVAILABLE', message: 'overloaded' } }
const LARGE = { promptTokenCount: 115_000, cachedContentTokenCount: 90_000, candidatesTokenCount: 3 }
const READ = { input: 25_000, cachedInput: 90_000 }
const OF_AN_IMAGE = {
  promptTokenCount: 326,
  candidatesTokenCount: 2_340,
  thoughtsTokenCount: 337,
  totalTokenCount: 3_003,
  candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 2_000 }],
}
const ZEROS = { promptTokenCount: 0, candidatesTokenCount: 0, totalTokenCount: 0 }

interface Case {
  readonly name: string
  /** The parts of the answer: as events, as a JSON array, and, where it is one, as a document. */
  readonly parts: readonly object[]
  readonly answered?: Answered
  readonly cost: Partial<Usage>
  readonly promptGuess?: true
}

const CASES: readonly Case[] = [
  {
    name: 'case 1: zeros in a later part do not wipe out the prompt',
    parts: [part(TEXT, LARGE), part('', { ...ZEROS, cachedContentTokenCount: 0, candidatesTokenCount: 12 })],
    cost: { ...READ, output: 12 },
  },
  {
    name: 'case 1: a correction of input into cached input counts once',
    parts: [
      part(TEXT, { promptTokenCount: 5_000, candidatesTokenCount: 3 }),
      part('', { promptTokenCount: 5_000, cachedContentTokenCount: 4_000, candidatesTokenCount: 12 }),
    ],
    cost: { input: 1_000, cachedInput: 4_000, output: 12 },
  },
  {
    name: 'case 1: a later prompt that is smaller replaces nothing',
    parts: [part(TEXT, LARGE), part('', { promptTokenCount: 9, candidatesTokenCount: 12 })],
    cost: { ...READ, output: 12 },
  },
  {
    name: 'case 2: a prompt of zero is estimated',
    parts: [part(TEXT, { promptTokenCount: 0, candidatesTokenCount: 54 })],
    cost: { output: 54 },
    promptGuess: true,
  },
  {
    name: 'case 2: a prompt that is left out is estimated',
    parts: [part(TEXT, { candidatesTokenCount: 54, thoughtsTokenCount: 6 })],
    cost: { output: 60 },
    promptGuess: true,
  },
  { name: 'case 3: zeros beside text', parts: [part(TEXT, ZEROS)], cost: { output: 10 }, promptGuess: true },
  {
    name: 'case 3: zeros beside a call of a tool',
    parts: [{ ...call, usageMetadata: ZEROS }],
    cost: {},
    promptGuess: true,
  },
  {
    name: 'case 3: zeros beside an image',
    parts: [{ ...media, usageMetadata: ZEROS }],
    cost: {},
    promptGuess: true,
  },
  { name: 'case 3: zeros and nothing else are free', parts: [part(null, ZEROS)], cost: {} },
  {
    name: 'case 3: zeros behind the real report',
    parts: [part(TEXT, { promptTokenCount: 5_000, candidatesTokenCount: 1_000 }), part('', ZEROS)],
    cost: { input: 5_000, output: 1_000 },
  },
  {
    name: 'case 3: an output of zero beside text',
    parts: [part(TEXT, { promptTokenCount: 20, candidatesTokenCount: 0 })],
    cost: { input: 20, output: 10 },
  },
  {
    name: 'case 13: more cached than prompt stands beside it',
    parts: [part(TEXT, { promptTokenCount: 31, cachedContentTokenCount: 12_000, candidatesTokenCount: 467 })],
    cost: { input: 31, cachedInput: 12_000, output: 467 },
  },
  {
    name: 'case 19: images, text and thoughts of an image model each at their price',
    parts: [
      {
        ...media,
        usageMetadata: OF_AN_IMAGE,
      },
    ],
    cost: { input: 326, output: 677, imageOutput: 2_000 },
  },
  {
    name: 'case 19: a thinking answer without an image is text',
    parts: [
      part(TEXT, {
        promptTokenCount: 326,
        candidatesTokenCount: 340,
        thoughtsTokenCount: 337,
        totalTokenCount: 1_003,
      }),
    ],
    cost: { input: 326, output: 677 },
  },
  {
    name: 'case 19: an image that no detail counts may be all of the candidates',
    parts: [
      {
        ...media,
        usageMetadata: { promptTokenCount: 326, candidatesTokenCount: 1_290, thoughtsTokenCount: 337 },
      },
    ],
    cost: { input: 326, output: 337, imageOutput: 1_290 },
  },
  {
    name: 'a total that counts more than its parts: the rest is output',
    parts: [part(TEXT, { promptTokenCount: 8, candidatesTokenCount: 12, totalTokenCount: 620 })],
    cost: { input: 8, output: 612 },
  },
  { name: 'case 24: an error instead of an answer', parts: [error], cost: {} },
  {
    name: 'case 24: an error behind text',
    parts: [part(TEXT, null), error],
    cost: { output: 10 },
    promptGuess: true,
  },
]

for (const { name, parts, answered = {}, cost, promptGuess } of CASES) {
  void t.test(`C10, C5: ${name}`, async (t) => {
    const bodies: (readonly [string, Answered])[] = [
      [events(...parts), {}],
      [JSON.stringify(parts), { type: 'application/json' }],
    ]
    if (parts.length === 1) bodies.push([JSON.stringify(parts[0]), { type: 'application/json' }])
    for (const [body, kind] of bodies) {
      const { shape } = await charge(GENERATE, body, { ...answered, ...kind })
      const prompt = promptGuess === true ? shape.promptTokens : 0
      const want = costOf(cost) + costOf({ input: prompt })
      t.equal(await costOfAnswer(GENERATE, body, { ...answered, ...kind }), want, body.slice(0, 60))
    }
  })
}

void t.test('C2, case 19: by Google’s list the answer of an image model costs 24.8776 credits', async (t) => {
  const listed = { provider: 'google', model: 'gemini-3-pro-image-preview' }
  const body = JSON.stringify({
    ...media,
    usageMetadata: OF_AN_IMAGE,
  })
  t.equal((await charge(GENERATE, body, { type: 'application/json', listed })).charge?.cost, 24_877_600)
})

for (const [name, said, listed, times, unpriced] of [
  ['priority by the built-in factor', { serviceTier: 'priority' }, 'gemini-3.8-flash', 1.8, 0],
  ['flex by the built-in factor', { serviceTier: 'flex' }, 'gemini-3.5-flash', 0.5, 0],
  ['Vertex’s priority', { trafficType: 'ON_DEMAND_PRIORITY' }, 'gemini-3.8-flash', 1.8, 0],
  ['Vertex’s standard', { trafficType: 'ON_DEMAND' }, 'gemini-3.8-flash', 1, 0],
  ['a tier without a price', { serviceTier: 'priority' }, 'gemini-2.5-flash', 1, 1],
  ['throughput that was bought before', { trafficType: 'PROVISIONED_THROUGHPUT' }, 'gemini-3.8-flash', 1, 1],
] as const) {
  void t.test(`C11, cases 9 and 10: ${name}`, async (t) => {
    const used = { promptTokenCount: 1_000, candidatesTokenCount: 100 }
    const options = { listed: { provider: 'google', model: listed } }
    const standard = await charge(GENERATE, events(part(TEXT, used)), options)
    const served = await charge(GENERATE, events(part(TEXT, { ...used, ...said })), options)
    t.ok((standard.charge?.cost ?? 0) > 0)
    t.equal(served.charge?.cost, Math.ceil((standard.charge?.cost ?? 0) * times))
    t.equal(served.unpriced.length, unpriced)
  })
}

void t.test('C10: a count of Gemini’s that nobody knows leaves a trace', async (t) => {
  const used = { promptTokenCount: 10, candidatesTokenCount: 5, dreamedTokenCount: 7 }
  const { reading } = await charge(GENERATE, events(part(TEXT, used)))
  t.same(reading.usage, usage({ input: 10, output: 12 }))
  t.same(reading.unpriced, [{ kind: 'tokens', name: 'dreamedTokenCount' }])
})
