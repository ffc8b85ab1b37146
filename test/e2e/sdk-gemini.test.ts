/** Google's own SDK in front of the gateway: everything that the Gemini API can be asked for and bill. */
import {
  ApiError,
  GoogleGenAI,
  Type,
  type CallableTool,
  type GenerateContentParameters,
  type GenerateContentResponse,
} from '@google/genai'
import type { ServerResponse } from 'node:http'
import t from 'tap'
import { createOrg, type TestOrg } from '../support/gateway.ts'
import { PROVIDERS_KEY, sendEvents, sendJson, startProviders, type Tokens } from '../support/providers.ts'

const providers = await startProviders()
const { gateway, mock, origin, charged } = providers
t.teardown(() => providers.stop())

const MODEL = 'gemini-2.5-flash'

/** `scripted` leads to what the test's own origin answers. */
function client(org: TestOrg, upstream: 'gemini' | 'scripted/gemini' = 'gemini'): GoogleGenAI {
  return new GoogleGenAI({ apiKey: org.key, httpOptions: { baseUrl: `${gateway.dataUrl}/${upstream}` } })
}

/** The `text` of a response itself warns where there are other parts. */
function textOf({ candidates }: GenerateContentResponse): string {
  return (candidates?.[0]?.content?.parts ?? []).map(({ text = '' }) => text).join('')
}

interface Whole {
  readonly text: string
  /** The last that came, which has the final report. */
  readonly last: GenerateContentResponse | undefined
}

/** Asks, and puts a stream together. */
async function generate(sdk: GoogleGenAI, asked: GenerateContentParameters, stream: boolean): Promise<Whole> {
  if (!stream) {
    const last = await sdk.models.generateContent(asked)
    return { text: textOf(last), last }
  }
  let text = ''
  let last: GenerateContentResponse | undefined
  for await (const chunk of await sdk.models.generateContentStream(asked)) {
    text += textOf(chunk)
    last = chunk
  }
  return { text, last }
}

function usage({ input, output }: Tokens): { promptTokenCount: number; candidatesTokenCount: number } {
  return { promptTokenCount: input, candidatesTokenCount: output }
}

/** An answer with any usage, whole or as a stream whose every chunk has a report of what there was until then. */
function answer(
  response: ServerResponse,
  model: string,
  usageMetadata: object,
  stream: boolean,
  finish = 'STOP',
  more: object = {},
): void {
  const part = (text: string, rest: object): object => ({
    candidates: [{ index: 0, content: { role: 'model', parts: [{ text }] }, ...rest }],
    modelVersion: model,
    responseId: 'r1',
  })
  const end = { finishReason: finish, ...more }
  if (!stream) sendJson(response, { ...part('Found it.', end), usageMetadata })
  else {
    const soFar = { ...usageMetadata, candidatesTokenCount: 1 }
    sendEvents(response, [
      { ...part('Found', {}), usageMetadata: soFar },
      { ...part(' it.', end), usageMetadata },
    ])
  }
}

const WEATHER = {
  name: 'weather',
  description: 'The weather in a city',
  parametersJsonSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}

