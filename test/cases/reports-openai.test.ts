/** Reports in the shape of OpenAI's API, as OpenAI, compatible providers and gateways make them: cases of issue 16 and neighbours. */
import t from 'tap'
import type { Usage } from '../../src/core/tariff.ts'
import { isUsageEvent } from '../../src/families/openai/usage-event.ts'
import {
  charge,
  chat,
  costOf,
  costOfAnswer,
  EMBEDDINGS,
  events,
  RESPONSES,
  type Answered,
  type Api,
} from '../support/metering.ts'
import { bodyText } from '../support/requests.ts'

const DONE = '[DONE]'
const TEXT = 'x'.repeat(40)
const chunk = (content: string, rest: object = {}): object => ({
  model: 'm',
  choices: [{ index: 0, delta: { content }, finish_reason: null }],
  usage: null,
  ...rest,
})
const report = (usage: object): object => ({ model: 'm', choices: [], usage })
const stream = (...reports: readonly object[]): string => events(chunk(TEXT), ...reports.map(report), DONE)
const whole = (usage: object | null, content: string | null = TEXT, rest: object = {}): string =>
  JSON.stringify({ model: 'm', choices: [{ index: 0, message: { content } }], usage, ...rest })
const used = (prompt: number, completion: number, rest: object = {}): object => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
  total_tokens: prompt + completion,
  ...rest,
})
const JSON_ANSWER: Answered = { type: 'application/json' }
const ZEROS = used(0, 0)

interface Case {
  readonly name: string
  readonly api?: Api
  readonly body: string
  readonly answered?: Answered
  readonly cost: Partial<Usage>
  readonly promptGuess?: true
}

/** One report, in a whole answer, in a chunk of its own, in x_groq, and in the last chunk of its choice. */
function everywhere(name: string, usage: object, cost: Partial<Usage>, promptGuess?: true): readonly Case[] {
  const rest = { cost, ...(promptGuess === true && { promptGuess }) }
  const inChoice = { index: 0, delta: {}, finish_reason: 'stop', usage }
  return [
    { name: `${name}, whole`, body: whole(usage), answered: JSON_ANSWER, ...rest },
    { name: `${name}, streamed`, body: stream(usage), ...rest },
    { name: `${name}, in x_groq`, body: events(chunk(TEXT), chunk('', { x_groq: { usage } })), ...rest },
    { name: `${name}, in a choice`, body: events(chunk(TEXT), { choices: [inChoice] }, DONE), ...rest },
  ]
}

const LITELLM = used(10_032, 47, {
  prompt_tokens_details: {
    cached_tokens: 0,
    cache_creation_tokens: 10_017,
    cache_creation_token_details: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 10_017 },
  },
})
const BESIDE = used(31, 467, {
  prompt_tokens_details: { cached_tokens: 12_000 },
  cache_read_input_tokens: 12_000,
  cache_creation_input_tokens: 1_253,
})
const MOONSHOT = used(1_336, 31, { cached_tokens: 1_280 })
const choice = (index: number, usage: object): object => ({ index, delta: {}, finish_reason: 'stop', usage })
const error = { error: { message: 'overloaded', type: 'server_error', code: 529 } }
const response = (rest: object): object => ({ model: 'm', output: [], usage: null, error: null, ...rest })

