/** OpenAI's chat completions. */
import type { ChatCompletion, ChatCompletionChunk } from 'openai/resources/chat/completions'
import type { CompletionUsage } from 'openai/resources/completions'
import { events, json, usage, type CorpusAnswer, type Opinion } from './answer.ts'

const MODEL = 'gpt-4.1-mini-2025-04-14'

type Message = ChatCompletion['choices'][number]['message']

function whole(
  message: Partial<Message>,
  used: CompletionUsage,
  rest: Partial<ChatCompletion> = {},
): ChatCompletion {
  return {
    id: 'chatcmpl-corpus-1',
    object: 'chat.completion',
    created: 1_760_000_000,
    model: MODEL,
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: null, refusal: null, ...message },
        finish_reason: 'stop',
        logprobs: null,
      },
    ],
    usage: used,
    service_tier: 'default',
    ...rest,
  }
}

type Delta = ChatCompletionChunk['choices'][number]['delta']

function chunk(delta: Delta, rest: Partial<ChatCompletionChunk> = {}): ChatCompletionChunk {
  return {
    id: 'chatcmpl-corpus-2',
    object: 'chat.completion.chunk',
    created: 1_760_000_000,
    model: MODEL,
    choices: [{ index: 0, delta, finish_reason: null, logprobs: null }],
    ...rest,
  }
}

function stream(deltas: readonly Delta[], used: CompletionUsage | null, model = MODEL): CorpusAnswer['body'] {
  const rest = used === null ? { model } : { model, usage: null }
  const last = chunk({}, rest)
  const end: ChatCompletionChunk = {
    ...last,
    choices: [{ index: 0, delta: {}, finish_reason: 'stop', logprobs: null }],
  }
  const report = used === null ? [] : [chunk({}, { model, choices: [], usage: used })]
  return events([
    chunk({ role: 'assistant', content: '', refusal: null }, rest),
    ...deltas.map((delta) => chunk(delta, rest)),
    end,
    ...report,
    '[DONE]',
  ])
}

function opinion(used: CompletionUsage, model = MODEL): Opinion {
  return { provider: 'openai', flavor: 'chat', of: { model, usage: used } }
}

const PLAIN: CompletionUsage = {
  prompt_tokens: 1_117,
  completion_tokens: 46,
  total_tokens: 1_163,
  prompt_tokens_details: { cached_tokens: 1_024, audio_tokens: 0 },
  completion_tokens_details: {
    reasoning_tokens: 0,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0,
  },
}
const PLAIN_USAGE = usage({ input: 93, cachedInput: 1_024, output: 46 })

/** Reasoning and rejected predictions are part of the completion. */
const REASONING: CompletionUsage = {
  prompt_tokens: 75,
  completion_tokens: 1_186,
  total_tokens: 1_261,
  prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
  completion_tokens_details: {
    reasoning_tokens: 1_024,
    accepted_prediction_tokens: 12,
    rejected_prediction_tokens: 30,
    audio_tokens: 0,
  },
}

const AUDIO: CompletionUsage = {
  prompt_tokens: 136,
  completion_tokens: 278,
  total_tokens: 414,
  prompt_tokens_details: { audio_tokens: 107, text_tokens: 29, image_tokens: 0, cached_tokens: 0 },
  completion_tokens_details: { audio_tokens: 221, text_tokens: 57, reasoning_tokens: 0 },
}
const AUDIO_USAGE = usage({ input: 29, audioInput: 107, output: 57, audioOutput: 221 })

const CACHE_WRITES: CompletionUsage = {
  prompt_tokens: 5_000,
  completion_tokens: 20,
  total_tokens: 5_020,
  prompt_tokens_details: { cached_tokens: 1_500, cache_write_tokens: 3_000 },
}

const SHORT: CompletionUsage = { prompt_tokens: 9, completion_tokens: 12, total_tokens: 21 }

/** Deprecated, and answered all the same. */
const OLD_CALL: object = { function_call: { name: 'f', arguments: '{}' } }

const TEXT = 'Grüße aus 東京 🙂: "usage" is\n\ta \\ word.'
const ARGUMENTS = '{"city":"Zürich","usage":{"prompt_tokens":1,"completion_tokens":1}}'

const common = { family: 'openai', provider: null, path: '/v1/chat/completions', model: MODEL } as const

