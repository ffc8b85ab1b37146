/** Reports in the shape of Anthropic's API: the cases of issue 16 that concern them, and their neighbours. */
import t from 'tap'
import type { Usage } from '../../src/core/tariff.ts'
import { charge, costOf, costOfAnswer, events, MESSAGES, type Answered } from '../support/metering.ts'

const start = (used: object): object => ({ type: 'message_start', message: { model: 'm', usage: used } })
const text = (said = 'Hello there.'): object => ({
  type: 'content_block_delta',
  index: 0,
  delta: { type: 'text_delta', text: said },
})
const delta = (used: object): object => ({
  type: 'message_delta',
  delta: { stop_reason: 'end_turn' },
  usage: used,
})
const stop = { type: 'message_stop' }
const overloaded = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }
const whole = (used: object, said: string | null = 'Hello there.', rest: object = {}): string =>
  JSON.stringify({
    type: 'message',
    model: 'm',
    content: said === null ? [] : [{ type: 'text', text: said }],
    usage: used,
    ...rest,
  })

interface Case {
  readonly name: string
  readonly body: string
  readonly answered?: Answered
  /** What is charged; `promptGuess` adds the estimate of the prompt. */
  readonly cost: Partial<Usage>
  readonly promptGuess?: true
}

const JSON_ANSWER: Answered = { type: 'application/json' }
const START = { input_tokens: 25_000, cache_read_input_tokens: 90_000, output_tokens: 1 }
const READ = { input: 25_000, cachedInput: 90_000 }
const ZEROS = { input_tokens: 0, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 }
const COMPACTED = {
  input_tokens: 23_000,
  output_tokens: 1_000,
  iterations: [
    { type: 'compaction', input_tokens: 180_000, cache_read_input_tokens: 0, output_tokens: 3_500 },
    { type: 'message', input_tokens: 23_000, output_tokens: 1_000 },
  ],
}

