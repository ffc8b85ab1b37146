/** What providers that are compatible with OpenAI do otherwise: usage in odd places, in odd sums, under odd names. */
import type { ChatCompletionChunk } from 'openai/resources/chat/completions'
import { commented, events, json, usage, type CorpusAnswer, type Opinion } from './answer.ts'

type Delta = ChatCompletionChunk['choices'][number]['delta'] & {
  readonly reasoning_content?: string
  readonly reasoning?: string
}

function chunk(model: string, delta: Delta, rest: object = {}): object {
  const choices = [{ index: 0, delta, finish_reason: null }]
  return { id: 'c-1', object: 'chat.completion.chunk', created: 1_760_000_000, model, choices, ...rest }
}

function last(model: string, delta: Delta, rest: object): object {
  return chunk(model, delta, { choices: [{ index: 0, delta, finish_reason: 'stop' }], ...rest })
}

function whole(model: string, message: object, used: object, rest: object = {}): object {
  return {
    id: 'c-1',
    object: 'chat.completion',
    created: 1_760_000_000,
    model,
    choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: 'stop' }],
    usage: used,
    ...rest,
  }
}

function opinion(provider: string, flavor: string, model: string, used: object): Opinion {
  return { provider, flavor, of: { model, usage: used } }
}

const common = { family: 'openai', path: '/v1/chat/completions' } as const

const GROQ = 'llama-3.3-70b-versatile'
const GROQ_USED = {
  queue_time: 0.018,
  prompt_tokens: 38,
  prompt_time: 0.002,
  completion_tokens: 15,
  completion_time: 0.055,
  total_tokens: 53,
  total_time: 0.057,
  prompt_tokens_details: { cached_tokens: 32 },
}

const MISTRAL = 'mistral-medium-latest'
const MISTRAL_USED = { prompt_tokens: 14, completion_tokens: 9, total_tokens: 23 }

const GROK = 'grok-4-0709'
const GROK_USED = {
  prompt_tokens: 32,
  completion_tokens: 9,
  total_tokens: 135,
  prompt_tokens_details: { text_tokens: 32, audio_tokens: 0, image_tokens: 0, cached_tokens: 6 },
  completion_tokens_details: {
    reasoning_tokens: 94,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0,
  },
  num_sources_used: 0,
}

const SONAR = 'sonar'
const sonarUsed = (completion: number): object => ({
  prompt_tokens: 7,
  completion_tokens: completion,
  total_tokens: 7 + completion,
  search_context_size: 'low',
  cost: { input_tokens_cost: 0, output_tokens_cost: 0, request_cost: 0.005, total_cost: 0.005 },
})
const RESEARCH_USED = {
  prompt_tokens: 33,
  completion_tokens: 7_163,
  total_tokens: 7_196,
  citation_tokens: 20_016,
  num_search_queries: 19,
  reasoning_tokens: 73_997,
}

const DEEPSEEK = 'deepseek-reasoner'
const DEEPSEEK_USED = {
  prompt_tokens: 1_300,
  completion_tokens: 420,
  total_tokens: 1_720,
  prompt_tokens_details: { cached_tokens: 1_280 },
  completion_tokens_details: { reasoning_tokens: 400 },
  prompt_cache_hit_tokens: 1_280,
  prompt_cache_miss_tokens: 20,
}
const DEEPSEEK_OLD = {
  prompt_tokens: 1_300,
  completion_tokens: 420,
  total_tokens: 1_720,
  prompt_cache_hit_tokens: 1_280,
  prompt_cache_miss_tokens: 20,
}

const KIMI = 'kimi-k2-0905-preview'
const KIMI_USED = { prompt_tokens: 19, completion_tokens: 21, total_tokens: 40, cached_tokens: 10 }

const ROUTED = 'anthropic/claude-sonnet-4.5'
const ROUTED_USED = {
  prompt_tokens: 3_194,
  completion_tokens: 100,
  total_tokens: 3_294,
  cost: 0.0123,
  is_byok: false,
  prompt_tokens_details: {
    cached_tokens: 2_000,
    cache_write_tokens: 1_100,
    audio_tokens: 0,
    video_tokens: 0,
  },
  cost_details: { upstream_inference_cost: null },
  completion_tokens_details: { reasoning_tokens: 60, image_tokens: 0 },
}

const GEMINI = 'gemini-2.5-flash'
const GEMINI_USED = { completion_tokens: 12, prompt_tokens: 8, total_tokens: 620 }

const VLLM = 'Qwen/Qwen3-32B'
const vllmUsed = (completion: number): object => ({
  prompt_tokens: 11,
  total_tokens: 11 + completion,
  completion_tokens: completion,
  prompt_tokens_details: null,
})