for (const stream of [false, true]) {
  const how = stream ? 'streamed' : 'whole'

  void t.test(`C2: a tool call and its result are two calls, each charged (${how})`, async (t) => {
    const org = await createOrg(gateway)
    const [first, second] = [
      { input: 80, output: 17 },
      { input: 120, output: 9 },
    ]
    const question = `gemini, weather, ${how}`
    mock.on({ userMessage: question, hasToolResult: true }, { content: 'Rain.', usage: usage(second) })
    mock.on(
      { userMessage: question, hasToolResult: false },
      { toolCalls: [{ name: 'weather', arguments: '{"city":"Köln"}' }], usage: usage(first) },
    )
    // The SDK calls the tool by itself, and asks again with its result.
    const cities: unknown[] = []
    const weather: CallableTool = {
      tool: () => Promise.resolve({ functionDeclarations: [WEATHER] }),
      callTool: (calls) => {
        cities.push(...calls.map(({ args }) => args?.['city']))
        const result = { name: 'weather', response: { output: 'rain' } }
        return Promise.resolve(calls.map(() => ({ functionResponse: result })))
      },
    }
    const { text } = await generate(
      client(org),
      { model: MODEL, contents: question, config: { tools: [weather] } },
      stream,
    )
    t.equal(text, 'Rain.')
    t.same(cities, ['Köln'], 'the tool ran once, here')
    await charged(t, org, [
      { model: MODEL, tokens: first },
      { model: MODEL, tokens: second },
    ])
  })

  void t.test(`C2: structured output reaches the SDK as it is, and is charged (${how})`, async (t) => {
    const org = await createOrg(gateway)
    const tokens = { input: 71, output: 8 }
    const question = `gemini, structured, ${how}`
    mock.onMessage(question, { content: '{"n":42}', usage: usage(tokens) })
    const json = { responseMimeType: 'application/json' }
    const schemas = [
      { responseSchema: { type: Type.OBJECT, properties: { n: { type: Type.INTEGER } }, required: ['n'] } },
      { responseJsonSchema: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] } },
    ]
    for (const schema of schemas) {
      const asked = { model: MODEL, contents: question, config: { ...json, ...schema } }
      const { text, last } = await generate(client(org), asked, stream)
      t.same(JSON.parse(text), { n: 42 })
      t.match(last?.usageMetadata, usage(tokens))
    }
    const call = { model: MODEL, tokens } as const
    await charged(t, org, [call, call])
  })

  void t.test(`C2: a chat of several turns is charged turn by turn (${how})`, async (t) => {
    const org = await createOrg(gateway)
    const turns = [
      { message: `gemini, first turn, ${how}`, says: 'Hello.', tokens: { input: 10, output: 2 } },
      { message: `gemini, second turn, ${how}`, says: 'Still here.', tokens: { input: 25, output: 3 } },
    ]
    const chat = client(org).chats.create({ model: MODEL, config: { systemInstruction: 'Be brief.' } })
    for (const { message, says, tokens } of turns) {
      mock.onMessage(message, { content: says, usage: usage(tokens) })
      let text = ''
      if (stream) for await (const chunk of await chat.sendMessageStream({ message })) text += textOf(chunk)
      else text = textOf(await chat.sendMessage({ message }))
      t.equal(text, says)
    }
    t.match(mock.getLastRequest()?.body, {
      messages: [
        { role: 'system' },
        { role: 'user' },
        { role: 'assistant', content: 'Hello.' },
        { role: 'user' },
      ],
    })
    await charged(
      t,
      org,
      turns.map(({ tokens }) => ({ model: MODEL, tokens })),
    )
  })

  void t.test(
    `C2: cached input, audio, thoughts and the prompts of tools have their prices (${how})`,
    async (t) => {
      const org = await createOrg(gateway)
      const report = {
        promptTokenCount: 5_000,
        cachedContentTokenCount: 3_001,
        toolUsePromptTokenCount: 207,
        candidatesTokenCount: 77,
        thoughtsTokenCount: 1_003,
        totalTokenCount: 6_287,
        promptTokensDetails: [
          { modality: 'TEXT', tokenCount: 4_400 },
          { modality: 'AUDIO', tokenCount: 600 },
        ],
        cacheTokensDetails: [{ modality: 'TEXT', tokenCount: 3_001 }],
      }
      origin.answer = (_request, response) => answer(response, MODEL, report, stream)
      const { text, last } = await generate(
        client(org, 'scripted/gemini'),
        { model: MODEL, contents: 'What is said?' },
        stream,
      )
      t.equal(text, 'Found it.')
      t.match(last?.usageMetadata, report)
      const tokens = { input: 5_000 - 3_001 - 600 + 207, cached: 3_001, audio: 600, output: 77 + 1_003 }
      await charged(t, org, [{ model: MODEL, tokens }])
    },
  )

  void t.test(
    `C2: a context above 200,000 tokens, cached ones included, has the price of its tier (${how})`,
    async (t) => {
      const org = await createOrg(gateway)
      const sdk = client(org, 'scripted/gemini')
      for (const promptTokenCount of [200_000, 200_001]) {
        const report = { promptTokenCount, cachedContentTokenCount: 150_000, candidatesTokenCount: 100 }
        origin.answer = (_request, response) => answer(response, 'gemini-2.5-pro', report, stream)
        await generate(sdk, { model: 'gemini-2.5-pro', contents: 'A long context' }, stream)
      }
      await charged(t, org, [
        { model: 'gemini-2.5-pro', tokens: { input: 50_000, cached: 150_000, output: 100 } },
        { model: 'gemini-2.5-pro >200000', tokens: { input: 50_001, cached: 150_000, output: 100 } },
      ])
    },
  )

  void t.test(
    `C2: an answer that the SDK continues by itself is several calls, each charged (${how})`,
    async (t) => {
      const org = await createOrg(gateway)
      const reports = [
        { promptTokenCount: 40, candidatesTokenCount: 8_000 },
        { promptTokenCount: 8_040, candidatesTokenCount: 900 },
      ]
      origin.received.length = 0
      origin.answer = ({ body }, response) => {
        const [first = {}, second = {}] = reports
        if (body.includes('"continuationToken"')) answer(response, MODEL, second, stream)
        else answer(response, MODEL, first, stream, 'CONTINUATION', { continuationToken: 'dG9rZW4=' })
      }
      const { text } = await generate(
        client(org, 'scripted/gemini'),
        { model: MODEL, contents: 'At length' },
        stream,
      )
      t.equal(text, 'Found it.Found it.')
      t.equal(origin.received.length, 2)
      await charged(t, org, [
        { model: MODEL, tokens: { input: 40, output: 8_000 } },
        { model: MODEL, tokens: { input: 8_040, output: 900 } },
      ])
    },
  )
}

