/** OpenAI's responses. */
import type {
  Response,
  ResponseOutputItem,
  ResponseOutputMessage,
  ResponseStreamEvent,
  ResponseUsage,
} from 'openai/resources/responses/responses'
import { json, namedEvents, usage, type CorpusAnswer, type Opinion } from './answer.ts'

const MODEL = 'gpt-5.1-2025-11-13'
/** On the wire there is no `output_text`: the SDK adds it. */
type WireResponse = Omit<Response, 'output_text'>

const USED: ResponseUsage = {
  input_tokens: 2_310,
  input_tokens_details: { cached_tokens: 2_048, cache_write_tokens: 0 },
  output_tokens: 640,
  output_tokens_details: { reasoning_tokens: 512 },
  total_tokens: 2_950,
}
const USAGE = usage({ input: 262, cachedInput: 2_048, output: 640 })
const WRITTEN: ResponseUsage = {
  ...USED,
  input_tokens_details: {
    cached_tokens: 1_000,
    cache_write_tokens: 1_300,
    cache_write_tokens_details: { ttl_30m_tokens: 1_300, ttl_12h_tokens: 0 },
  },
}

function opinion(used: ResponseUsage): Opinion {
  return { provider: 'openai', flavor: 'responses', of: { model: MODEL, usage: used } }
}

function response(rest: Partial<WireResponse>): WireResponse {
  return {
    id: 'resp_corpus_1',
    object: 'response',
    created_at: 1_760_000_000,
    status: 'completed',
    access_programs: null,
    background: false,
    error: null,
    incomplete_details: null,
    instructions: null,
    max_output_tokens: null,
    metadata: { usage: 'none of it' },
    model: MODEL,
    output: [],
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: 'medium', summary: 'auto' },
    service_tier: 'default',
    temperature: 1,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [
      {
        type: 'function',
        name: 'weather',
        strict: true,
        parameters: { type: 'object', properties: { usage: { type: 'string' } } },
      },
    ],
    top_p: 1,
    truncation: 'disabled',
    ...rest,
  }
}

const THOUGHT: ResponseOutputItem = {
  id: 'rs_1',
  type: 'reasoning',
  summary: [{ type: 'summary_text', text: '**Adding** the figures.' }],
  encrypted_content: null,
}
const SAID: ResponseOutputMessage = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  status: 'completed',
  content: [{ type: 'output_text', text: 'Vierzehn – 十四.', annotations: [] }],
}
const CALLED: ResponseOutputItem = {
  id: 'fc_1',
  type: 'function_call',
  status: 'completed',
  call_id: 'call_1',
  name: 'weather',
  arguments: '{"usage":{"input_tokens":5,"output_tokens":5}}',
}
const CUSTOM: ResponseOutputItem = {
  id: 'ctc_1',
  type: 'custom_tool_call',
  call_id: 'call_2',
  name: 'sql',
  input: 'SELECT "usage"',
}
const REFUSED: ResponseOutputMessage = { ...SAID, content: [{ type: 'refusal', refusal: 'No, sorry.' }] }

/** Every event without its number, in the order in which they are sent. */
type Unnumbered<T> = T extends { sequence_number: number } ? Omit<T, 'sequence_number'> : never
type WireEvent =
  | Exclude<Unnumbered<ResponseStreamEvent>, { response: unknown }>
  | {
      readonly type:
        | 'response.created'
        | 'response.in_progress'
        | 'response.completed'
        | 'response.incomplete'
        | 'response.failed'
      readonly response: WireResponse
    }

const at = { output_index: 0, content_index: 0 }

function spoken(item: ResponseOutputMessage, deltas: readonly string[]): WireEvent[] {
  const part = { type: 'output_text' as const, text: '', annotations: [], logprobs: [] }
  const text = deltas.join('')
  return [
    {
      type: 'response.output_item.added',
      output_index: 0,
      item: { ...item, status: 'in_progress', content: [] },
    },
    { type: 'response.content_part.added', ...at, item_id: item.id, part },
    ...deltas.map((delta): WireEvent => ({
      type: 'response.output_text.delta',
      ...at,
      item_id: item.id,
      delta,
      logprobs: [],
    })),
    { type: 'response.output_text.done', ...at, item_id: item.id, text, logprobs: [] },
    { type: 'response.content_part.done', ...at, item_id: item.id, part: { ...part, text } },
    { type: 'response.output_item.done', output_index: 0, item },
  ]
}

function stream(middle: readonly WireEvent[], last: readonly WireEvent[]): CorpusAnswer['body'] {
  const begun = response({ status: 'in_progress' })
  const all: readonly WireEvent[] = [
    { type: 'response.created', response: begun },
    { type: 'response.in_progress', response: begun },
    ...middle,
    ...last,
  ]
  return namedEvents(all.map((event, index) => ({ ...event, sequence_number: index })))
}

