/** Every official SDK, unchanged but for base URL and key, side by side: what each of them must get from the gateway. */
import { createAnthropic } from '@ai-sdk/anthropic'
import { createGoogle } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import Anthropic from '@anthropic-ai/sdk'
import { ApiError, GoogleGenAI } from '@google/genai'
import { APICallError, generateText, streamText, type LanguageModel } from 'ai'
import OpenAI from 'openai'
import t, { type Test } from 'tap'
import { createOrg } from '../support/gateway.ts'
import { startProviders, type PricedModel, type Tokens } from '../support/providers.ts'

const providers = await startProviders()
const { gateway, mock, charged, requestsSeen, requestsServed } = providers
t.teardown(() => providers.stop())

interface Caller {
  readonly key: string
  /** Sent with every request, as each SDK has it for all of a client's calls. */
  readonly headers?: Readonly<Record<string, string>>
}

interface Sdk {
  readonly model: PricedModel
  /** The text that the SDK put together. */
  readonly ask: (caller: Caller, question: string, stream: boolean) => Promise<string>
  /** Checks the type of the error, which is the SDK's own, and takes apart what it shows. */
  readonly shown: (error: unknown) => { readonly status: number | undefined; readonly message: string }
}

async function joined<T>(
  chunks: AsyncIterable<T>,
  textOf: (chunk: T) => string | null | undefined,
): Promise<string> {
  let text = ''
  for await (const chunk of chunks) text += textOf(chunk) ?? ''
  return text
}

async function askVercel(model: LanguageModel, prompt: string, stream: boolean): Promise<string> {
  if (!stream) return (await generateText({ model, prompt })).text
  const failures: unknown[] = []
  const answer = streamText({ model, prompt, onError: ({ error }) => void failures.push(error) })
  const text = await joined(answer.textStream, (chunk) => chunk)
  if (failures.length > 0) throw failures[0]
  return text
}

function shownByVercel(error: unknown): ReturnType<Sdk['shown']> {
  if (!APICallError.isInstance(error)) throw error
  return { status: error.statusCode, message: error.message }
}

/** A provider of the `ai` SDK; base URL and headers are named alike in all of them. */
function vercel<T>(create: (options: object) => T, path: string, { key, headers = {} }: Caller): T {
  return create({ baseURL: gateway.dataUrl + path, apiKey: key, headers })
}

const SDKS: Readonly<Record<string, Sdk>> = {
  openai: {
    model: 'gpt-4o-mini',
    async ask({ key, headers = {} }, content, stream) {
      const sdk = new OpenAI({ baseURL: gateway.openaiUrl, apiKey: key, defaultHeaders: headers })
      const asked = { model: 'gpt-4o-mini', messages: [{ role: 'user' as const, content }] }
      if (!stream) return (await sdk.chat.completions.create(asked)).choices[0]?.message.content ?? ''
      const chunks = await sdk.chat.completions.create({ ...asked, stream })
      return joined(chunks, (chunk) => chunk.choices[0]?.delta.content)
    },
    shown(error) {
      if (!(error instanceof OpenAI.APIError)) throw error
      return { status: error.status as number | undefined, message: error.message }
    },
  },
  '@anthropic-ai/sdk': {
    model: 'claude-haiku-4-5',
    async ask({ key, headers = {} }, content, stream) {
      const sdk = new Anthropic({
        baseURL: `${gateway.dataUrl}/anthropic`,
        apiKey: key,
        defaultHeaders: headers,
      })
      const asked = {
        model: 'claude-haiku-4-5',
        max_tokens: 100,
        messages: [{ role: 'user' as const, content }],
      }
      const message = stream
        ? await sdk.messages.stream(asked).finalMessage()
        : await sdk.messages.create(asked)
      return message.content.map((block) => (block.type === 'text' ? block.text : '')).join('')
    },
    shown(error) {
      if (!(error instanceof Anthropic.APIError)) throw error
      return { status: error.status as number | undefined, message: error.apiMessage ?? '' }
    },
  },
  '@google/genai': {
    model: 'gemini-2.5-flash',
    async ask({ key, headers = {} }, contents, stream) {
      const httpOptions = { baseUrl: `${gateway.dataUrl}/gemini`, headers: { ...headers } }
      const { models } = new GoogleGenAI({ apiKey: key, httpOptions })
      const asked = { model: 'gemini-2.5-flash', contents }
      if (!stream) return (await models.generateContent(asked)).text ?? ''
      return joined(await models.generateContentStream(asked), (chunk) => chunk.text)
    },
    shown(error) {
      if (!(error instanceof ApiError)) throw error
      // Its message is the whole of the answer's body.
      const body = JSON.parse(error.message) as { readonly error: { readonly message: string } }
      return { status: error.status, message: body.error.message }
    },
  },
  'ai with @ai-sdk/openai (chat)': {
    model: 'gpt-4o-mini',
    ask: (caller, prompt, stream) =>
      askVercel(vercel(createOpenAI, '/openai/v1', caller).chat('gpt-4o-mini'), prompt, stream),
    shown: shownByVercel,
  },
  'ai with @ai-sdk/openai (responses)': {
    model: 'gpt-4o-mini',
    ask: (caller, prompt, stream) =>
      askVercel(vercel(createOpenAI, '/openai/v1', caller)('gpt-4o-mini'), prompt, stream),
    shown: shownByVercel,
  },
  'ai with @ai-sdk/anthropic': {
    model: 'claude-haiku-4-5',
    ask: (caller, prompt, stream) =>
      askVercel(vercel(createAnthropic, '/anthropic/v1', caller)('claude-haiku-4-5'), prompt, stream),
    shown: shownByVercel,
  },
  'ai with @ai-sdk/google': {
    model: 'gemini-2.5-flash',
    ask: (caller, prompt, stream) =>
      askVercel(vercel(createGoogle, '/gemini/v1beta', caller)('gemini-2.5-flash'), prompt, stream),
    shown: shownByVercel,
  },
}

