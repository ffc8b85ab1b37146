/** OpenAI's embeddings, and completions of the old kind. */
import type { Completion, CompletionUsage } from 'openai/resources/completions'
import type { CreateEmbeddingResponse } from 'openai/resources/embeddings'
import { events, json, usage, type CorpusAnswer } from './answer.ts'

const EMBEDDED = { prompt_tokens: 812, total_tokens: 812 }
const vectors: CreateEmbeddingResponse = {
  object: 'list',
  data: [0, 1].map((index) => ({
    object: 'embedding',
    index,
    embedding: [-0.0069, 1.5e-7, 0, -1, 0.25],
  })),
  model: 'text-embedding-3-small',
  usage: EMBEDDED,
}

const COMPLETED: CompletionUsage = { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 }
function completion(text: string, used: CompletionUsage | null): object {
  const value: Completion = {
    id: 'cmpl-corpus',
    object: 'text_completion',
    created: 1_760_000_000,
    model: 'gpt-3.5-turbo-instruct',
    choices: [
      {
        index: 0,
        text,
        finish_reason: 'stop',
        logprobs: { tokens: [text], token_logprobs: [-0.5], text_offset: [0], top_logprobs: [] },
      },
    ],
  }
  return used === null ? value : { ...value, usage: used }
}

const embeddings = {
  family: 'openai',
  provider: null,
  path: '/v1/embeddings',
  model: 'text-embedding-3-small',
  usage: usage({ input: 812 }),
  text: '',
  opinion: {
    provider: 'openai',
    flavor: 'embeddings',
    of: { model: 'text-embedding-3-small', usage: EMBEDDED },
  },
} as const

const completions = {
  family: 'openai',
  provider: null,
  path: '/v1/completions',
  model: 'gpt-3.5-turbo-instruct',
  usage: usage({ input: 5, output: 7 }),
  opinion: {
    provider: 'openai',
    flavor: 'chat',
    of: { model: 'gpt-3.5-turbo-instruct', usage: COMPLETED },
  },
} as const

export const OPENAI_OTHERS: readonly CorpusAnswer[] = [
  { ...embeddings, name: 'embeddings, as numbers', body: json(vectors) },
  {
    ...embeddings,
    name: 'embeddings, in base64, printed over many lines',
    body: json({ ...vectors, data: [{ object: 'embedding', index: 0, embedding: 'dXNhZ2U=' }] }, 2),
  },
  {
    ...completions,
    name: 'completions, whole',
    body: json(completion('\n\nThis is "indeed" a test', COMPLETED)),
    text: '\n\nThis is "indeed" a test',
  },
  {
    ...completions,
    name: 'completions, stream with a report',
    body: events([
      completion('\n\nThis', null),
      completion(' is…', null),
      {
        id: 'cmpl-corpus',
        object: 'text_completion',
        model: 'gpt-3.5-turbo-instruct',
        choices: [],
        usage: COMPLETED,
      },
      '[DONE]',
    ]),
    text: '\n\nThis is…',
  },
]
