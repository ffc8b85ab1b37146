/**
 * The official SDK in front of the gateway, @copilotkit/aimock behind it. What aimock lacks (details of usage, embeddings
 * that report more than 0 tokens, legacy completions) is answered below /more by a handler mounted into it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { LLMock } from '@copilotkit/aimock'
import OpenAI from 'openai'
import t, { type Test } from 'tap'
import { createOrg, startGateway, type TestOrg } from '../support/gateway.ts'
import { books, openClient } from '../support/ledger.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import * as keys from '../../src/store/keys.ts'

const PROVIDERS_KEY = 'sk-the-providers-own'
const redis = await startRedis()
const store = await openClient({ url: redis.url })
const mock = new LLMock({ port: 0, chunkSize: 7 })
const more: { answer: (body: Body, response: ServerResponse) => void } = { answer: () => undefined }
mock.mount('/more', {
  async handleRequest(request, response) {
    more.answer(JSON.parse(await textOf(request)) as Body, response)
    return true
  },
})
await mock.start()
const gateway = await startGateway({
  redisUrl: redis.url,
  upstreamUrl: mock.url,
  config: {
    upstreams: {
      openai: { family: 'openai', prefix: '/openai', url: mock.url, apiKey: PROVIDERS_KEY },
      more: { family: 'openai', prefix: '/more', url: `${mock.url}/more`, apiKey: PROVIDERS_KEY },
    },
  },
})
t.teardown(async () => {
  await gateway.stop()
  store.disconnect()
  await mock.stop()
  await redis.stop()
})

type Body = Readonly<Record<string, unknown>>

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

function client(
  org: TestOrg,
  upstream: 'openai' | 'more' = 'openai',
  options: { fetch?: typeof fetch } = {},
): OpenAI {
  return new OpenAI({ apiKey: org.key, baseURL: `${gateway.dataUrl}/${upstream}/v1`, ...options })
}

/** Tokens as a provider reports them: `cached` is part of `input`. */
interface Tokens {
  readonly input: number
  readonly cached?: number
  readonly output: number
}

/** Thousandths of a US dollar per million tokens, written down here and not taken from the gateway's own table. */
const PRICES = {
  'gpt-4o-mini': { input: 150n, cached: 75n, output: 600n },
  'gpt-3.5-turbo-instruct': { input: 1_500n, cached: 1_500n, output: 2_000n },
  'text-embedding-3-small': { input: 20n, cached: 20n, output: 0n },
} as const
type Model = keyof typeof PRICES

/** Microcredits, rounded up once: $0.001 per million tokens is 10^-7 credits a token at 100 credits a dollar, a tenth of one. */
function costOf(model: Model, { input, cached = 0, output }: Tokens): bigint {
  const price = PRICES[model]
  const tenths =
    BigInt(input - cached) * price.input + BigInt(cached) * price.cached + BigInt(output) * price.output
  return (tenths + 9n) / 10n
}

/** Asserts what ada was charged, everywhere that it stands: nothing more, nothing less, and nothing held. */
async function charged(t: Test, org: TestOrg, model: Model, calls: readonly Tokens[]): Promise<void> {
  const cost = calls.reduce((sum, tokens) => sum + costOf(model, tokens), 0n)
  const credits = Number(cost) / 1e6
  t.equal(await org.usedWhenIdle(), credits, '/users')
  const me = await fetch(`${gateway.dataUrl}/tollgate/v1/me`, {
    headers: { authorization: `Bearer ${org.key}` },
  })
  t.match(await me.json(), { used: credits, counted: credits, held: 0 }, '/tollgate/v1/me')
  const expected = Number(cost)
  t.match(await books(store, org.id, ['ada']), {
    used: expected,
    held: 0,
    usersUsed: expected,
    usersHeld: 0,
    openHolds: 0,
    days: expected,
    models: expected,
    leases: 0,
  })
  const input = calls.reduce((sum, tokens) => sum + tokens.input, 0)
  const output = calls.reduce((sum, tokens) => sum + tokens.output, 0)
  t.equal(
    await store.hget(keys.user(org.id, 1, 'ada'), `m:chat|${model}`),
    `${expected} ${calls.length} ${input} ${output}`,
    'credits, calls and tokens by model',
  )
}