const CASES: readonly Case[] = [
  {
    name: 'case 1: zeros in message_delta do not wipe out the prompt of message_start',
    body: events(start(START), text(), delta({ ...ZEROS, output_tokens: 7 }), stop),
    cost: { ...READ, output: 7 },
  },
  {
    name: 'case 1: a correction of writes into reads counts once, as reads',
    body: events(
      start({
        input_tokens: 5,
        cache_creation_input_tokens: 35_203,
        cache_read_input_tokens: 0,
        output_tokens: 1,
      }),
      text(),
      delta({ cache_creation_input_tokens: 0, cache_read_input_tokens: 35_203, output_tokens: 7 }),
    ),
    cost: { input: 5, cachedInput: 35_203, output: 7 },
  },
  {
    name: 'case 1: the same correction where message_start told the lifetimes of the writes',
    body: events(
      start({
        input_tokens: 5,
        cache_creation_input_tokens: 35_203,
        cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 35_203 },
        output_tokens: 1,
      }),
      text(),
      delta({
        input_tokens: 5,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 35_203,
        output_tokens: 7,
      }),
    ),
    cost: { input: 5, cachedInput: 35_203, output: 7 },
  },
  {
    name: 'case 1: a later prompt that is smaller, but not zero, replaces nothing',
    body: events(start(START), text(), delta({ ...ZEROS, input_tokens: 10, output_tokens: 7 })),
    cost: { ...READ, output: 7 },
  },
  {
    name: 'case 1: a later prompt that is larger replaces the whole tuple',
    body: events(start(START), text(), delta({ ...ZEROS, input_tokens: 120_000, output_tokens: 7 })),
    cost: { input: 120_000, output: 7 },
  },
  {
    name: 'case 1: figures of the cache only in message_delta join the input of message_start',
    body: events(
      start({ input_tokens: 25_000, output_tokens: 1 }),
      text(),
      delta({ cache_read_input_tokens: 90_000, output_tokens: 7 }),
    ),
    cost: { ...READ, output: 7 },
  },
  {
    name: 'case 1: a zero of output in a second message_delta takes nothing back',
    body: events(start(START), text(), delta({ output_tokens: 700 }), delta({ ...ZEROS, output_tokens: 0 })),
    cost: { ...READ, output: 700 },
  },
  {
    name: 'case 2: zeros in message_start that nobody corrects: the prompt is estimated',
    body: events(start({ input_tokens: 0, output_tokens: 0 }), text(), delta({ output_tokens: 54 })),
    cost: { output: 54 },
    promptGuess: true,
  },
  {
    name: 'case 2: zeros in message_start that message_delta corrects',
    body: events(
      start({ input_tokens: 0, output_tokens: 0 }),
      text(),
      delta({ input_tokens: 1_200, output_tokens: 54 }),
    ),
    cost: { input: 1_200, output: 54 },
  },
  {
    name: 'case 2: a whole answer with a prompt of zero',
    body: whole({ input_tokens: 0, output_tokens: 54 }),
    answered: JSON_ANSWER,
    cost: { output: 54 },
    promptGuess: true,
  },
  {
    name: 'case 2: zeros in message_start of a stream that breaks off: prompt and text are estimated',
    body: events(start({ input_tokens: 0, output_tokens: 0 }), text('x'.repeat(40))),
    answered: { complete: false },
    cost: { output: 10 },
    promptGuess: true,
  },
  {
    name: 'case 2: zeros in message_start and nothing else before the stream breaks off',
    body: events(start({ input_tokens: 0, output_tokens: 0 })),
    answered: { complete: false },
    cost: {},
    promptGuess: true,
  },
  {
    name: 'case 3: a whole answer of zeros beside 400 bytes of text is estimated',
    body: whole({ input_tokens: 0, output_tokens: 0 }, 'x'.repeat(400)),
    answered: JSON_ANSWER,
    cost: { output: 100 },
    promptGuess: true,
  },
  {
    name: 'case 3: zeros beside a call of a tool are no report',
    body: whole({ input_tokens: 0, output_tokens: 0 }, null, {
      content: [{ type: 'tool_use', id: 't', name: 'f', input: { path: 'a' } }],
    }),
    answered: JSON_ANSWER,
    cost: {},
    promptGuess: true,
  },
  {
    name: 'case 3: zeros and no text are free',
    body: whole({ input_tokens: 0, output_tokens: 0 }, null),
    answered: JSON_ANSWER,
    cost: {},
  },
  {
    name: 'case 3: an output of zero beside text is estimated, the prompt is as reported',
    body: whole({ input_tokens: 900, output_tokens: 0 }, 'x'.repeat(400)),
    answered: JSON_ANSWER,
    cost: { input: 900, output: 100 },
  },
  {
    name: 'case 11: iterations of a compaction are added up, streamed',
    body: events(start({ input_tokens: 23_000, output_tokens: 1 }), text(), delta(COMPACTED)),
    cost: { input: 203_000, output: 4_500 },
  },
  {
    name: 'case 11: iterations of a compaction are added up, in a whole answer',
    body: whole(COMPACTED),
    answered: JSON_ANSWER,
    cost: { input: 203_000, output: 4_500 },
  },
  {
    name: 'case 11: with figures of the cache in each',
    body: whole({
      input_tokens: 3,
      cache_read_input_tokens: 20_000,
      output_tokens: 10,
      iterations: [
        {
          type: 'compaction',
          input_tokens: 4,
          cache_read_input_tokens: 150_000,
          cache_creation_input_tokens: 700,
          cache_creation: { ephemeral_5m_input_tokens: 200, ephemeral_1h_input_tokens: 500 },
          output_tokens: 3_500,
        },
        { type: 'message', input_tokens: 3, cache_read_input_tokens: 20_000, output_tokens: 10 },
      ],
    }),
    answered: JSON_ANSWER,
    cost: { input: 7, cachedInput: 170_000, cacheWrite: 200, cacheWrite1h: 500, output: 3_510 },
  },
  {
    name: 'case 11: where only the compaction is listed, the figures at the top come on top',
    body: whole({
      input_tokens: 100,
      output_tokens: 10,
      iterations: [{ type: 'compaction', input_tokens: 900, output_tokens: 90 }],
    }),
    answered: JSON_ANSWER,
    cost: { input: 1_000, output: 100 },
  },
  {
    name: 'case 11: messages of a loop of tools stand in the figures at the top already',
    body: whole({
      input_tokens: 300,
      output_tokens: 30,
      iterations: [
        { type: 'message', input_tokens: 100, output_tokens: 10 },
        { type: 'message', input_tokens: 200, output_tokens: 20 },
      ],
    }),
    answered: JSON_ANSWER,
    cost: { input: 300, output: 30 },
  },
  {
    name: 'case 24: a 200 that holds only an error event costs nothing',
    body: events(overloaded),
    cost: {},
  },
  {
    name: 'case 24: a 200 that holds only an error as JSON costs nothing',
    body: JSON.stringify(overloaded),
    answered: JSON_ANSWER,
    cost: {},
  },
  {
    name: 'case 24: a message_start of zeros and an error cost nothing',
    body: events(start({ input_tokens: 0, output_tokens: 1 }), overloaded),
    cost: {},
  },
  {
    name: 'case 24: text and then an error cost the estimate',
    body: events(text('x'.repeat(40)), overloaded),
    cost: { output: 10 },
    promptGuess: true,
  },
  {
    name: 'case 24: usage and then an error cost what was reported',
    body: events(start(START), overloaded),
    cost: { ...READ, output: 1 },
  },
]

for (const { name, body, answered = {}, cost, promptGuess } of CASES) {
  void t.test(`C10, ${name}`, async (t) => {
    const { shape } = await charge(MESSAGES, body, answered)
    const prompt = promptGuess === true ? shape.promptTokens : 0
    t.equal(await costOfAnswer(MESSAGES, body, answered), costOf(cost) + costOf({ input: prompt }))
  })
}

