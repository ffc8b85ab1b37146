/** Anthropic's own SDK in front of the gateway: everything that its Messages API can be asked for and bill. */
import Anthropic from '@anthropic-ai/sdk'
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod'
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod'
import type { ServerResponse } from 'node:http'
import t from 'tap'
import { z } from 'zod'
import { createOrg, type TestOrg } from '../support/gateway.ts'
import { PROVIDERS_KEY, sendEvents, sendJson, startProviders, type Tokens } from '../support/providers.ts'

const providers = await startProviders()
const { gateway, mock, origin, charged } = providers
t.teardown(() => providers.stop())

const MODEL = 'claude-haiku-4-5'

/** `scripted` leads to what the test's own origin answers. */
function client(org: TestOrg, upstream: 'anthropic' | 'scripted/anthropic' = 'anthropic'): Anthropic {
  return new Anthropic({ apiKey: org.key, baseURL: `${gateway.dataUrl}/${upstream}` })
}

function ask(content: string): { role: 'user'; content: string }[] {
  return [{ role: 'user', content }]
}

function usage({ input, output }: Tokens): { input_tokens: number; output_tokens: number } {
  return { input_tokens: input, output_tokens: output }
}

function textOf(message: { readonly content: readonly { readonly type: string }[] }): string {
  return message.content.map((block) => ('text' in block ? String(block.text) : '')).join('')
}

async function refusalOf(call: PromiseLike<unknown>): Promise<object> {
  try {
    await call
  } catch (error) {
    if (!(error instanceof Anthropic.APIError)) throw error
    const status = error.status as number | undefined
    return { status, type: error.type, errorCode: error.errorCode, details: error.details }
  }
  throw new Error('was not refused')
}

/** A message with everything that a report can hold, whole or as a stream, in the shapes of Anthropic's API reference. */
function answer(response: ServerResponse, model: string, tokens: Tokens, stream: boolean): void {
  const { input, cached = 0, write5m = 0, write1h = 0, output, searches = 0 } = tokens
  const report = {
    input_tokens: input,
    cache_creation_input_tokens: write5m + write1h,
    cache_read_input_tokens: cached,
    cache_creation: { ephemeral_5m_input_tokens: write5m, ephemeral_1h_input_tokens: write1h },
    output_tokens: output,
    service_tier: 'standard',
    inference_geo: 'global',
  }
  const served =
    searches === 0 ? {} : { server_tool_use: { web_search_requests: searches, web_fetch_requests: 0 } }
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model, stop_sequence: null }
  const content = [{ type: 'text', text: 'Found it.' }]
  if (!stream) {
    sendJson(response, { ...message, content, stop_reason: 'end_turn', usage: { ...report, ...served } })
    return
  }
  const events = [
    {
      type: 'message_start',
      message: { ...message, content: [], stop_reason: null, usage: { ...report, output_tokens: 1 } },
    },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'ping' },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Found it.' } },
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { input_tokens: input, output_tokens: output, ...served },
    },
    { type: 'message_stop' },
  ]
  sendEvents(response, events)
}