const SPOKEN = spoken(SAID, ['Vierzehn', ' – 十四', '.'])
const THINKING: readonly WireEvent[] = [
  {
    type: 'response.output_item.added',
    output_index: 0,
    item: { id: 'rs_1', type: 'reasoning', summary: [] },
  },
  {
    type: 'response.reasoning_summary_part.added',
    item_id: 'rs_1',
    output_index: 0,
    summary_index: 0,
    part: { type: 'summary_text', text: '' },
  },
  {
    type: 'response.reasoning_summary_text.delta',
    item_id: 'rs_1',
    output_index: 0,
    summary_index: 0,
    delta: '**Adding** the figures.',
  },
  {
    type: 'response.reasoning_summary_text.done',
    item_id: 'rs_1',
    output_index: 0,
    summary_index: 0,
    text: '**Adding** the figures.',
  },
  { type: 'response.output_item.done', output_index: 0, item: THOUGHT },
]
const CALLING: readonly WireEvent[] = [
  { type: 'response.output_item.added', output_index: 1, item: { ...CALLED, arguments: '' } },
  {
    type: 'response.function_call_arguments.delta',
    item_id: 'fc_1',
    output_index: 1,
    delta: '{"usage":{"input_',
  },
  {
    type: 'response.function_call_arguments.delta',
    item_id: 'fc_1',
    output_index: 1,
    delta: 'tokens":5,"output_tokens":5}}',
  },
  {
    type: 'response.function_call_arguments.done',
    item_id: 'fc_1',
    output_index: 1,
    arguments: CALLED.arguments,
  },
  { type: 'response.output_item.done', output_index: 1, item: CALLED },
  {
    type: 'response.custom_tool_call_input.delta',
    item_id: 'ctc_1',
    output_index: 2,
    delta: 'SELECT "usage"',
  },
  {
    type: 'response.custom_tool_call_input.done',
    item_id: 'ctc_1',
    output_index: 2,
    input: 'SELECT "usage"',
  },
]

const common = { family: 'openai', provider: null, path: '/v1/responses', model: MODEL } as const

export const OPENAI_RESPONSES: readonly CorpusAnswer[] = [
  {
    ...common,
    name: 'responses, whole, reasoning, text and tools',
    body: json(response({ output: [THOUGHT, SAID, CALLED, CUSTOM], usage: USED })),
    usage: USAGE,
    text: '**Adding** the figures.Vierzehn – 十四.{"usage":{"input_tokens":5,"output_tokens":5}}SELECT "usage"',
    opinion: opinion(USED),
  },
  {
    ...common,
    name: 'responses, whole, printed over many lines, a refusal',
    body: json(response({ output: [REFUSED], usage: USED }), 2),
    usage: USAGE,
    text: 'No, sorry.',
    opinion: opinion(USED),
  },
  {
    ...common,
    name: 'responses, whole, input that was written to the cache',
    body: json(response({ output: [SAID], usage: WRITTEN })),
    usage: usage({ input: 10, cachedInput: 1_000, cacheWrite: 1_300, output: 640 }),
    text: 'Vierzehn – 十四.',
    opinion: opinion(WRITTEN),
  },
  {
    ...common,
    name: 'responses, whole, incomplete',
    body: json(
      response({
        status: 'incomplete',
        incomplete_details: { reason: 'max_output_tokens' },
        output: [SAID],
        usage: USED,
      }),
    ),
    usage: USAGE,
    text: 'Vierzehn – 十四.',
    opinion: opinion(USED),
  },
  {
    ...common,
    name: 'responses, whole, failed without usage',
    body: json(response({ status: 'failed', error: { code: 'server_error', message: 'An error.' } })),
    usage: null,
    text: '',
    opinion: 'there is no usage',
  },
  {
    ...common,
    name: 'responses, stream, completed, all that can happen on the way',
    body: stream(
      [...THINKING, ...SPOKEN, ...CALLING],
      [
        {
          type: 'response.completed',
          response: response({ output: [THOUGHT, SAID, CALLED, CUSTOM], usage: USED }),
        },
      ],
    ),
    usage: USAGE,
    text: '**Adding** the figures.Vierzehn – 十四.{"usage":{"input_tokens":5,"output_tokens":5}}SELECT "usage"',
    opinion: opinion(USED),
  },
  {
    ...common,
    name: 'responses, stream, incomplete',
    body: stream(SPOKEN, [
      {
        type: 'response.incomplete',
        response: response({
          status: 'incomplete',
          incomplete_details: { reason: 'max_output_tokens' },
          output: [SAID],
          usage: USED,
        }),
      },
    ]),
    usage: USAGE,
    text: 'Vierzehn – 十四.',
    opinion: opinion(USED),
  },
  {
    ...common,
    name: 'responses, stream, failed with usage',
    body: stream(SPOKEN, [
      {
        type: 'response.failed',
        response: response({
          status: 'failed',
          error: { code: 'server_error', message: 'The model failed.' },
          usage: USED,
        }),
      },
    ]),
    usage: USAGE,
    text: 'Vierzehn – 十四.',
    opinion: opinion(USED),
  },
  {
    ...common,
    name: 'responses, stream, a refusal',
    body: stream(
      [
        { type: 'response.refusal.delta', ...at, item_id: 'msg_1', delta: 'No, ' },
        { type: 'response.refusal.delta', ...at, item_id: 'msg_1', delta: 'sorry.' },
        { type: 'response.refusal.done', ...at, item_id: 'msg_1', refusal: 'No, sorry.' },
      ],
      [{ type: 'response.completed', response: response({ output: [REFUSED], usage: USED }) }],
    ),
    usage: USAGE,
    text: 'No, sorry.',
    opinion: opinion(USED),
  },
  {
    ...common,
    name: 'responses, stream, an error in its middle',
    body: stream(SPOKEN.slice(0, 4), [
      { type: 'error', code: 'server_error', message: 'Something went wrong.', param: null },
    ]),
    usage: null,
    text: 'Vierzehn – 十四',
    opinion: 'there is no usage',
  },
]