const PLAIN = { input_tokens: 1_000, output_tokens: 100 }
const SERVED: readonly (readonly [
  name: string,
  used: object,
  prices: NonNullable<Answered['prices']>,
  times: number,
  unpriced: readonly string[],
])[] = [
  ['inference in the US, by the built-in factor', { inference_geo: 'us' }, {}, 1.1, []],
  [
    'inference in the US, by the operator’s factor',
    { inference_geo: 'us' },
    { regions: { us: 1.25 } },
    1.25,
    [],
  ],
  ['a region without a price', { inference_geo: 'mars' }, {}, 1, ['region mars']],
  ['anywhere', { inference_geo: 'global', service_tier: 'standard', speed: 'standard' }, {}, 1, []],
  ['models that know no region', { inference_geo: 'not_available' }, {}, 1, []],
  ['a tier without a price', { service_tier: 'priority' }, {}, 1, ['service_tier priority']],
  ['a tier with a price', { service_tier: 'priority' }, { serviceTiers: { priority: 2 } }, 2, []],
  ['a speed without a price', { speed: 'fast' }, {}, 1, ['service_tier fast']],
  ['a speed with a price', { speed: 'fast' }, { serviceTiers: { fast: 6 } }, 6, []],
  [
    'all three at once',
    { inference_geo: 'us', service_tier: 'priority', speed: 'fast' },
    { serviceTiers: { fast: 6, priority: 2 } },
    13.2,
    [],
  ],
  ['what objects have is no region', { inference_geo: 'constructor' }, {}, 1, ['region constructor']],
]

for (const [name, used, prices, times, unpriced] of SERVED) {
  void t.test(`C11, case 10: ${name}`, async (t) => {
    const cost = Math.round(costOf({ input: 1_000, output: 100 }) * times)
    const bodies: readonly (readonly [string, Answered])[] = [
      [whole({ ...PLAIN, ...used }), JSON_ANSWER],
      [events(start({ ...PLAIN, ...used, output_tokens: 1 }), text(), delta({ output_tokens: 100 })), {}],
      [
        events(
          start({ input_tokens: 1_000, output_tokens: 1 }),
          text(),
          delta({ ...used, output_tokens: 100 }),
        ),
        {},
      ],
    ]
    for (const [body, answered] of bodies) {
      t.equal(await costOfAnswer(MESSAGES, body, { ...answered, prices }), cost, body)
      const charged = await charge(MESSAGES, body, { ...answered, prices })
      t.same(
        charged.unpriced.map(({ kind, name }) => `${kind} ${name}`),
        unpriced,
      )
    }
  })
}

void t.test('C11, case 10: factors of several kinds are rounded up once', async (t) => {
  const body = whole({ input_tokens: 1, cache_read_input_tokens: 1, output_tokens: 1, inference_geo: 'us' })
  const prices = { input: 0.000003, cachedInput: 0.000003, output: 0.000003, regions: { us: 1.1 } }
  // 0.0003 microcredits each, times 1.1: one microcredit, not three.
  t.equal((await charge(MESSAGES, body, { ...JSON_ANSWER, prices })).charge?.cost, 1)
})

void t.test(
  'C10: calls of server-side tools without a price cost as much as a search, and leave a trace',
  async (t) => {
    const used = {
      ...PLAIN,
      server_tool_use: { web_search_requests: 2, web_fetch_requests: 9, code_execution_requests: 3 },
    }
    const { charge: charged, unpriced } = await charge(MESSAGES, whole(used), JSON_ANSWER)
    t.equal(charged?.cost, costOf({ input: 1_000, output: 100, webSearches: 5 }))
    t.same(unpriced, [{ kind: 'server_tool', name: 'code_execution_requests' }])
  },
)

void t.test(
  'C10: tokens under a name that nobody knows are charged as the closest kind, and leave a trace',
  async (t) => {
    const used = { ...PLAIN, video_input_tokens: 40, dreamed_tokens: 7, unknown_tokens: 0, queue_time: 12 }
    const { charge: charged, unpriced } = await charge(MESSAGES, whole(used), JSON_ANSWER)
    t.equal(charged?.cost, costOf({ input: 1_040, output: 107 }))
    t.same(
      unpriced.map(({ name }) => name),
      ['video_input_tokens', 'dreamed_tokens'],
    )
  },
)

void t.test('C10: an iteration of another model leaves a trace', async (t) => {
  const used = {
    ...PLAIN,
    iterations: [
      { type: 'message', ...PLAIN },
      { type: 'advisor_message', ...PLAIN },
    ],
  }
  const { charge: charged, unpriced } = await charge(MESSAGES, whole(used), JSON_ANSWER)
  t.equal(charged?.cost, costOf({ input: 2_000, output: 200 }))
  t.same(unpriced, [{ kind: 'other_model', name: 'advisor_message' }])
})