/** Calls of every kind that reached the gateway, as it counted them. */
async function requestsSeen(): Promise<number> {
  const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
  return [...text.matchAll(/^tollgate_requests_total\{.*\} (\d+)$/gm)].reduce(
    (sum, [, count]) => sum + Number(count),
    0,
  )
}

function ask(content: string): { role: 'user'; content: string }[] {
  return [{ role: 'user', content }]
}

function usage(tokens: Tokens): { prompt_tokens: number; completion_tokens: number; total_tokens: number } {
  const { input, output } = tokens
  return { prompt_tokens: input, completion_tokens: output, total_tokens: input + output }
}

const WEATHER = {
  type: 'function',
  function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
} as const
const SCHEMA = {
  name: 'answer',
  strict: true,
  schema: {
    type: 'object',
    properties: { n: { type: 'integer' } },
    required: ['n'],
    additionalProperties: false,
  },
}

void t.test('C2: a chat completion is charged what the provider reports', async (t) => {
  const org = await createOrg(gateway)
  mock.onMessage('chat, whole', { content: 'Grüße, ada 👋', usage: usage({ input: 1_234, output: 567 }) })
  const before = mock.getRequests().length
  const answer = await client(org).chat.completions.create({
    model: 'gpt-4o-mini',
    messages: ask('chat, whole'),
  })
  t.equal(answer.choices[0]?.message.content, 'Grüße, ada 👋')
  t.same(answer.usage, usage({ input: 1_234, output: 567 }))
  t.equal(mock.getRequests().length, before + 1, 'one request reached the provider')
  await charged(t, org, 'gpt-4o-mini', [{ input: 1_234, output: 567 }])
})

void t.test(
  'C2: a stream that did not ask for usage is charged the same, and the SDK sees no chunk with usage',
  async (t) => {
    const org = await createOrg(gateway)
    const tokens = { input: 321, output: 45 }
    mock.onMessage('chat, streamed without', { content: 'One chunk after the other.', usage: usage(tokens) })
    const stream = await client(org).chat.completions.create({
      model: 'gpt-4o-mini',
      messages: ask('chat, streamed without'),
      stream: true,
    })
    let text = ''
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? ''
      t.equal(chunk.choices.length, 1, 'no chunk without choices')
      t.equal(chunk.usage ?? null, null)
    }
    t.equal(text, 'One chunk after the other.')
    t.match(
      mock.getLastRequest()?.body,
      { stream_options: { include_usage: true } },
      'the gateway asked for it',
    )
    await charged(t, org, 'gpt-4o-mini', [tokens])
  },
)

void t.test('C2: a stream that asked for usage is charged by it, and the SDK sees it', async (t) => {
  const org = await createOrg(gateway)
  const tokens = { input: 33, output: 4 }
  mock.onMessage('chat, streamed with', { content: 'One chunk after the other.', usage: usage(tokens) })
  const stream = await client(org).chat.completions.create({
    model: 'gpt-4o-mini',
    messages: ask('chat, streamed with'),
    stream: true,
    stream_options: { include_usage: true },
  })
  const reports: unknown[] = []
  for await (const chunk of stream) if (chunk.usage) reports.push(chunk.usage)
  t.same(reports, [usage(tokens)])
  await charged(t, org, 'gpt-4o-mini', [tokens])
})

void t.test('C2: the SDK’s own stream helper works, and is charged', async (t) => {
  const org = await createOrg(gateway)
  const tokens = { input: 50, output: 60 }
  mock.onMessage('chat, helper', { content: 'Put together again.', usage: usage(tokens) })
  const runner = client(org).chat.completions.stream({ model: 'gpt-4o-mini', messages: ask('chat, helper') })
  t.equal(await runner.finalContent(), 'Put together again.')
  await charged(t, org, 'gpt-4o-mini', [tokens])
})