void t.test(
  'C4: strict: an answer that is continued has no bound, since what came before is part of the prompt',
  async (t) => {
    const org = await createOrg(gateway, { admission: 'strict', limit: 10 })
    const served = providers.requestsServed()
    for (const more of [{ continuationToken: 'dG9rZW4=' }, { cachedContent: 'cachedContents/1' }]) {
      const config = { maxOutputTokens: 10, ...more }
      const refusal = await refusalOf(
        client(org).models.generateContent({ model: MODEL, contents: 'On.', config }),
      )
      t.match(refusal, { status: 400, error: { details: [{ reason: 'UNBOUNDED_REQUEST' }] } })
    }
    t.equal(providers.requestsServed(), served, 'nothing reached the provider')
    await charged(t, org, [])
  },
)

async function refusalOf(call: Promise<unknown>): Promise<object> {
  const error: unknown = await call.then(
    () => new Error('was not refused'),
    (reason: unknown) => reason,
  )
  if (!(error instanceof ApiError)) throw error
  return { status: error.status, ...(JSON.parse(error.message) as object) }
}

void t.test('C7: what has no price is refused, with the field that is at fault', async (t) => {
  const org = await createOrg(gateway)
  const served = providers.requestsServed()
  const { models } = client(org)
  for (const [param, config] of Object.entries({
    tools: { tools: [{ googleSearch: {} }] },
    serviceTier: { serviceTier: 'priority' },
  })) {
    const refusal = await refusalOf(
      models.generateContent({ model: MODEL, contents: 'Hello', config: config as object }),
    )
    t.match(refusal, {
      status: 400,
      error: { status: 'INVALID_ARGUMENT', details: [{ reason: 'UNSUPPORTED_OPTION', metadata: { param } }] },
    })
  }
  t.match(await refusalOf(models.generateContent({ model: 'gemini-made-up', contents: 'Hello' })), {
    status: 400,
    error: { message: /'gemini-made-up' has no price/, details: [{ reason: 'MODEL_NOT_PRICED' }] },
  })
  t.match(await refusalOf(models.embedContent({ model: 'gemini-embedding-001', contents: 'Hello' })), {
    status: 404,
    error: { status: 'NOT_FOUND', details: [{ reason: 'ROUTE_NOT_ALLOWED' }] },
  })
  t.equal(providers.requestsServed(), served, 'nothing reached the provider')
  await charged(t, org, [])
})