const CASES: readonly Case[] = [
  ...everywhere('case 2: a prompt of zero is estimated', used(0, 54), { output: 54 }, true),
  ...everywhere('case 3: zeros beside text are no report', ZEROS, { output: 10 }, true),
  ...everywhere('case 3: an output of zero beside text is estimated', used(900, 0), {
    input: 900,
    output: 10,
  }),
  {
    name: 'case 1: a prompt of zero behind the real one takes nothing back',
    body: stream(used(5_000, 1_000, { prompt_tokens_details: { cached_tokens: 4_000 } }), used(0, 1_001)),
    cost: { input: 1_000, cachedInput: 4_000, output: 1_001 },
  },
  {
    name: 'case 1: a correction of input into cached input counts once',
    body: stream(used(5_000, 1_000), used(5_000, 1_000, { prompt_tokens_details: { cached_tokens: 4_000 } })),
    cost: { input: 1_000, cachedInput: 4_000, output: 1_000 },
  },
  {
    name: 'case 3: zeros behind the real report',
    body: stream(used(5_000, 1_000), ZEROS),
    cost: { input: 5_000, output: 1_000 },
  },
  {
    name: 'case 3: zeros in front of the real report',
    body: stream(ZEROS, used(5_000, 1_000)),
    cost: { input: 5_000, output: 1_000 },
  },
  { name: 'case 3: zeros and no text are free', body: whole(ZEROS, ''), answered: JSON_ANSWER, cost: {} },
  {
    name: 'case 3: zeros with which a stream begins that breaks off are no report',
    body: events(chunk('', { usage: ZEROS })),
    answered: { complete: false },
    cost: {},
    promptGuess: true,
  },
  {
    name: 'case 3: zeros of embeddings are no report, since they have no text to tell',
    api: EMBEDDINGS,
    body: JSON.stringify({
      model: 'm',
      data: [{ embedding: [1] }],
      usage: { prompt_tokens: 0, total_tokens: 0 },
    }),
    answered: JSON_ANSWER,
    cost: {},
    promptGuess: true,
  },
  {
    name: 'case 3: zeros of a response',
    api: RESPONSES,
    body: events(
      { type: 'response.output_text.delta', delta: TEXT },
      { type: 'response.completed', response: response({ usage: { input_tokens: 0, output_tokens: 0 } }) },
    ),
    cost: { output: 10 },
    promptGuess: true,
  },
  ...everywhere('case 12: writes of an hour as LiteLLM has them', LITELLM, {
    input: 15,
    cacheWrite1h: 10_017,
    output: 47,
  }),
  ...everywhere(
    'case 12: writes at the top, as gateways in front of Anthropic have them',
    used(1_000, 47, { cache_creation_input_tokens: 600, cache_read_input_tokens: 300 }),
    { input: 100, cachedInput: 300, cacheWrite: 600, output: 47 },
  ),
  ...everywhere(
    'case 12: writes by lifetime in Anthropic’s words',
    used(1_000, 47, {
      cache_creation_input_tokens: 600,
      cache_creation: { ephemeral_5m_input_tokens: 400, ephemeral_1h_input_tokens: 200 },
    }),
    { input: 400, cacheWrite: 400, cacheWrite1h: 200, output: 47 },
  ),
  ...everywhere(
    'case 12: writes in the details, as DashScope has them',
    used(2_000, 47, {
      prompt_tokens_details: {
        cached_tokens: 0,
        cache_creation_input_tokens: 1_605,
        cache_creation: { ephemeral_5m_input_tokens: 1_605 },
        cache_type: 'ephemeral',
      },
    }),
    { input: 395, cacheWrite: 1_605, output: 47 },
  ),
  ...everywhere(
    'case 12: writes by lifetime outside of objects',
    used(1_000, 47, { claude_cache_creation_5_m_tokens: 100, claude_cache_creation_1_h_tokens: 200 }),
    { input: 700, cacheWrite: 100, cacheWrite1h: 200, output: 47 },
  ),
  ...everywhere('case 13: more cached than prompt stands beside it', BESIDE, {
    input: 31,
    cachedInput: 12_000,
    cacheWrite: 1_253,
    output: 467,
  }),
  ...everywhere(
    'case 13: less cached than prompt stands beside it where the total says so',
    {
      prompt_tokens: 500,
      completion_tokens: 10,
      total_tokens: 910,
      prompt_tokens_details: { cached_tokens: 400 },
    },
    { input: 500, cachedInput: 400, output: 10 },
  ),
  ...everywhere('case 21: cached input outside of the details', MOONSHOT, {
    input: 56,
    cachedInput: 1_280,
    output: 31,
  }),
  {
    name: 'case 21: with several choices the prompt counts once, and outputs are added',
    body: events(
      chunk(TEXT),
      { choices: [choice(0, MOONSHOT)] },
      { choices: [choice(1, used(1_336, 40, { cached_tokens: 1_280 }))] },
      DONE,
    ),
    cost: { input: 56, cachedInput: 1_280, output: 71 },
  },
  {
    name: 'case 21: with several choices in one chunk, and the usage of all behind it',
    body: events(
      chunk(TEXT),
      { choices: [choice(0, MOONSHOT), choice(1, MOONSHOT)] },
      report(used(1_336, 62, { cached_tokens: 1_280 })),
      DONE,
    ),
    cost: { input: 56, cachedInput: 1_280, output: 62 },
  },
  {
    name: 'case 21: a choice that reports twice counts once',
    body: events(
      chunk(TEXT),
      { choices: [choice(1, used(100, 20))] },
      { choices: [choice(0, used(100, 5))] },
      { choices: [choice(0, used(100, 9))] },
    ),
    cost: { input: 100, output: 29 },
  },
  {
    name: 'case 21: whole, with several choices',
    body: JSON.stringify({
      model: 'm',
      choices: [0, 1].map((index) => ({ index, message: { content: TEXT }, usage: used(100, 20) })),
    }),
    answered: JSON_ANSWER,
    cost: { input: 100, output: 40 },
  },
  ...everywhere(
    'a total that counts more than its parts: the rest is output',
    { ...used(8, 12), total_tokens: 620 },
    { input: 8, output: 612 },
  ),
  ...everywhere(
    'images in the answer',
    used(10, 2_000, { completion_tokens_details: { image_tokens: 1_290, reasoning_tokens: 300 } }),
    {
      input: 10,
      output: 710,
      imageOutput: 1_290,
    },
  ),
  {
    name: 'case 19: an answer with images that does not count them is all images but for its reasoning',
    body: whole(used(10, 2_000, { completion_tokens_details: { reasoning_tokens: 300 } }), null, {
      choices: [
        { message: { content: null, images: [{ image_url: { url: 'data:image/png;base64,AA==' } }] } },
      ],
    }),
    answered: JSON_ANSWER,
    cost: { input: 10, output: 300, imageOutput: 1_700 },
  },
  { name: 'case 24: an error as JSON', body: JSON.stringify(error), answered: JSON_ANSWER, cost: {} },
  { name: 'case 24: an error as the whole stream', body: events(error, DONE), cost: {} },
  { name: 'case 24: an error as JSON under the label of a stream', body: JSON.stringify(error), cost: {} },
  { name: 'case 24: an error beside a report of zeros', body: events({ ...error, usage: ZEROS }), cost: {} },
  {
    name: 'case 24: an error in the words of vLLM',
    body: '{"object":"error","message":"no","code":400}',
    answered: JSON_ANSWER,
    cost: {},
  },
  {
    name: 'case 24: an error behind text',
    body: events(chunk(TEXT), error),
    cost: { output: 10 },
    promptGuess: true,
  },
  {
    name: 'case 24: an error that is null is none',
    body: whole(null, '', { error: null }),
    answered: JSON_ANSWER,
    cost: {},
    promptGuess: true,
  },
  {
    name: 'case 24: an error in a choice',
    body: JSON.stringify({
      choices: [{ message: { content: '' }, finish_reason: 'error', error: { code: 502 } }],
    }),
    answered: JSON_ANSWER,
    cost: {},
  },
  {
    name: 'case 24: a response that failed',
    api: RESPONSES,
    body: events(
      { type: 'response.created', response: response({ status: 'in_progress' }) },
      { type: 'response.failed', response: response({ status: 'failed', error: { code: 'server_error' } }) },
    ),
    cost: {},
  },
  {
    name: 'case 24: an error event of the Responses API',
    api: RESPONSES,
    body: events({ type: 'error', code: 'server_error', message: 'no', param: null }),
    cost: {},
  },
  {
    name: 'case 24: a response that failed behind its usage',
    api: RESPONSES,
    body: events({
      type: 'response.failed',
      response: response({ error: { code: 'x' }, usage: { input_tokens: 50, output_tokens: 5 } }),
    }),
    cost: { input: 50, output: 5 },
  },
  {
    name: 'case 41: the estimate is at most what the request allows',
    api: chat(null, { max_tokens: 16 }),
    body: events(chunk('x'.repeat(400))),
    cost: { output: 16 },
    promptGuess: true,
  },
  {
    name: 'case 41: times its choices',
    api: chat(null, { max_tokens: 16, n: 3 }),
    body: events(chunk('x'.repeat(400))),
    cost: { output: 48 },
    promptGuess: true,
  },
  {
    name: 'case 41: the guess behind a report that came too early, too',
    api: chat(null, { max_tokens: 16 }),
    body: events(chunk('', { usage: used(100, 1) }), chunk('x'.repeat(400))),
    answered: { complete: false },
    cost: { input: 100, output: 16 },
  },
  {
    name: 'case 41: but what was reported is charged, however much it is',
    api: chat(null, { max_tokens: 16 }),
    body: stream(used(100, 40)),
    cost: { input: 100, output: 40 },
  },
]

