/** OpenAI's shapes. */
import { event, none, PIECE, text, type Answer, type Shape } from './shape.ts'

function openaiUsage({ tokens }: Answer, [input, output]: readonly [string, string]): object | null {
  if (tokens === null) return null
  if (tokens === 'nonsense') return { [input]: -1, [output]: '12', total_tokens: 1e300 }
  const prompt = tokens.input + tokens.cached
  return {
    [input]: prompt,
    [output]: tokens.output,
    total_tokens: prompt + tokens.output,
    [`${input}_details`]: { cached_tokens: tokens.cached },
  }
}

const CHAT_NAMES = ['prompt_tokens', 'completion_tokens'] as const
const RESPONSE_NAMES = ['input_tokens', 'output_tokens'] as const

const chatBody = (stream: boolean) => (model: string, prompt: string, maxTokens: number) => ({
  model,
  messages: [{ role: 'user', content: prompt }],
  max_tokens: maxTokens,
  // The gateway asks for the usage report itself.
  ...(stream && { stream }),
})

const openai = {
  family: 'openai',
  generates: true,
  reports: 'at the end',
} as const

export const chat: Shape = {
  ...openai,
  name: 'chat',
  streams: false,
  path: () => '/openai/v1/chat/completions',
  body: chatBody(false),
  whole: (answer) => ({
    id: 'c',
    model: answer.model,
    choices: [{ index: 0, message: { role: 'assistant', content: text(answer) }, finish_reason: 'stop' }],
    ...(answer.tokens !== null && { usage: openaiUsage(answer, CHAT_NAMES) }),
  }),
  events: none,
}

export const chatStream: Shape = {
  ...chat,
  name: 'chat stream',
  streams: true,
  body: chatBody(true),
  whole: none,
  events: (answer) => {
    const chunk = (rest: object): string => event({ id: 'c', model: answer.model, ...rest })
    const delta = (content: string): string => chunk({ choices: [{ index: 0, delta: { content } }] })
    const usage = openaiUsage(answer, CHAT_NAMES)
    return {
      before: [delta('')],
      piece: () => delta(PIECE),
      after: [...(usage === null ? [] : [chunk({ choices: [], usage })]), 'data: [DONE]\n\n'],
    }
  },
}

export const completion: Shape = {
  ...openai,
  name: 'completion',
  streams: false,
  path: () => '/openai/v1/completions',
  body: (model, prompt, maxTokens) => ({ model, prompt, max_tokens: maxTokens }),
  whole: (answer) => ({
    id: 'c',
    model: answer.model,
    choices: [{ index: 0, text: text(answer) }],
    ...(answer.tokens !== null && { usage: openaiUsage(answer, CHAT_NAMES) }),
  }),
  events: none,
}

const responseBody = (stream: boolean) => (model: string, prompt: string, maxTokens: number) => ({
  model,
  input: prompt,
  max_output_tokens: maxTokens,
  ...(stream && { stream }),
})

const responseOf = (answer: Answer, status: string) => ({
  id: 'r',
  object: 'response',
  status,
  model: answer.model,
  output:
    status === 'completed'
      ? [{ type: 'message', content: [{ type: 'output_text', text: text(answer) }] }]
      : [],
  usage: status === 'completed' ? openaiUsage(answer, RESPONSE_NAMES) : null,
})

export const response: Shape = {
  ...openai,
  name: 'response',
  streams: false,
  path: () => '/openai/v1/responses',
  body: responseBody(false),
  whole: (answer) => responseOf(answer, 'completed'),
  events: none,
}

export const responseStream: Shape = {
  ...response,
  name: 'response stream',
  streams: true,
  body: responseBody(true),
  whole: none,
  events: (answer) => {
    const named = (type: string, rest: object): string => event({ type, ...rest }, type)
    return {
      before: [named('response.created', { response: responseOf(answer, 'in_progress') })],
      piece: () => named('response.output_text.delta', { item_id: 'm', delta: PIECE }),
      after: [named('response.completed', { response: responseOf(answer, 'completed') })],
    }
  },
}

export const embedding: Shape = {
  ...openai,
  name: 'embedding',
  generates: false,
  streams: false,
  path: () => '/openai/v1/embeddings',
  body: (model, prompt) => ({ model, input: prompt }),
  whole: (answer) => {
    const { tokens } = answer
    const count = tokens === null || tokens === 'nonsense' ? -1 : tokens.input
    return {
      object: 'list',
      model: answer.model,
      data: [{ object: 'embedding', index: 0, embedding: [0.25, -0.5] }],
      ...(tokens !== null && { usage: { prompt_tokens: count, total_tokens: count } }),
    }
  },
  events: none,
}