void t.test('L3: model lists and token counting are free, also for a user whose limit is 0', async (t) => {
  const org = await createOrg(gateway, { limit: 0 })
  const sdk = client(org, 'scripted/gemini')
  const info = { name: `models/${MODEL}`, displayName: 'Gemini 2.5 Flash', inputTokenLimit: 1_048_576 }
  origin.received.length = 0
  origin.answer = ({ url }, response) => {
    if (url.endsWith(':countTokens')) sendJson(response, { totalTokens: 31, promptTokensDetails: [] })
    else if (url.includes('?')) sendJson(response, { models: [info] })
    else sendJson(response, info)
  }
  const names: (string | undefined)[] = []
  for await (const model of await sdk.models.list({ config: { pageSize: 5 } })) names.push(model.name)
  t.same(names, [`models/${MODEL}`])
  t.equal((await sdk.models.get({ model: MODEL })).displayName, 'Gemini 2.5 Flash')
  t.equal((await sdk.models.countTokens({ model: MODEL, contents: 'How long is this?' })).totalTokens, 31)
  t.same(
    origin.received.map(({ method, url, headers }) => [method, url, headers['x-goog-api-key']]),
    [
      ['GET', '/v1/models?pageSize=5', PROVIDERS_KEY],
      ['GET', `/v1/models/${MODEL}`, PROVIDERS_KEY],
      ['POST', `/v1/models/${MODEL}:countTokens`, PROVIDERS_KEY],
    ],
  )
  await charged(t, org, [])
  t.match(await refusalOf(sdk.models.generateContent({ model: MODEL, contents: 'For real' })), {
    status: 402,
    error: {
      code: 402,
      status: 'RESOURCE_EXHAUSTED',
      details: [
        {
          '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
          reason: 'USER_CREDIT_LIMIT_REACHED',
          domain: 'tollgate',
          metadata: { scope: 'user', limit: '0', counted: '0' },
        },
      ],
    },
  })
})

for (const version of ['v1', 'v1beta', 'v1alpha']) {
  void t.test(
    `the key may come in the query, which goes on without it (${version}, SSE and a JSON array)`,
    async (t) => {
      const org = await createOrg(gateway)
      const report = { promptTokenCount: 12, candidatesTokenCount: 3 }
      const chunk = { candidates: [{ content: { parts: [{ text: 'Hi' }] } }], modelVersion: MODEL }
      const chunks = [chunk, { ...chunk, usageMetadata: report }]
      origin.received.length = 0
      origin.answer = ({ url }, response) => {
        if (url.includes('alt=sse')) sendEvents(response, chunks)
        else sendJson(response, chunks)
      }
      for (const query of [`key=${org.key}&alt=sse&prettyPrint=false`, `prettyPrint=false&key=${org.key}`]) {
        const path = `/${version}/models/${MODEL}:streamGenerateContent`
        const response = await fetch(`${gateway.dataUrl}/scripted/gemini${path}?${query}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'x-goog-user-project': 'of-another-bill' },
          body: JSON.stringify({ contents: [{ parts: [{ text: 'Hi' }] }] }),
        })
        t.equal(response.status, 200)
        await response.text()
      }
      const path = `/${version}/models/${MODEL}:streamGenerateContent`
      t.same(
        origin.received.map(({ url }) => url),
        [`${path}?alt=sse&prettyPrint=false`, `${path}?prettyPrint=false`],
      )
      t.notOk(origin.received.some(({ headers }) => 'x-goog-user-project' in headers))
      const call = { model: MODEL, tokens: { input: 12, output: 3 } } as const
      await charged(t, org, [call, call])
    },
  )
}
