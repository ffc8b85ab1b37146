/** The demo's simulated providers, asked by the official SDKs. */
import Anthropic from '@anthropic-ai/sdk'
import { GoogleGenAI } from '@google/genai'
import OpenAI from 'openai'
import t from 'tap'
import { startProvider } from '../../src/demo/provider.ts'

const apiKey = 'sk-simulated'
const provider = await startProvider({ apiKey, chunkDelayMs: 0 })
t.teardown(() => provider.stop())
const openai = new OpenAI({ apiKey, baseURL: `${provider.url}/v1`, maxRetries: 0 })
const messages = [{ role: 'user' as const, content: 'Say hello.' }]
const model = 'demo-model'

void t.test('a chat completion has text and usage that adds up', async (t) => {
  const answer = await openai.chat.completions.create({ model, messages })
  t.match(answer, {
    object: 'chat.completion',
    model,
    choices: [{ finish_reason: 'stop', message: { role: 'assistant' } }],
  })
  t.match(answer.choices[0]?.message.content, /^Hello/)
  t.equal(answer.usage?.completion_tokens, Math.ceil((answer.choices[0]?.message.content ?? '').length / 4))
  const { prompt_tokens = 0, completion_tokens = 0, total_tokens } = answer.usage ?? {}
  t.equal(total_tokens, prompt_tokens + completion_tokens)
})

void t.test('max_tokens cuts the text, n multiplies it', async (t) => {
  const answer = await openai.chat.completions.create({ model, messages, max_completion_tokens: 5, n: 2 })
  t.strictSame(
    answer.choices.map((choice) => [choice.index, choice.finish_reason, choice.message.content?.length]),
    [
      [0, 'length', 20],
      [1, 'length', 20],
    ],
  )
  t.equal(answer.usage?.completion_tokens, 10)
})

void t.test('a stream has usage null in every chunk but the last where usage was asked for', async (t) => {
  const stream = await openai.chat.completions.create({
    model,
    messages,
    stream: true,
    stream_options: { include_usage: true },
  })
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  const last = chunks.pop()
  t.strictSame(last?.choices, [])
  t.ok(last?.usage?.completion_tokens)
  t.ok(chunks.every((chunk) => chunk.usage === null))
  t.equal(chunks.at(-1)?.choices[0]?.finish_reason, 'stop')
  const whole = await openai.chat.completions.create({ model, messages })
  t.equal(
    chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''),
    whole.choices[0]?.message.content,
  )
  t.strictSame(last?.usage, whole.usage)
})

void t.test('a stream has no usage at all where it was not asked for', async (t) => {
  const stream = await openai.chat.completions.create({ model, messages, stream: true })
  for await (const chunk of stream) {
    t.notOk('usage' in chunk)
    t.equal(chunk.choices.length, 1)
  }
})

void t.test('responses: whole and as events, with the same usage; a cut one is incomplete', async (t) => {
  const whole = await openai.responses.create({ model, input: 'Say hello.' })
  t.match(whole, { status: 'completed', object: 'response' })
  t.match(whole.output_text, /^Hello/)
  const events = []
  for await (const event of await openai.responses.create({ model, input: 'Say hello.', stream: true }))
    events.push(event)
  t.strictSame(
    events.map((event) => event.sequence_number),
    events.map((_, index) => index),
  )
  t.equal(events[0]?.type, 'response.created')
  const deltas = events.map((event) => (event.type === 'response.output_text.delta' ? event.delta : ''))
  t.equal(deltas.join(''), whole.output_text)
  const last = events.at(-1)
  t.match(last, { type: 'response.completed', response: { usage: whole.usage } })
  const cut = await openai.responses.create({ model, input: 'Say hello.', max_output_tokens: 3 })
  t.match(cut, {
    status: 'incomplete',
    incomplete_details: { reason: 'max_output_tokens' },
    usage: { output_tokens: 3 },
  })
})

void t.test('embeddings: floats and base64 are the same vector, of length one', async (t) => {
  const ask = (encoding_format: 'float' | 'base64') =>
    openai.embeddings.create({ model: 'demo-embedding', input: ['a', 'b'], encoding_format, dimensions: 8 })
  const floats = await ask('float')
  const packed = await ask('base64')
  const bytes = Buffer.from(packed.data[0]?.embedding as unknown as string, 'base64')
  const unpacked = Array.from({ length: 8 }, (_, index) => bytes.readFloatLE(index * 4))
  t.strictSame(floats.data[0]?.embedding, unpacked)
  t.notSame(floats.data[0]?.embedding, floats.data[1]?.embedding)
  t.ok(Math.abs(Math.hypot(...unpacked) - 1) < 1e-6)
  t.strictSame(floats.usage, { prompt_tokens: 2, total_tokens: 2 })
  const usual = await openai.embeddings.create({ model: 'demo-embedding', input: 'a' })
  t.equal(usual.data[0]?.embedding.length, 256, 'as the SDK asks by itself')
})

void t.test('completions and models answer too', async (t) => {
  const answer = await openai.completions.create({ model, prompt: 'Say hello.', max_tokens: 4 })
  t.match(answer, { choices: [{ finish_reason: 'length' }], usage: { completion_tokens: 4 } })
  const chunks = []
  for await (const chunk of await openai.completions.create({ model, prompt: 'Say', stream: true }))
    chunks.push(chunk)
  t.match(chunks.map((chunk) => chunk.choices[0]?.text).join(''), /^Hello/)
  const { data } = await openai.models.list()
  t.ok(data.some((known) => known.id === model))
  t.match(await openai.models.retrieve(model), { id: model })
})