/** aimock translates it into each provider's own words. */
function usage({ input, output }: Tokens): { input_tokens: number; output_tokens: number } {
  return { input_tokens: input, output_tokens: output }
}

async function failureOf(t: Test, call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => t.fail('was not refused'),
    (reason: unknown) => reason,
  )
}

for (const [name, { model, ask, shown }] of Object.entries(SDKS)) {
  for (const stream of [false, true]) {
    const how = stream ? 'streamed' : 'whole'

    void t.test(
      `C2: ${name}, ${how}: charged what the provider reported, and one request made`,
      async (t) => {
        const org = await createOrg(gateway)
        const tokens = { input: 1_234, output: 567 }
        const question = `asked: ${name}, ${how}`
        mock.onMessage(question, { content: 'Grüße, ada 👋. That is all.', usage: usage(tokens) })
        const [seen, served] = [await requestsSeen(), requestsServed()]
        t.equal(await ask(org, question, stream), 'Grüße, ada 👋. That is all.')
        await charged(t, org, [{ model, tokens }])
        t.equal(await requestsSeen(), seen + 1)
        t.equal(requestsServed(), served + 1)
      },
    )

    void t.test(
      `E2: ${name}, ${how}: at the limit it throws our message after exactly one request`,
      async (t) => {
        const org = await createOrg(gateway, { limit: 1 })
        const tokens = { input: 7, output: 70_000 }
        const question = `to the limit: ${name}, ${how}`
        mock.onMessage(question, { content: 'Used up.', usage: usage(tokens) })
        await ask(org, question, stream)
        await charged(t, org, [{ model, tokens }])

        const [seen, denied, served] = [await requestsSeen(), await requestsSeen('denied'), requestsServed()]
        const { status, message } = shown(await failureOf(t, ask(org, question, stream)))
        t.equal(status, 402)
        t.match(
          message,
          /You have reached your personal credit limit: \d+(?:\.\d+)? of 1 credits are used in this billing period\. Your credits reset on .+\. To go on before that, ask an admin of your organization to raise your limit\.$/,
        )
        t.equal(await requestsSeen(), seen + 1, 'one request, no retries')
        t.equal(await requestsSeen('denied'), denied + 1)
        t.equal(requestsServed(), served, 'nothing reached the provider')
        await charged(t, org, [{ model, tokens }])
      },
    )
  }

  void t.test(`A5: ${name}: an app's key names its user in a default header, who is charged`, async (t) => {
    const org = await createOrg(gateway)
    await gateway.admin('PUT', `/v1/orgs/${org.id}/members/bob`, { role: 'member' })
    const key = await org.createKey({ name: 'app', app: true })
    const tokens = { input: 100, output: 10 }
    const question = `for bob: ${name}`
    mock.onMessage(question, { content: 'Hello, bob.', usage: usage(tokens) })
    const headers = { 'x-tollgate-user': 'bob' }
    for (const stream of [false, true]) t.equal(await ask({ key, headers }, question, stream), 'Hello, bob.')
    const call = { model, tokens }
    await charged(t, org, [call, call], {
      name: 'bob',
      headers: { ...headers, authorization: `Bearer ${key}` },
    })
    t.match(await org.user('ada'), { used: 0, held: 0 })

    const served = requestsServed()
    const stranger = shown(
      await failureOf(t, ask({ key, headers: { 'x-tollgate-user': 'mallory' } }, question, false)),
    )
    t.match(stranger, { status: 403, message: /'mallory'/ })
    t.match(shown(await failureOf(t, ask({ key }, question, false))), {
      status: 400,
      message: /x-tollgate-user/,
    })
    t.equal(requestsServed(), served, 'nothing reached the provider')
  })
}