export const COMPATIBLE: readonly CorpusAnswer[] = [
  {
    ...common,
    provider: 'groq',
    name: 'Groq, stream: usage in x_groq of the last content chunk',
    body: events([
      chunk(GROQ, { role: 'assistant', content: '' }, { x_groq: { id: 'req_1', usage: null } }),
      chunk(GROQ, { content: 'Fast.' }),
      last(GROQ, {}, { x_groq: { id: 'req_1', usage: GROQ_USED } }),
      '[DONE]',
    ]),
    usage: usage({ input: 6, cachedInput: 32, output: 15 }),
    model: GROQ,
    text: 'Fast.',
    opinion: opinion('groq', 'default', GROQ, GROQ_USED),
  },
  {
    ...common,
    provider: 'groq',
    name: 'Groq, stream: usage in x_groq and then in a chunk of its own',
    body: events([
      chunk(GROQ, { reasoning: 'Hm.' }),
      last(GROQ, { content: 'Fast.' }, { x_groq: { id: 'req_1', usage: GROQ_USED } }),
      { id: 'c-1', object: 'chat.completion.chunk', model: GROQ, choices: [], usage: GROQ_USED },
      '[DONE]',
    ]),
    usage: usage({ input: 6, cachedInput: 32, output: 15 }),
    model: GROQ,
    text: 'Hm.Fast.',
    opinion: opinion('groq', 'default', GROQ, GROQ_USED),
  },
  {
    ...common,
    provider: 'mistral',
    name: 'Mistral, stream: usage on the last content chunk',
    body: events([
      chunk(MISTRAL, { role: 'assistant', content: '' }),
      chunk(MISTRAL, { content: 'Bon' }),
      last(MISTRAL, { content: 'jour' }, { usage: MISTRAL_USED }),
      '[DONE]',
    ]),
    usage: usage({ input: 14, output: 9 }),
    model: MISTRAL,
    text: 'Bonjour',
    opinion: opinion('mistral', 'default', MISTRAL, MISTRAL_USED),
  },
  {
    ...common,
    provider: 'x-ai',
    name: 'xAI, whole: reasoning outside of the completion',
    body: json(whole(GROK, { content: '42', reasoning_content: 'Six by seven.', refusal: null }, GROK_USED)),
    usage: usage({ input: 26, cachedInput: 6, output: 103 }),
    model: GROK,
    text: '42Six by seven.',
    opinion: opinion('x-ai', 'chat', GROK, GROK_USED),
  },
  {
    ...common,
    provider: 'x-ai',
    name: 'xAI, stream: reasoning outside of the completion',
    body: events([
      chunk(GROK, { role: 'assistant', content: '', reasoning_content: 'Six by seven.' }),
      chunk(GROK, { content: '42' }),
      last(GROK, {}, { usage: GROK_USED }),
      '[DONE]',
    ]),
    usage: usage({ input: 26, cachedInput: 6, output: 103 }),
    model: GROK,
    text: 'Six by seven.42',
    opinion: opinion('x-ai', 'chat', GROK, GROK_USED),
  },
  {
    ...common,
    provider: 'perplexity',
    name: 'Perplexity, stream: usage so far on each chunk',
    body: events([
      chunk(SONAR, { content: 'One' }, { usage: sonarUsed(1), citations: ['https://example.com/usage'] }),
      chunk(SONAR, { content: ' two' }, { usage: sonarUsed(3) }),
      last(SONAR, { content: '.' }, { usage: sonarUsed(5), search_results: [{ title: 'usage', url: 'x' }] }),
    ]),
    usage: usage({ input: 7, output: 5 }),
    model: SONAR,
    text: 'One two.',
    opinion: opinion('perplexity', 'default', SONAR, sonarUsed(5)),
  },
  {
    ...common,
    provider: 'perplexity',
    name: 'Perplexity, whole: deep research, with reasoning and citations beside the completion, and searches',
    body: json(whole('sonar-deep-research', { content: 'A report.' }, RESEARCH_USED)),
    usage: usage({ input: 33, output: 101_176, webSearches: 19 }),
    model: 'sonar-deep-research',
    text: 'A report.',
    opinion: opinion('perplexity', 'default', 'sonar-deep-research', RESEARCH_USED),
  },
  {
    ...common,
    provider: 'deepseek',
    name: 'DeepSeek, stream: reasoning in a field of its own, hits of the cache in two places',
    body: commented(
      events([
        chunk(DEEPSEEK, { reasoning_content: 'Let me see.' }, { usage: null }),
        chunk(DEEPSEEK, { content: 'Yes' }, { usage: null }),
        last(DEEPSEEK, { content: '' }, { usage: DEEPSEEK_USED }),
        '[DONE]',
      ]),
      'keep-alive',
    ),
    usage: usage({ input: 20, cachedInput: 1_280, output: 420 }),
    model: DEEPSEEK,
    text: 'Let me see.Yes',
    opinion: opinion('deepseek', 'chat', DEEPSEEK, DEEPSEEK_USED),
  },
  {
    ...common,
    provider: 'deepseek',
    name: 'DeepSeek, whole: hits of the cache outside of the details only',
    body: json(whole(DEEPSEEK, { content: 'Yes', reasoning_content: 'Hm' }, DEEPSEEK_OLD)),
    usage: usage({ input: 20, cachedInput: 1_280, output: 420 }),
    model: DEEPSEEK,
    text: 'YesHm',
    opinion: {
      ...opinion('deepseek', 'chat', DEEPSEEK, DEEPSEEK_OLD),
      differs: {
        cache_read_tokens: { theirs: undefined, why: 'they look into the details only, which are not there' },
      },
    },
  },
  {
    ...common,
    provider: 'moonshotai',
    name: 'Moonshot, whole: cached input outside of the details',
    body: json(whole(KIMI, { content: 'Hello.' }, KIMI_USED)),
    usage: usage({ input: 9, cachedInput: 10, output: 21 }),
    model: KIMI,
    text: 'Hello.',
    opinion: {
      ...opinion('moonshotai', 'chat', KIMI, KIMI_USED),
      differs: {
        cache_read_tokens: { theirs: undefined, why: 'they look into the details only, which are not there' },
      },
    },
  },
  {
    ...common,
    provider: 'openrouter',
    name: 'OpenRouter, stream: comments, writes to the cache, costs, reasoning twice',
    body: commented(
      events([
        chunk(
          ROUTED,
          { reasoning: 'Hm.', role: 'assistant' },
          {
            provider: 'Anthropic',
            reasoning_details: [{ type: 'reasoning.text', text: 'Hm.', usage: { prompt_tokens: 1 } }],
          },
        ),
        chunk(ROUTED, { content: 'Oui.' }),
        last(ROUTED, { content: '' }, { usage: ROUTED_USED }),
        '[DONE]',
      ]),
      'OPENROUTER PROCESSING',
    ),
    usage: usage({ input: 94, cachedInput: 2_000, cacheWrite: 1_100, output: 100 }),
    model: ROUTED,
    text: 'Hm.Oui.',
    opinion: opinion('openrouter', 'chat', ROUTED, ROUTED_USED),
  },
  {
    ...common,
    provider: 'openrouter',
    name: 'OpenRouter, stream: an error in the middle, as an event like any other',
    body: events([
      chunk(ROUTED, { content: 'Ou' }),
      chunk(
        ROUTED,
        { content: '' },
        {
          error: { code: 'server_error', message: 'Provider disconnected unexpectedly' },
          choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
        },
      ),
    ]),
    usage: null,
    model: ROUTED,
    text: 'Ou',
    opinion: 'there is no usage',
  },
  {
    ...common,
    provider: 'google',
    name: 'Gemini by OpenAI’s API: thoughts in the total only',
    body: json(whole(GEMINI, { content: 'Bonjour' }, GEMINI_USED)),
    usage: usage({ input: 8, output: 612 }),
    model: GEMINI,
    text: 'Bonjour',
    opinion: {
      ...opinion('google', 'chat', GEMINI, GEMINI_USED),
      differs: { output_tokens: { theirs: 12, why: 'they leave out what only the total has' } },
    },
  },
  {
    ...common,
    provider: 'google',
    name: 'Gemini by OpenAI’s API, stream: usage so far on each chunk',
    body: events([
      chunk(
        GEMINI,
        { content: 'Bon' },
        { usage: { completion_tokens: 3, prompt_tokens: 8, total_tokens: 611 } },
      ),
      last(GEMINI, { content: 'jour' }, { usage: GEMINI_USED }),
      '[DONE]',
    ]),
    usage: usage({ input: 8, output: 612 }),
    model: GEMINI,
    text: 'Bonjour',
    opinion: {
      ...opinion('google', 'chat', GEMINI, GEMINI_USED),
      differs: { output_tokens: { theirs: 12, why: 'they leave out what only the total has' } },
    },
  },
  {
    ...common,
    provider: null,
    name: 'vLLM, stream: usage so far on each chunk, from the first one on',
    body: events([
      chunk(VLLM, { role: 'assistant', content: '' }, { usage: vllmUsed(0) }),
      chunk(VLLM, { content: '你' }, { usage: vllmUsed(1) }),
      chunk(VLLM, { content: '好' }, { usage: vllmUsed(2) }),
      { id: 'c-1', object: 'chat.completion.chunk', model: VLLM, choices: [], usage: vllmUsed(3) },
      '[DONE]',
    ]),
    usage: usage({ input: 11, output: 3 }),
    model: VLLM,
    text: '你好',
    opinion: opinion('openai', 'chat', VLLM, vllmUsed(3)),
  },
  {
    ...common,
    provider: 'azure',
    name: 'Azure, stream: results of its filter first and last, without a model',
    body: events([
      {
        id: '',
        object: '',
        created: 0,
        model: '',
        choices: [],
        prompt_filter_results: [{ prompt_index: 0, content_filter_results: {} }],
      },
      chunk('gpt-4o-2024-11-20', { content: 'Hi' }, { usage: null }),
      chunk('gpt-4o-2024-11-20', {}, { choices: [], usage: vllmUsed(3) }),
      '[DONE]',
    ]),
    usage: usage({ input: 11, output: 3 }),
    model: 'gpt-4o-2024-11-20',
    text: 'Hi',
    opinion: opinion('azure', 'chat', 'gpt-4o-2024-11-20', vllmUsed(3)),
  },
]