export const OPENAI_CHAT: readonly CorpusAnswer[] = [
  {
    ...common,
    name: 'chat, whole, with cached input',
    body: json(whole({ content: TEXT }, PLAIN)),
    usage: PLAIN_USAGE,
    text: TEXT,
    opinion: opinion(PLAIN),
  },
  {
    ...common,
    name: 'chat, whole, printed over many lines',
    body: json(whole({ content: TEXT }, PLAIN), 2),
    usage: PLAIN_USAGE,
    text: TEXT,
    opinion: opinion(PLAIN),
  },
  {
    ...common,
    name: 'chat, whole, usage in front of what was written',
    body: json({ usage: PLAIN, ...whole({ content: TEXT }, PLAIN) }),
    usage: PLAIN_USAGE,
    text: TEXT,
    opinion: opinion(PLAIN),
  },
  {
    ...common,
    name: 'chat, whole, without any details',
    body: json(whole({ content: 'Yes.' }, SHORT)),
    usage: usage({ input: 9, output: 12 }),
    text: 'Yes.',
    opinion: opinion(SHORT),
  },
  {
    ...common,
    name: 'chat, whole, reasoning and predictions',
    body: json(whole({ content: 'Done.' }, REASONING)),
    usage: usage({ input: 75, output: 1_186 }),
    text: 'Done.',
    opinion: opinion(REASONING),
  },
  {
    ...common,
    name: 'chat, whole, tools of both kinds, with annotations',
    body: json(
      whole(
        {
          tool_calls: [
            { id: 'call_1', type: 'function', function: { name: 'weather', arguments: ARGUMENTS } },
            { id: 'call_2', type: 'custom', custom: { name: 'shell', input: 'ls -l' } },
          ],
          annotations: [
            {
              type: 'url_citation',
              url_citation: { start_index: 0, end_index: 1, title: 'usage', url: 'https://example.com/' },
            },
          ],
        },
        PLAIN,
      ),
    ),
    usage: PLAIN_USAGE,
    text: `${ARGUMENTS}ls -l`,
    opinion: opinion(PLAIN),
  },
  {
    ...common,
    name: 'chat, whole, a function call of the old kind',
    body: json(whole({ ...OLD_CALL }, SHORT)),
    usage: usage({ input: 9, output: 12 }),
    text: '{}',
    opinion: opinion(SHORT),
  },
  {
    ...common,
    name: 'chat, whole, a refusal',
    body: json(whole({ refusal: 'I cannot help with that.' }, SHORT)),
    usage: usage({ input: 9, output: 12 }),
    text: 'I cannot help with that.',
    opinion: opinion(SHORT),
  },
  {
    ...common,
    name: 'chat, whole, audio in and out',
    body: json(
      whole(
        {
          audio: { id: 'audio_1', data: 'UklGRgAAAABXQVZF', expires_at: 1_760_003_600, transcript: 'Hello!' },
        },
        AUDIO,
      ),
    ),
    usage: AUDIO_USAGE,
    text: 'Hello!',
    opinion: opinion(AUDIO),
  },
  {
    ...common,
    name: 'chat, whole, input that was written to the cache',
    body: json(whole({ content: 'ok' }, CACHE_WRITES)),
    usage: usage({ input: 500, cachedInput: 1_500, cacheWrite: 3_000, output: 20 }),
    text: 'ok',
    opinion: opinion(CACHE_WRITES),
  },
  {
    ...common,
    name: 'chat, whole, two choices with the likelihoods of their tokens',
    body: json(
      whole({}, SHORT, {
        choices: [0, 1].map((index) => ({
          index,
          message: { role: 'assistant' as const, content: `No ${index}`, refusal: null },
          finish_reason: 'length' as const,
          logprobs: {
            content: [{ token: 'No', logprob: -0.1, bytes: [78, 111], top_logprobs: [] }],
            refusal: null,
          },
        })),
      }),
    ),
    usage: usage({ input: 9, output: 12 }),
    text: 'No 0No 1',
    opinion: opinion(SHORT),
  },
  {
    ...common,
    name: 'chat, stream with a report',
    body: stream(
      [TEXT.slice(0, 9), TEXT.slice(9)].map((content) => ({ content })),
      PLAIN,
    ),
    usage: PLAIN_USAGE,
    text: TEXT,
    opinion: opinion(PLAIN),
  },
  {
    ...common,
    name: 'chat, stream without a report',
    body: stream([{ content: TEXT }], null),
    usage: null,
    text: TEXT,
    opinion: 'there is no usage',
  },
  {
    ...common,
    name: 'chat, stream, tools',
    body: stream(
      [
        {
          tool_calls: [
            { index: 0, id: 'call_1', type: 'function', function: { name: 'weather', arguments: '' } },
          ],
        },
        { tool_calls: [{ index: 0, function: { arguments: ARGUMENTS.slice(0, 20) } }] },
        { tool_calls: [{ index: 0, function: { arguments: ARGUMENTS.slice(20) } }] },
        {
          tool_calls: [
            { index: 1, id: 'call_2', type: 'custom', custom: { name: 'sql', input: 'SELECT 1' } },
          ],
        },
      ],
      REASONING,
    ),
    usage: usage({ input: 75, output: 1_186 }),
    text: `${ARGUMENTS}SELECT 1`,
    opinion: opinion(REASONING),
  },
  {
    ...common,
    name: 'chat, stream, a refusal',
    body: stream([{ refusal: 'I cannot ' }, { refusal: 'help.' }], SHORT),
    usage: usage({ input: 9, output: 12 }),
    text: 'I cannot help.',
    opinion: opinion(SHORT),
  },
  {
    ...common,
    name: 'chat, stream, audio',
    body: stream(
      [
        { audio: { id: 'audio_1', transcript: 'Hel' } },
        { audio: { transcript: 'lo!' } },
        { audio: { data: 'UklGRgAAAABXQVZF' } },
        { audio: { expires_at: 1_760_003_600 } },
      ],
      AUDIO,
    ),
    usage: AUDIO_USAGE,
    text: 'Hello!',
    opinion: opinion(AUDIO),
  },
  {
    ...common,
    name: 'chat, stream, padded against eavesdroppers',
    body: events([
      chunk({ content: 'a' }, { obfuscation: 'x7Kq', usage: null, service_tier: 'default' }),
      chunk({}, { choices: [], usage: PLAIN, obfuscation: '"usage":{' }),
      '[DONE]',
    ]),
    usage: PLAIN_USAGE,
    text: 'a',
    opinion: opinion(PLAIN),
  },
]