for (const { name, api = chat(), body, answered = {}, cost, promptGuess } of CASES) {
  void t.test(`C10, C5: ${name}`, async (t) => {
    const { shape } = await charge(api, body, answered)
    const prompt = promptGuess === true ? shape.promptTokens : 0
    t.equal(await costOfAnswer(api, body, answered), costOf(cost) + costOf({ input: prompt }))
  })
}

// --- Streams by their first bytes, and the chunk that only our option made ---------------------------------------------

for (const type of ['text/event-stream', 'text/plain; charset=utf-8', 'application/json', '']) {
  void t.test(`C10, case 20: a stream labelled '${type}' is read as one, a JSON answer as one`, async (t) => {
    const want = costOf({ input: 500, output: 300 })
    for (const before of ['', ': hello\n\n', '\ufeff', '\n\n', 'event: x\n', 'id: 1\n', 'retry: 9\n\n']) {
      t.equal(
        await costOfAnswer(chat(), before + stream(used(500, 300)), { type }),
        want,
        JSON.stringify(before),
      )
    }
    for (const before of ['', '\n ', '\ufeff']) {
      t.equal(await costOfAnswer(chat(), before + whole(used(500, 300)), { type }), want, 'JSON')
    }
  })
}

void t.test(
  'C10, case 22: a chunk of nothing but usage is recognised in any shape, and nothing else is',
  (t) => {
    const usage = used(9, 3)
    for (const only of [
      { choices: [], usage },
      { id: 'c', usage },
      { choices: null, usage },
      { choices: [{ index: 0, delta: {}, finish_reason: null }], usage },
      { choices: [{ index: 0, delta: { content: '' } }], usage },
      { choices: [{ index: 0, text: '' }], usage },
    ])
      t.ok(isUsageEvent(only), JSON.stringify(only))
    for (const other of [
      { choices: [] },
      { choices: [], usage: null },
      { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage },
      { choices: [{ index: 0, delta: { content: 'a' } }], usage },
      { choices: [{ index: 0, delta: { role: 'assistant', content: '' } }], usage },
      { choices: [{ index: 0, delta: { tool_calls: [{}] } }], usage },
      { choices: [{ index: 0, text: 'a' }], usage },
      { choices: [], usage, error: { code: 500 } },
      { usage: [] },
      null,
      [],
    ])
      t.notOk(isUsageEvent(other), JSON.stringify(other))
    t.end()
  },
)