for (const stream of [false, true]) {
  const how = stream ? 'streamed' : 'whole'

  void t.test(`C2: a tool call and its result are two calls, each charged (${how})`, async (t) => {
    const org = await createOrg(gateway)
    const [first, second] = [
      { input: 80, output: 17 },
      { input: 120, output: 9 },
    ]
    const question = `anthropic, weather, ${how}`
    mock.onToolResult(`toolu_${how}`, { content: 'Rain.', usage: usage(second) })
    mock.onMessage(question, {
      content: 'Let me look.',
      toolCalls: [{ id: `toolu_${how}`, name: 'weather', arguments: '{"city":"Köln"}' }],
      usage: usage(first),
    })
    const cities: string[] = []
    const weather = betaZodTool({
      name: 'weather',
      description: 'The weather in a city',
      inputSchema: z.object({ city: z.string() }),
      run: ({ city }) => {
        cities.push(city)
        return 'rain'
      },
    })
    const asked = { model: MODEL, max_tokens: 500, messages: ask(question), tools: [weather] }
    const { messages } = client(org).beta
    const runner = stream ? messages.toolRunner({ ...asked, stream }) : messages.toolRunner(asked)
    t.equal(textOf(await runner.runUntilDone()), 'Rain.')
    t.same(cities, ['Köln'], 'the tool ran once, here')
    await charged(t, org, [
      { model: MODEL, tokens: first },
      { model: MODEL, tokens: second },
    ])
  })

  void t.test(`C2: structured output reaches the SDK as it is, and is charged (${how})`, async (t) => {
    const org = await createOrg(gateway)
    const tokens = { input: 71, output: 8 }
    const question = `anthropic, structured, ${how}`
    mock.onMessage(question, { content: '{"n":42}', usage: usage(tokens) })
    const asked = {
      model: MODEL,
      max_tokens: 500,
      messages: ask(question),
      output_config: { format: zodOutputFormat(z.object({ n: z.number() })) },
    }
    const { messages } = client(org)
    const parsed = stream ? await messages.stream(asked).finalMessage() : await messages.parse(asked)
    t.same(parsed.parsed_output, { n: 42 })
    await charged(t, org, [{ model: MODEL, tokens }])
  })

  void t.test(`C2: thinking comes through, and is part of the output that is charged (${how})`, async (t) => {
    const org = await createOrg(gateway)
    const tokens = { input: 31, output: 1_000 }
    const question = `anthropic, thinking, ${how}`
    mock.onMessage(question, { content: 'So be it.', reasoning: 'Let me think.', usage: usage(tokens) })
    const asked = {
      model: MODEL,
      max_tokens: 2_000,
      thinking: { type: 'enabled' as const, budget_tokens: 1_024 },
      messages: ask(question),
    }
    const { messages } = client(org)
    const { content } = stream ? await messages.stream(asked).finalMessage() : await messages.create(asked)
    t.match(content, [
      { type: 'thinking', thinking: 'Let me think.' },
      { type: 'text', text: 'So be it.' },
    ])
    await charged(t, org, [{ model: MODEL, tokens }])
  })

  void t.test(
    `C2: cache reads, writes by lifetime and web searches have prices of their own (${how})`,
    async (t) => {
      const org = await createOrg(gateway)
      const tokens = { input: 1_001, cached: 20_003, write5m: 3_005, write1h: 407, output: 509, searches: 2 }
      // Answers name the dated version of a model, which is priced as the model.
      origin.answer = (_request, response) => answer(response, 'claude-haiku-4-5-20251001', tokens, stream)
      const system = [
        { type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral', ttl: '1h' } },
      ] as const
      const asked: Anthropic.MessageCreateParamsNonStreaming = {
        model: MODEL,
        max_tokens: 600,
        system: [...system],
        messages: ask('anthropic, search'),
        tools: [{ type: 'web_search_20250305', name: 'web_search', max_uses: 3 }],
      }
      const { messages } = client(org, 'scripted/anthropic')
      const message = stream ? await messages.stream(asked).finalMessage() : await messages.create(asked)
      t.equal(textOf(message), 'Found it.')
      t.match(message.usage, { cache_read_input_tokens: 20_003, output_tokens: 509 })
      await charged(t, org, [{ model: MODEL, tokens }])
    },
  )

  void t.test(
    `C2: a context above 200,000 tokens, caches included, has the price of its tier (${how})`,
    async (t) => {
      const org = await createOrg(gateway)
      // The SDK warns that the model, the last one with tiers, will go.
      t.capture(console, 'warn')
      const { messages } = client(org, 'scripted/anthropic')
      const below = { input: 100_000, cached: 99_000, write5m: 1_000, output: 100 }
      const above = { ...below, input: 100_001 }
      for (const tokens of [below, above]) {
        origin.answer = (_request, response) => answer(response, 'claude-sonnet-4-5-20250929', tokens, stream)
        const asked = {
          model: 'claude-sonnet-4-5',
          max_tokens: 600,
          messages: ask('anthropic, a long context'),
        }
        await (stream ? messages.stream(asked).finalMessage() : messages.create(asked))
      }
      await charged(t, org, [
        { model: 'claude-sonnet-4-5', tokens: below },
        { model: 'claude-sonnet-4-5 >200000', tokens: above },
      ])
    },
  )
}

void t.test('C2: a stream read event by event is charged what its last report says', async (t) => {
  const org = await createOrg(gateway)
  const tokens = { input: 321, output: 45 }
  mock.onMessage('anthropic, event by event', { content: 'One piece after the other.', usage: usage(tokens) })
  const events = await client(org).messages.create({
    model: MODEL,
    max_tokens: 100,
    messages: ask('anthropic, event by event'),
    stream: true,
  })
  const types = new Set<string>()
  let text = ''
  for await (const event of events) {
    types.add(event.type)
    if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') text += event.delta.text
  }
  t.equal(text, 'One piece after the other.')
  t.same(
    [...types],
    [
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ],
  )
  await charged(t, org, [{ model: MODEL, tokens }])
})

void t.test('the key may come as a bearer token as well; the provider gets its own, once', async (t) => {
  const org = await createOrg(gateway)
  const tokens = { input: 1, output: 1 }
  origin.received.length = 0
  origin.answer = (_request, response) => answer(response, MODEL, tokens, false)
  const sdk = new Anthropic({
    apiKey: null,
    authToken: org.key,
    baseURL: `${gateway.dataUrl}/scripted/anthropic`,
    defaultHeaders: { 'x-tollgate-source': 'chat' },
  })
  await sdk.messages.create({
    model: MODEL,
    max_tokens: 5,
    messages: ask('hello'),
    workspace_id: 'wrkspc_of_another_bill',
    user_profile_id: 'uprof_of_another_bill',
  })
  const [request] = origin.received
  t.equal(request?.headers['x-api-key'], PROVIDERS_KEY)
  t.notOk(request?.headers.authorization)
  t.match(request?.headers['anthropic-version'], /^\d{4}-\d\d-\d\d$/, 'other headers go on')
  t.same(
    Object.keys(request?.headers ?? {}).filter((name) =>
      /^(?:x-tollgate-|anthropic-(?:workspace|user-profile))/.test(name),
    ),
    [],
    'nothing of ours goes on, and nothing that picks another account',
  )
  await charged(t, org, [{ model: MODEL, tokens }])
})

for (const betas of [
  ['context-1m-2025-08-07'],
  ['interleaved-thinking-2025-05-14', 'made-up-2099-01-01', 'files-api-2025-04-14'],
] as const) {
  void t.test(`the betas ${betas.join(', ')} reach the provider as they are`, async (t) => {
    const org = await createOrg(gateway)
    const tokens = { input: 3, output: 4 }
    mock.onMessage('anthropic, betas', { content: 'Fine.', usage: usage(tokens) })
    const message = await client(org).beta.messages.create({
      model: MODEL,
      max_tokens: 100,
      messages: ask('anthropic, betas'),
      betas: [...betas],
    })
    t.equal(textOf(message), 'Fine.')
    t.equal(mock.getLastRequest()?.headers['anthropic-beta'], betas.join(','))
    await charged(t, org, [{ model: MODEL, tokens }])
  })
}

void t.test(
  'C7: what changes the price of every token is refused, with the field that is at fault',
  async (t) => {
    const org = await createOrg(gateway)
    const { messages } = client(org).beta
    const asked = { model: MODEL, max_tokens: 10, messages: ask('anthropic, options') }
    const served = providers.requestsServed()
    for (const [param, more] of Object.entries({
      speed: { speed: 'fast' as const },
      inference_geo: { inference_geo: 'mars' },
      container: { container: 'container_1' },
      'anthropic-beta': { betas: ['files-api-2025-04-14', 'fast-mode-2026-02-01'] },
      tools: { tools: [{ type: 'code_execution_20250825' as const, name: 'code_execution' as const }] },
    })) {
      t.match(await refusalOf(messages.create({ ...asked, ...more })), {
        status: 400,
        type: 'invalid_request_error',
        errorCode: 'unsupported_option',
        details: { param },
      })
    }
    t.equal(providers.requestsServed(), served, 'nothing reached the provider')
    await charged(t, org, [])
  },
)

void t.test('L3: model lists and token counting are free, also for a user whose limit is 0', async (t) => {
  const org = await createOrg(gateway, { limit: 0 })
  const sdk = client(org, 'scripted/anthropic')
  const info = {
    type: 'model',
    id: MODEL,
    display_name: 'Claude Haiku 4.5',
    created_at: '2025-10-01T00:00:00Z',
  }
  origin.received.length = 0
  origin.answer = ({ url }, response) => {
    if (url.startsWith('/v1/messages/count_tokens')) sendJson(response, { input_tokens: 14 })
    else if (url.startsWith('/v1/models?'))
      sendJson(response, { data: [info], has_more: false, first_id: MODEL, last_id: MODEL })
    else sendJson(response, info)
  }
  const ids: string[] = []
  for await (const model of sdk.models.list({ limit: 5 })) ids.push(model.id)
  t.same(ids, [MODEL])
  t.equal((await sdk.models.retrieve(MODEL)).display_name, 'Claude Haiku 4.5')
  const counted = await sdk.messages.countTokens({ model: MODEL, messages: ask('How long is this?') })
  t.equal(counted.input_tokens, 14)
  const tools = [{ name: 'weather', input_schema: { type: 'object' as const } }]
  const beta = { model: MODEL, messages: ask('And this?'), tools, betas: ['made-up-2099-01-01'] }
  t.equal((await sdk.beta.messages.countTokens(beta)).input_tokens, 14)
  t.same(
    origin.received.map(({ method, url, headers }) => [
      method,
      url,
      headers['x-api-key'],
      headers['anthropic-beta'] ?? '',
    ]),
    [
      ['GET', '/v1/models?limit=5', PROVIDERS_KEY, ''],
      ['GET', `/v1/models/${MODEL}`, PROVIDERS_KEY, ''],
      ['POST', '/v1/messages/count_tokens', PROVIDERS_KEY, ''],
      ['POST', '/v1/messages/count_tokens', PROVIDERS_KEY, 'made-up-2099-01-01,token-counting-2024-11-01'],
    ],
  )
  t.match(JSON.parse(origin.received[2]?.body ?? ''), { messages: ask('How long is this?') })
  await charged(t, org, [])
  const refusal = await refusalOf(
    sdk.messages.create({ model: MODEL, max_tokens: 5, messages: ask('For real') }),
  )
  t.match(refusal, {
    status: 402,
    type: 'billing_error',
    errorCode: 'user_credit_limit_reached',
    details: { scope: 'user', limit: 0, used: 0, counted: 0 },
  })
})
