/** The `ai` SDK with its OpenAI, Anthropic and Google providers: tools that it runs in a loop, and structured output. */
import { createAnthropic } from '@ai-sdk/anthropic'
import { createGoogle } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import {
  generateObject,
  generateText,
  isStepCount,
  Output,
  streamObject,
  streamText,
  tool,
  type LanguageModel,
} from 'ai'
import t from 'tap'
import { z } from 'zod'
import { createOrg, type TestOrg } from '../support/gateway.ts'
import { startProviders, type PricedModel, type Tokens } from '../support/providers.ts'

// The SDK's own advice on what it is asked for here.
globalThis.AI_SDK_LOG_WARNINGS = false

const providers = await startProviders()
const { gateway, mock, charged } = providers
t.teardown(() => providers.stop())

/** What the SDK is told of the gateway, and nothing else. */
function at(path: string, org: TestOrg): { baseURL: string; apiKey: string } {
  return { baseURL: gateway.dataUrl + path, apiKey: org.key }
}

const MODELS: Readonly<Record<string, { model: PricedModel; open: (org: TestOrg) => LanguageModel }>> = {
  'OpenAI, chat': {
    model: 'gpt-4o-mini',
    open: (org) => createOpenAI(at('/openai/v1', org)).chat('gpt-4o-mini'),
  },
  'OpenAI, responses': {
    model: 'gpt-4o-mini',
    open: (org) => createOpenAI(at('/openai/v1', org))('gpt-4o-mini'),
  },
  Anthropic: {
    model: 'claude-haiku-4-5',
    open: (org) => createAnthropic(at('/anthropic/v1', org))('claude-haiku-4-5'),
  },
  Google: {
    model: 'gemini-2.5-flash',
    open: (org) => createGoogle(at('/gemini/v1beta', org))('gemini-2.5-flash'),
  },
}

/** aimock translates it into each provider's own words. */
function usage({ input, output }: Tokens): { input_tokens: number; output_tokens: number } {
  return { input_tokens: input, output_tokens: output }
}

const ANSWER = z.object({ n: z.number(), words: z.array(z.string()) })
const OBJECT = { n: 42, words: ['Grüße', '👋'] }

type ObjectCall = { readonly model: LanguageModel; readonly prompt: string }

/** Every way in which the SDK can be asked for an object; the deprecated ones are what most programs still call. */
const OBJECTS: Readonly<Record<string, (call: ObjectCall) => PromiseLike<unknown>>> = {
  'generateText with an output': async (call) =>
    (await generateText({ ...call, output: Output.object({ schema: ANSWER }) })).output,
  'streamText with an output': (call) =>
    streamText({ ...call, output: Output.object({ schema: ANSWER }) }).output,
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  generateObject: async (call) => (await generateObject({ ...call, schema: ANSWER })).object,
  streamObject: async (call) => {
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    const { partialObjectStream } = streamObject({ ...call, schema: ANSWER })
    let last: unknown
    for await (const partial of partialObjectStream) last = partial
    return last
  },
}

for (const [name, { model, open }] of Object.entries(MODELS)) {
  for (const stream of [false, true]) {
    const how = stream ? 'streamed' : 'whole'

    void t.test(
      `C2: ${name}: the loop of a tool call and its result is two calls, each charged (${how})`,
      async (t) => {
        const org = await createOrg(gateway)
        const [first, second] = [
          { input: 80, output: 17 },
          { input: 120, output: 9 },
        ]
        const prompt = `vercel, weather: ${name}, ${how}`
        mock.on({ userMessage: prompt, hasToolResult: true }, { content: 'Rain.', usage: usage(second) })
        mock.on(
          { userMessage: prompt, hasToolResult: false },
          {
            toolCalls: [{ name: 'weather', arguments: '{"city":"Köln"}' }],
            usage: usage(first),
            // Gemini has no finish reason of its own for a call; aimock makes one up, at which the provider would stop.
            ...(name === 'Google' ? { finishReason: 'stop' } : {}),
          },
        )
        const cities: string[] = []
        const weather = tool({
          description: 'The weather in a city',
          inputSchema: z.object({ city: z.string() }),
          execute: ({ city }) => {
            cities.push(city)
            return 'rain'
          },
        })
        const asked = { model: open(org), prompt, tools: { weather }, stopWhen: isStepCount(5) }
        const result = stream ? streamText(asked) : await generateText(asked)
        t.equal(await result.text, 'Rain.')
        t.same(cities, ['Köln'], 'the tool ran once, here')
        t.match(await result.usage, { inputTokens: 200, outputTokens: 26 }, 'the SDK adds up the same')
        await charged(t, org, [
          { model, tokens: first },
          { model, tokens: second },
        ])
      },
    )
  }

  for (const [how, objectOf] of Object.entries(OBJECTS)) {
    void t.test(
      `C2: ${name}: structured output by ${how} is charged what the provider reported`,
      async (t) => {
        const org = await createOrg(gateway)
        const tokens = { input: 71, output: 8 }
        const prompt = `vercel, object: ${name}, ${how}.`
        mock.onMessage(prompt, { content: JSON.stringify(OBJECT), usage: usage(tokens) })
        t.same(await objectOf({ model: open(org), prompt }), OBJECT)
        await charged(t, org, [{ model, tokens }])
      },
    )
  }
}

void t.test('C2: Anthropic: structured output by a tool that is forced is charged the same', async (t) => {
  const org = await createOrg(gateway)
  const tokens = { input: 171, output: 18 }
  const prompt = 'vercel, object by a tool'
  const call = { name: 'json', arguments: JSON.stringify(OBJECT) }
  mock.onMessage(prompt, { toolCalls: [call], usage: usage(tokens) })
  const { output } = await generateText({
    model: MODELS['Anthropic']?.open(org) ?? '',
    prompt,
    output: Output.object({ schema: ANSWER }),
    providerOptions: { anthropic: { structuredOutputMode: 'jsonTool' } },
  })
  t.same(output, OBJECT)
  await charged(t, org, [{ model: 'claude-haiku-4-5', tokens }])
})