void t.test(
  'C10, case 22: OpenRouter reports unasked, so it is not asked, and nothing is kept from its clients',
  async (t) => {
    const { shape } = await charge(chat('openrouter'), stream(used(1, 1)))
    t.equal(shape.hidesUsageEvent, false)
    t.notMatch(bodyText(shape), /include_usage/)
    t.equal((await charge(chat(), stream(used(1, 1)))).shape.hidesUsageEvent, true)
  },
)

// --- What was served ---------------------------------------------------------------------------------------------------

for (const [tier, prices, times, unpriced] of [
  ['priority', { serviceTiers: { priority: 2 } }, 2, 0],
  ['flex', { serviceTiers: { priority: 2, flex: 0.5 } }, 0.5, 0],
  ['priority', {}, 1, 1],
  ['default', {}, 1, 0],
  ['auto', {}, 1, 0],
  ['on_demand', {}, 1, 0],
] as const) {
  void t.test(
    `C11, case 9: served as '${tier}', ${JSON.stringify(prices)}: ${times} times the price`,
    async (t) => {
      const cost = costOf({ input: 1_000, output: 100 }) * times
      const bodies: readonly (readonly [Api, string, Answered])[] = [
        [chat(), whole(used(1_000, 100), TEXT, { service_tier: tier }), JSON_ANSWER],
        [
          chat(),
          events(
            chunk(TEXT, { service_tier: tier }),
            { ...report(used(1_000, 100)), service_tier: tier },
            DONE,
          ),
          {},
        ],
        [
          RESPONSES,
          events(
            { type: 'response.created', response: response({ service_tier: 'auto' }) },
            {
              type: 'response.completed',
              response: response({ service_tier: tier, usage: { input_tokens: 1_000, output_tokens: 100 } }),
            },
          ),
          {},
        ],
      ]
      for (const [api, body, answered] of bodies) {
        t.equal(await costOfAnswer(api, body, { ...answered, prices }), cost, body)
        t.equal((await charge(api, body, { ...answered, prices })).unpriced.length, unpriced)
      }
      const broken = await charge(chat(), events(chunk(TEXT, { service_tier: tier })), {
        prices,
        complete: false,
      })
      t.equal(
        broken.charge?.cost,
        costOf({ input: broken.shape.promptTokens, output: 10 }) * times,
        'an estimate, too',
      )
    },
  )
}

