/** The shapes of Anthropic, Google, and an API at a flat price. */
import { event, none, PIECE, text, TOKENS_PER_PIECE, type Answer, type Shape } from './shape.ts'

function anthropicInput({ tokens }: Answer): object {
  if (tokens === null) return {}
  if (tokens === 'nonsense') return { input_tokens: -1 }
  return {
    input_tokens: tokens.input,
    cache_read_input_tokens: tokens.cached,
    cache_creation_input_tokens: tokens.write5m + tokens.write1h,
    cache_creation: {
      ephemeral_5m_input_tokens: tokens.write5m,
      ephemeral_1h_input_tokens: tokens.write1h,
    },
  }
}

const outputOf = ({ tokens }: Answer): number =>
  tokens === null || tokens === 'nonsense' ? 0 : tokens.output

const messageBody = (stream: boolean) => (model: string, prompt: string, maxTokens: number) => ({
  model,
  max_tokens: maxTokens,
  messages: [
    { role: 'user', content: [{ type: 'text', text: prompt, cache_control: { type: 'ephemeral' } }] },
  ],
  ...(stream && { stream }),
})

export const message: Shape = {
  name: 'message',
  family: 'anthropic',
  generates: true,
  streams: false,
  reports: 'at the start',
  path: () => '/anthropic/v1/messages',
  body: messageBody(false),
  whole: (answer) => ({
    id: 'm',
    type: 'message',
    model: answer.model,
    content: [{ type: 'text', text: text(answer) }],
    ...(answer.tokens !== null && {
      usage: { ...anthropicInput(answer), output_tokens: outputOf(answer) },
    }),
  }),
  events: none,
}

export const messageStream: Shape = {
  ...message,
  name: 'message stream',
  streams: true,
  body: messageBody(true),
  whole: none,
  events: (answer) => {
    const named = (type: string, rest: object): string => event({ type, ...rest }, type)
    const told = answer.tokens !== null
    const start = { id: 'm', type: 'message', model: answer.model, content: [] }
    const usage = { ...anthropicInput(answer), output_tokens: 1 }
    return {
      before: [
        named('message_start', { message: { ...start, ...(told && { usage }) } }),
        named('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
      ],
      piece: () => named('content_block_delta', { index: 0, delta: { type: 'text_delta', text: PIECE } }),
      after: [
        named('content_block_stop', { index: 0 }),
        named('message_delta', {
          delta: { stop_reason: 'end_turn' },
          ...(told && { usage: { output_tokens: outputOf(answer) } }),
        }),
        named('message_stop', {}),
      ],
    }
  },
}

/** Google's thoughts stand outside of the candidates, and come last. */
function geminiUsage({ tokens }: Answer, candidates: number | null): object {
  if (tokens === null) return {}
  if (tokens === 'nonsense') return { usageMetadata: { promptTokenCount: -1, candidatesTokenCount: 5 } }
  const shown = candidates ?? Math.floor(tokens.output / 2)
  return {
    usageMetadata: {
      promptTokenCount: tokens.input + tokens.cached,
      cachedContentTokenCount: tokens.cached,
      candidatesTokenCount: shown,
      ...(candidates === null && { thoughtsTokenCount: tokens.output - shown }),
    },
  }
}

const geminiText = (content: string) => [{ content: { role: 'model', parts: [{ text: content }] } }]

export const gemini: Shape = {
  name: 'gemini',
  family: 'gemini',
  generates: true,
  streams: false,
  reports: 'with each piece',
  path: (model) => `/gemini/v1beta/models/${model}:generateContent`,
  body: (_model, prompt, maxTokens) => ({
    contents: [{ role: 'user', parts: [{ text: prompt }] }],
    generationConfig: { maxOutputTokens: maxTokens },
  }),
  whole: (answer) => ({
    candidates: geminiText(text(answer)),
    modelVersion: answer.model,
    ...geminiUsage(answer, null),
  }),
  events: none,
}

export const geminiStream: Shape = {
  ...gemini,
  name: 'gemini stream',
  streams: true,
  path: (model) => `/gemini/v1beta/models/${model}:streamGenerateContent?alt=sse`,
  whole: none,
  events: (answer) => {
    const chunk = (content: string, candidates: number | null): string =>
      event({
        candidates: geminiText(content),
        modelVersion: answer.model,
        ...geminiUsage(answer, candidates),
      })
    return {
      before: [],
      piece: (number) => chunk(PIECE, number * TOKENS_PER_PIECE),
      after: [chunk('', null)],
    }
  },
}

export const search: Shape = {
  name: 'search',
  family: 'generic',
  generates: false,
  streams: false,
  reports: 'at the end',
  path: () => '/tools/v1/search',
  body: (_model, prompt) => ({ q: prompt }),
  whole: () => ({ results: ['one', 'two'] }),
  events: none,
}