void t.test('bad requests are answered in OpenAI’s error format', async (t) => {
  const table: [param: string, request: OpenAI.ChatCompletionCreateParamsNonStreaming][] = [
    ['messages', { model, messages: [] }],
    ['model', { model: '', messages }],
    ['n', { model, messages, n: 99 }],
  ]
  for (const [param, request] of table) {
    const error: unknown = await openai.chat.completions.create(request).catch((reason: unknown) => reason)
    t.match(error, { status: 400, param })
  }
  await t.rejects(openai.models.retrieve('nobody'), { status: 404, code: 'model_not_found' })
  const stranger = new OpenAI({ apiKey: 'sk-other', baseURL: `${provider.url}/v1`, maxRetries: 0 })
  await t.rejects(stranger.models.list(), { status: 401, code: 'invalid_api_key' })
  const headers = { authorization: `Bearer ${apiKey}` }
  const broken = await fetch(`${provider.url}/v1/chat/completions`, { method: 'POST', headers, body: '{' })
  t.equal(broken.status, 400)
  t.match(await broken.json(), { error: { type: 'invalid_request_error', param: null, code: null } })
})

void t.test('a client that goes away ends its stream, and the provider goes on', async (t) => {
  const slow = await startProvider({ apiKey })
  t.teardown(() => slow.stop())
  const client = new OpenAI({ apiKey, baseURL: `${slow.url}/v1`, maxRetries: 0 })
  const stream = await client.chat.completions.create({ model, messages, stream: true })
  for await (const chunk of stream) {
    t.ok(chunk)
    break
  }
  t.ok(await client.models.list())
})

const anthropic = new Anthropic({ apiKey, baseURL: provider.anthropicUrl, maxRetries: 0 })
const google = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: provider.geminiUrl } })

void t.test('Anthropic: a message, whole and as events, with the same text and usage', async (t) => {
  const request = { model, max_tokens: 1_000, system: 'Be short.', messages }
  const whole = await anthropic.messages.create(request)
  t.match(whole, { type: 'message', model, stop_reason: 'end_turn', content: [{ text: /^Hello/ }] })
  const streamed = await anthropic.messages.stream(request).finalMessage()
  t.strictSame(streamed.content, whole.content)
  t.strictSame(streamed.usage, whole.usage)
  const counted = await anthropic.messages.countTokens({ model, system: 'Be short.', messages })
  t.equal(counted.input_tokens, whole.usage.input_tokens)
  const cut = await anthropic.messages.create({ ...request, max_tokens: 5 })
  t.match(cut, { stop_reason: 'max_tokens', usage: { output_tokens: 5 } })
  t.match((await anthropic.models.list()).data, [{ id: 'demo-agent' }])
})

void t.test('Gemini: an answer, whole and as chunks, with the same text and usage', async (t) => {
  const request = { model, contents: 'Say hello.', config: { systemInstruction: 'Be short.' } }
  const whole = await google.models.generateContent(request)
  t.match(whole.text, /^Hello/)
  t.equal(whole.candidates?.[0]?.finishReason, 'STOP')
  let text = ''
  let last
  for await (const chunk of await google.models.generateContentStream(request)) {
    text += chunk.text ?? ''
    last = chunk
  }
  t.equal(text, whole.text)
  t.strictSame(last?.usageMetadata, whole.usageMetadata)
  t.equal(last?.candidates?.[0]?.finishReason, 'STOP')
  const counted = await google.models.countTokens({ model, contents: 'Say hello.' })
  t.equal(counted.totalTokens, 3)
  const cut = await google.models.generateContent({ ...request, config: { maxOutputTokens: 3 } })
  t.match(cut, { candidates: [{ finishReason: 'MAX_TOKENS' }], usageMetadata: { candidatesTokenCount: 3 } })
  const list = await fetch(`${provider.geminiUrl}/v1beta/models/${model}:streamGenerateContent`, {
    method: 'POST',
    headers: { 'x-goog-api-key': apiKey },
    body: JSON.stringify({ contents: [{ parts: [{ text: 'Say hello.' }] }] }),
  })
  const chunks = (await list.json()) as unknown[]
  t.ok(chunks.length > 1, 'a list where no events are asked for')
})

void t.test('Anthropic and Gemini refuse in formats of their own', async (t) => {
  const ask = async (
    path: string,
    headers: Record<string, string>,
    body?: object,
  ): Promise<[number, unknown]> => {
    const method = body === undefined ? 'GET' : 'POST'
    const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
    const answer = await fetch(provider.url + path, init)
    return [answer.status, await answer.json()]
  }
  const known = { 'x-api-key': apiKey, 'x-goog-api-key': apiKey }
  t.match(await ask('/anthropic/v1/messages', known, { model, max_tokens: 5, messages: [] }), [
    400,
    { type: 'error', error: { type: 'invalid_request_error' } },
  ])
  t.match(await ask('/anthropic/v1/models', { 'x-api-key': 'sk-other' }), [
    401,
    { type: 'error', error: { type: 'authentication_error' } },
  ])
  t.match(await ask(`/gemini/v1beta/models/${model}:generateContent`, known, { contents: [] }), [
    400,
    { error: { code: 400, status: 'INVALID_ARGUMENT' } },
  ])
  t.match(await ask('/gemini/v1beta/nothing', known), [404, { error: { code: 404, status: 'NOT_FOUND' } }])
})