for (const stream of [false, true]) {
  const how = stream ? 'streamed' : 'whole'

  void t.test(`C2: a tool call and its result are two calls, each charged (${how})`, async (t) => {
    const org = await createOrg(gateway)
    const [first, second] = [
      { input: 80, output: 17 },
      { input: 120, output: 9 },
    ]
    const question = `weather, ${how}?`
    const id = `call_${how}`
    mock.onToolResult(id, { content: 'Rain.', usage: usage(second) })
    mock.onMessage(question, {
      toolCalls: [{ id, name: 'weather', arguments: '{"city":"Köln"}' }],
      usage: usage(first),
    })
    const { completions } = client(org).chat
    const asked = { model: 'gpt-4o-mini', messages: ask(question), tools: [WEATHER] } as const
    const called = stream
      ? await completions.stream({ ...asked, tools: [...asked.tools] }).finalMessage()
      : (await completions.create({ ...asked, tools: [...asked.tools] })).choices[0]?.message
    const [call] = called?.tool_calls ?? []
    t.match(call, { id, type: 'function', function: { name: 'weather', arguments: '{"city":"Köln"}' } })
    if (called === undefined) return
    const answer = await completions.create({
      model: 'gpt-4o-mini',
      messages: [...ask(question), called, { role: 'tool', tool_call_id: id, content: 'rain' }],
      tools: [WEATHER],
    })
    t.equal(answer.choices[0]?.message.content, 'Rain.')
    await charged(t, org, 'gpt-4o-mini', [first, second])
  })

  void t.test(`C2: structured output reaches the SDK as it is, and is charged (${how})`, async (t) => {
    const org = await createOrg(gateway)
    const tokens = { input: 71, output: 8 }
    const question = `structured, ${how}`
    mock.onMessage(question, { content: '{"n":42}', usage: usage(tokens) })
    const asked = {
      model: 'gpt-4o-mini',
      messages: ask(question),
      response_format: { type: 'json_schema', json_schema: SCHEMA },
    } as const
    const { completions } = client(org).chat
    const content = stream
      ? await completions.stream(asked).finalContent()
      : (await completions.create(asked)).choices[0]?.message.content
    t.same(JSON.parse(content ?? ''), { n: 42 })
    t.match(mock.getLastRequest()?.body, { response_format: { json_schema: { name: 'answer' } } })
    await charged(t, org, 'gpt-4o-mini', [tokens])
  })

  void t.test(`C2: a response is charged what it reports (${how})`, async (t) => {
    const org = await createOrg(gateway)
    const tokens = { input: 2_001, output: 303 }
    const input = `response, ${how}`
    mock.onMessage(input, { content: 'It responds.', usage: usage(tokens) })
    const { responses } = client(org)
    const answer = stream
      ? await responses.stream({ model: 'gpt-4o-mini', input }).finalResponse()
      : await responses.create({ model: 'gpt-4o-mini', input })
    t.equal(answer.output_text, 'It responds.')
    t.match(
      answer.usage,
      { input_tokens: 2_001, output_tokens: 303 },
      'usage belongs to the answer, and is passed on',
    )
    await charged(t, org, 'gpt-4o-mini', [tokens])
  })

  void t.test(`C2: a response with a function call and a schema is charged (${how})`, async (t) => {
    const org = await createOrg(gateway)
    const tokens = { input: 91, output: 23 }
    const input = `response with a tool, ${how}`
    mock.onMessage(input, {
      toolCalls: [{ name: 'weather', arguments: '{"city":"Bonn"}' }],
      usage: usage(tokens),
    })
    const asked = {
      model: 'gpt-4o-mini',
      input,
      tools: [{ type: 'function', name: 'weather', parameters: WEATHER.function.parameters, strict: false }],
      text: { format: { type: 'json_schema', ...SCHEMA } },
    } satisfies OpenAI.Responses.ResponseCreateParams
    const { responses } = client(org)
    const answer = stream ? await responses.stream(asked).finalResponse() : await responses.create(asked)
    t.match(answer.output, [{ type: 'function_call', name: 'weather', arguments: '{"city":"Bonn"}' }])
    await charged(t, org, 'gpt-4o-mini', [tokens])
  })

  void t.test(
    `C2: cached input has its own price, half microcredits are rounded up once per call (${how})`,
    async (t) => {
      const org = await createOrg(gateway)
      const tokens = { input: 1_203, cached: 1_001, output: 77 }
      t.equal(costOf('gpt-4o-mini', tokens), 202n * 15n + 7_508n + 77n * 60n)
      const report = {
        ...usage(tokens),
        prompt_tokens_details: { cached_tokens: 1_001, audio_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 64, audio_tokens: 0 },
      }
      // Answers name the dated version of a model, which is priced as the model.
      const named = { id: 'chatcmpl-1', created: 1, model: 'gpt-4o-mini-2024-07-18' }
      more.answer = (_body, response) => {
        if (stream) {
          response.writeHead(200, { 'content-type': 'text/event-stream' })
          const delta = {
            ...named,
            choices: [{ index: 0, delta: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
            usage: null,
          }
          response.write(`data: ${JSON.stringify(delta)}\r\n\r\n`)
          response.end(
            `data: ${JSON.stringify({ ...named, choices: [], usage: report })}\r\n\r\ndata: [DONE]\r\n\r\n`,
          )
        } else {
          const message = { role: 'assistant', content: 'Hi' }
          sendJson(response, {
            ...named,
            choices: [{ index: 0, message, finish_reason: 'stop' }],
            usage: report,
          })
        }
      }
      const { completions } = client(org, 'more').chat
      const asked = { model: 'gpt-4o-mini', messages: ask('cached') }
      for (let call = 0; call < 2; call += 1) {
        const content = stream
          ? await completions.stream(asked).finalContent()
          : (await completions.create(asked)).choices[0]?.message.content
        t.equal(content, 'Hi')
      }
      await charged(t, org, 'gpt-4o-mini', [tokens, tokens])
    },
  )

  void t.test(`C2: legacy completions are charged what they report (${how})`, async (t) => {
    const org = await createOrg(gateway)
    const tokens = { input: 13, output: 7 }
    const named = { id: 'cmpl-1', object: 'text_completion', created: 1, model: 'gpt-3.5-turbo-instruct' }
    const choices = [{ index: 0, text: 'Once upon a time', finish_reason: 'stop', logprobs: null }]
    more.answer = (_body, response) => {
      if (stream) {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(`data: ${JSON.stringify({ ...named, choices })}\n\n`)
        response.end(
          `data: ${JSON.stringify({ ...named, choices: [], usage: usage(tokens) })}\n\ndata: [DONE]\n\n`,
        )
      } else sendJson(response, { ...named, choices, usage: usage(tokens) })
    }
    const { completions } = client(org, 'more')
    const asked = { model: 'gpt-3.5-turbo-instruct', prompt: 'Tell me a story' }
    let text = ''
    if (stream) {
      for await (const chunk of await completions.create({ ...asked, stream })) {
        t.equal(chunk.choices.length, 1, 'no chunk without choices')
        text += chunk.choices[0]?.text ?? ''
      }
    } else text = (await completions.create(asked)).choices[0]?.text ?? ''
    t.equal(text, 'Once upon a time')
    await charged(t, org, 'gpt-3.5-turbo-instruct', [tokens])
  })
}

function sendJson(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

void t.test('C2: embeddings are charged for their input', async (t) => {
  const org = await createOrg(gateway)
  const vector = new Float32Array([0.25, -0.5, 1])
  more.answer = (body, response) => {
    t.equal(body['encoding_format'], 'base64', 'what the SDK asks for goes on')
    const embedding = Buffer.from(vector.buffer).toString('base64')
    const data = [{ object: 'embedding', index: 0, embedding }]
    sendJson(response, {
      object: 'list',
      data,
      model: body['model'],
      usage: { prompt_tokens: 77, total_tokens: 77 },
    })
  }
  const { embeddings } = client(org, 'more')
  const answer = await embeddings.create({
    model: 'text-embedding-3-small',
    input: ['some text', 'more text'],
  })
  t.same(answer.data[0]?.embedding, [...vector])
  await charged(t, org, 'text-embedding-3-small', [{ input: 77, output: 0 }])
})

void t.test(
  'C10: embeddings that report no tokens, as aimock’s do, are charged the estimate of their prompt',
  async (t) => {
    const org = await createOrg(gateway)
    mock.onEmbedding('embed me', { embedding: [0.1, 0.2] })
    const { embeddings } = client(org)
    const asked = { model: 'text-embedding-3-small', input: 'embed me', encoding_format: 'float' } as const
    t.same((await embeddings.create(asked)).data[0]?.embedding, [0.1, 0.2])
    // A prompt was sent, and an embedding has no text that could tell whether zeros are true.
    const prompt = Math.ceil(JSON.stringify(asked).length / 3)
    await charged(t, org, 'text-embedding-3-small', [{ input: prompt, output: 0 }])
  },
)

void t.test('L3: the list of models is free, also for a user at the limit', async (t) => {
  const org = await createOrg(gateway, { limit: 0 })
  const { models } = client(org)
  const ids: string[] = []
  for await (const model of models.list()) ids.push(model.id)
  t.ok(ids.includes('gpt-4o'), ids.join())
  t.match(await org.user(), { used: 0, held: 0 })
})

/** An organization whose user ada has used up her limit of one credit. */
async function orgAtItsLimit(t: Test): Promise<TestOrg> {
  const org = await createOrg(gateway, { limit: 1 })
  mock.onMessage('use it all up', { content: 'Done.', usage: usage({ input: 1, output: 20_000 }) })
  await client(org).chat.completions.create({ model: 'gpt-4o-mini', messages: ask('use it all up') })
  t.equal(await org.usedWhenIdle(), 1.200015)
  return org
}

const PAID_CALLS: Readonly<Record<string, (sdk: OpenAI) => Promise<unknown>>> = {
  chat: (sdk) => sdk.chat.completions.create({ model: 'gpt-4o-mini', messages: ask('once more') }),
  'streamed chat': (sdk) =>
    sdk.chat.completions.create({ model: 'gpt-4o-mini', messages: ask('once more'), stream: true }),
  responses: (sdk) => sdk.responses.create({ model: 'gpt-4o-mini', input: 'once more' }),
  embeddings: (sdk) => sdk.embeddings.create({ model: 'text-embedding-3-small', input: 'once more' }),
  completions: (sdk) => sdk.completions.create({ model: 'gpt-3.5-turbo-instruct', prompt: 'once more' }),
}

void t.test(
  'E2: at the limit the SDK throws our message after exactly one request, and none to the provider',
  async (t) => {
    const org = await orgAtItsLimit(t)
    for (const [name, call] of Object.entries(PAID_CALLS)) {
      const [seen, served] = [await requestsSeen(), mock.getRequests().length]
      const error: unknown = await call(client(org)).then(
        () => t.fail(`${name} was not refused`),
        (reason: unknown) => reason,
      )
      if (!(error instanceof OpenAI.APIError)) throw error
      t.equal(error.status, 402, name)
      t.equal(error.code, 'user_credit_limit_reached', name)
      t.equal(error.type, 'insufficient_quota', name)
      t.match(
        error.message,
        /^402 You have reached your personal credit limit: 1\.200015 of 1 credits are used/,
        name,
      )
      t.ok(error.requestID, name)
      t.equal(await requestsSeen(), seen + 1, `${name}: one request, no retries`)
      t.equal(mock.getRequests().length, served, `${name}: nothing reached the provider`)
    }
    await charged(t, org, 'gpt-4o-mini', [{ input: 1, output: 20_000 }])
  },
)

void t.test(
  'E1d: a 429 for calls in flight is retried by the SDK, and succeeds when they have ended',
  async (t) => {
    const org = await createOrg(gateway, { limit: 1 })
    const tokens = { input: 10, output: 10 }
    let finish: () => void = () => undefined
    const finished = new Promise<void>((resolve) => (finish = resolve))
    let started = false
    mock.onMessage('the slow one', async () => {
      started = true
      await finished
      return { content: 'At last.', usage: usage(tokens) }
    })
    mock.onMessage('the quick one', { content: 'At once.', usage: usage(tokens) })
    const statuses: number[] = []
    const sdk = client(org, 'openai', {
      fetch: async (...request) => {
        const response = await fetch(...request)
        statuses.push(response.status)
        if (response.status === 429) finish()
        return response
      },
    })
    // More than a credit is held for the first, so that nothing is left for the second.
    const slow = sdk.chat.completions.create({
      model: 'gpt-4o-mini',
      messages: ask('the slow one'),
      max_completion_tokens: 50_000,
    })
    await until(() => started)
    const quick = await sdk.chat.completions.create({ model: 'gpt-4o-mini', messages: ask('the quick one') })
    t.equal(quick.choices[0]?.message.content, 'At once.')
    t.equal((await slow).choices[0]?.message.content, 'At last.')
    t.same(statuses, [429, 200, 200])
    await charged(t, org, 'gpt-4o-mini', [tokens, tokens])
  },
)