// --- Searches ----------------------------------------------------------------------------------------------------------

const search = (action: string): object => ({
  type: 'web_search_call',
  status: 'completed',
  action: { type: action },
})
const items = [
  search('search'),
  search('open_page'),
  { type: 'message' },
  search('search'),
  search('find_in_page'),
]
const counted = { input_tokens: 50, output_tokens: 5 }
const toolUsage = (requests: number): object => ({ tool_usage: { web_search: { num_requests: requests } } })
const done = (item: object): object => ({ type: 'response.output_item.done', item })

for (const [name, body, answered, searches] of [
  [
    'as tool_usage bills them, whole',
    JSON.stringify(response({ usage: counted, output: items, ...toolUsage(1) })),
    JSON_ANSWER,
    1,
  ],
  ['by their items, whole', JSON.stringify(response({ usage: counted, output: items })), JSON_ANSWER, 2],
  [
    'as tool_usage bills them, streamed',
    events({ type: 'response.created', response: response(toolUsage(0)) }, ...items.map(done), {
      type: 'response.completed',
      response: response({ usage: counted, output: items, ...toolUsage(3) }),
    }),
    {},
    3,
  ],
  [
    'by their items, streamed',
    events(...items.map(done), {
      type: 'response.completed',
      response: response({ usage: counted, output: items }),
    }),
    {},
    2,
  ],
  [
    'by their items where the stream has no list of them',
    events(...items.map(done), { type: 'response.completed', response: response({ usage: counted }) }),
    {},
    2,
  ],
] as const) {
  void t.test(`C2, case 5: searches of a response, ${name}`, async (t) => {
    t.equal(
      await costOfAnswer(RESPONSES, body, answered),
      costOf({ input: 50, output: 5, webSearches: searches }),
    )
  })
}

void t.test('C5, case 5: searches of a stream that breaks off are charged beside the estimate', async (t) => {
  const body = events({ type: 'response.created', response: response(toolUsage(0)) }, ...items.map(done))
  const { charge: charged, shape } = await charge(RESPONSES, body, { complete: false })
  t.equal(charged?.cost, costOf({ input: shape.promptTokens, webSearches: 2 }))
})

// --- What has no price -------------------------------------------------------------------------------------------------

void t.test(
  'C10: counts of unknown names leave a trace, and are charged unless the total has them',
  async (t) => {
    const odd = { dreamed_tokens: 500, num_sources_used: 2, prompt_time: 3, unknown_tokens: 0 }
    const inTotal = await charge(chat(), whole(used(1_000, 100, odd)), JSON_ANSWER)
    t.equal(inTotal.charge?.cost, costOf({ input: 1_000, output: 100, webSearches: 2 }))
    const noTotal = await charge(
      chat(),
      whole({ prompt_tokens: 1_000, completion_tokens: 100, ...odd }),
      JSON_ANSWER,
    )
    t.equal(noTotal.charge?.cost, costOf({ input: 1_000, output: 600, webSearches: 2 }))
    for (const { unpriced } of [inTotal, noTotal])
      t.same(
        unpriced.map(({ kind, name }) => `${kind} ${name}`),
        ['tokens dreamed_tokens', 'server_tool num_sources_used'],
      )
  },
)
