/** Anthropic's messages. */
import type {
  ContentBlock,
  Message,
  MessageDeltaUsage,
  RawContentBlockDelta,
  RawMessageStreamEvent,
  Usage as MessageUsage,
} from '@anthropic-ai/sdk/resources/messages'
import { json, namedEvents, usage, type CorpusAnswer, type Opinion } from './answer.ts'

const MODEL = 'claude-sonnet-4-5-20250929'

function used(some: Partial<MessageUsage>): MessageUsage {
  return {
    input_tokens: 0,
    output_tokens: 0,
    cache_creation: null,
    cache_creation_input_tokens: null,
    cache_read_input_tokens: null,
    inference_geo: 'not_available',
    output_tokens_details: null,
    server_tool_use: null,
    service_tier: 'standard',
    speed: null,
    ...some,
  }
}

function message(content: ContentBlock[], usage: MessageUsage, rest: Partial<Message> = {}): Message {
  return {
    id: 'msg_corpus_1',
    type: 'message',
    role: 'assistant',
    model: MODEL,
    container: null,
    diagnostics: null,
    content,
    stop_details: null,
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage,
    ...rest,
  }
}

function opinion(final: object): Opinion {
  return { provider: 'anthropic', flavor: 'default', of: { model: MODEL, usage: final } }
}

const direct = { type: 'direct' } as const
const said = (text: string): ContentBlock => ({ type: 'text', text, citations: null })

type Ping = { readonly type: 'ping' }
type ErrorEvent = {
  readonly type: 'error'
  readonly error: { readonly type: string; readonly message: string }
}
type WireEvent = RawMessageStreamEvent | Ping | ErrorEvent

function block(index: number, content: ContentBlock, deltas: readonly RawContentBlockDelta[]): WireEvent[] {
  return [
    { type: 'content_block_start', index, content_block: content },
    ...deltas.map((delta): WireEvent => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ]
}

function start(usage: MessageUsage): WireEvent[] {
  return [{ type: 'message_start', message: message([], usage, { stop_reason: null }) }, { type: 'ping' }]
}

function end(usage: Partial<MessageDeltaUsage>, reason: Message['stop_reason'] = 'end_turn'): WireEvent[] {
  const report: MessageDeltaUsage = {
    cache_creation_input_tokens: null,
    cache_read_input_tokens: null,
    input_tokens: null,
    output_tokens: 0,
    output_tokens_details: null,
    server_tool_use: null,
    ...usage,
  }
  const delta = { container: null, stop_details: null, stop_reason: reason, stop_sequence: null }
  return [{ type: 'message_delta', delta, usage: report }, { type: 'message_stop' }]
}

/** As the wire had it before the SDK listed more: only what the message added. */
function shortEnd(outputTokens: number): { readonly type: string }[] {
  return [
    {
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: outputTokens },
    } as { readonly type: string },
    { type: 'message_stop' },
  ]
}

const OVERLOADED: ErrorEvent = {
  type: 'error',
  error: { type: 'overloaded_error', message: 'Overloaded' },
}

const texts = (...parts: readonly string[]): RawContentBlockDelta[] =>
  parts.map((text) => ({ type: 'text_delta', text }))

const CACHED = used({
  input_tokens: 21,
  cache_read_input_tokens: 188_086,
  cache_creation_input_tokens: 4_556,
  cache_creation: { ephemeral_5m_input_tokens: 456, ephemeral_1h_input_tokens: 4_100 },
  output_tokens: 393,
})
const CACHED_USAGE = usage({
  input: 21,
  cachedInput: 188_086,
  cacheWrite: 456,
  cacheWrite1h: 4_100,
  output: 393,
})
const WRITTEN_OLD = used({ input_tokens: 12, cache_creation_input_tokens: 2_048, output_tokens: 7 })

const TOOL_INPUT = {
  usage: { input_tokens: 1, output_tokens: 1 },
  message: { usage: { input_tokens: 2, output_tokens: 2 } },
}
const SEARCHED: ContentBlock[] = [
  {
    type: 'server_tool_use',
    id: 'srvtoolu_1',
    name: 'web_search',
    input: { query: 'usage' },
    caller: direct,
  },
  {
    type: 'web_search_tool_result',
    tool_use_id: 'srvtoolu_1',
    caller: direct,
    content: [
      {
        type: 'web_search_result',
        url: 'https://example.com/',
        title: 'Usage',
        encrypted_content: 'EqgfCioIARgBIiQ3',
        page_age: null,
      },
    ],
  },
  {
    type: 'text',
    text: 'It rains.',
    citations: [
      {
        type: 'web_search_result_location',
        url: 'https://example.com/',
        title: 'Usage',
        encrypted_index: 'Eo8BCioIAhgB',
        cited_text: 'Rain',
      },
    ],
  },
]

const common = { family: 'anthropic', provider: null, path: '/v1/messages', model: MODEL } as const

export const ANTHROPIC: readonly CorpusAnswer[] = [
  {
    ...common,
    name: 'message, whole',
    body: json(message([said('Grüße, 世界 🙂 "usage"')], used({ input_tokens: 2_095, output_tokens: 503 }))),
    usage: usage({ input: 2_095, output: 503 }),
    text: 'Grüße, 世界 🙂 "usage"',
    opinion: opinion(used({ input_tokens: 2_095, output_tokens: 503 })),
  },
  {
    ...common,
    name: 'message, whole, reads from the cache and writes of both lifetimes, printed over many lines',
    body: json(message([said('Yes.')], CACHED), 2),
    usage: CACHED_USAGE,
    text: 'Yes.',
    opinion: opinion(CACHED),
  },
  {
    ...common,
    name: 'message, whole, writes without their lifetimes',
    body: json(message([said('Yes.')], WRITTEN_OLD)),
    usage: usage({ input: 12, cacheWrite: 2_048, output: 7 }),
    text: 'Yes.',
    opinion: opinion(WRITTEN_OLD),
  },
  {
    ...common,
    name: 'message, whole, thinking in the open and hidden, and a tool whose input looks like a report',
    body: json(
      message(
        [
          { type: 'thinking', thinking: 'Let me think…', signature: 'EqQBCgIYAhIM' },
          { type: 'redacted_thinking', data: 'EmwKAhgBEgy3va3p' },
          { type: 'tool_use', id: 'toolu_1', name: 'f', input: TOOL_INPUT, caller: direct },
        ],
        used({ input_tokens: 80, output_tokens: 700, output_tokens_details: { thinking_tokens: 650 } }),
        { stop_reason: 'tool_use' },
      ),
    ),
    usage: usage({ input: 80, output: 700 }),
    text: 'Let me think…',
    opinion: opinion(used({ input_tokens: 80, output_tokens: 700 })),
  },
  {
    ...common,
    name: 'message, whole, searches of the web',
    body: json(
      message(
        SEARCHED,
        used({
          input_tokens: 10_682,
          output_tokens: 510,
          server_tool_use: { web_search_requests: 2, web_fetch_requests: 1 },
        }),
      ),
    ),
    usage: usage({ input: 10_682, output: 510, webSearches: 2 }),
    text: 'It rains.',
    opinion: opinion(
      used({
        input_tokens: 10_682,
        output_tokens: 510,
        server_tool_use: { web_search_requests: 2, web_fetch_requests: 1 },
      }),
    ),
  },
  {
    ...common,
    name: 'message, whole, a refusal without a word',
    body: json(
      message([], used({ input_tokens: 9, output_tokens: 0 }), {
        stop_reason: 'refusal',
        stop_details: { type: 'refusal', category: 'cyber', explanation: null },
      }),
    ),
    usage: usage({ input: 9 }),
    text: '',
    opinion: opinion(used({ input_tokens: 9, output_tokens: 0 })),
  },
  {
    ...common,
    name: 'stream: the last report has its output only',
    body: namedEvents([
      ...start(used({ input_tokens: 25, output_tokens: 1 })),
      ...block(0, said(''), texts('Hello', '! 世', '界')),
      ...shortEnd(15),
    ]),
    usage: usage({ input: 25, output: 15 }),
    text: 'Hello! 世界',
    opinion: opinion({ input_tokens: 25, output_tokens: 15 }),
  },
  {
    ...common,
    name: 'stream: reads and writes of the cache, told at the start, and nulls at the end',
    body: namedEvents([
      ...start({ ...CACHED, output_tokens: 3 }),
      ...block(0, said(''), texts('Yes.')),
      ...end({ output_tokens: 393 }),
    ]),
    usage: CACHED_USAGE,
    text: 'Yes.',
    opinion: opinion(CACHED),
  },
  {
    ...common,
    name: 'stream: thinking, and a tool in pieces',
    body: namedEvents([
      ...start(used({ input_tokens: 472, output_tokens: 2 })),
      ...block(0, { type: 'thinking', thinking: '', signature: '' }, [
        { type: 'thinking_delta', thinking: 'First, ' },
        { type: 'thinking_delta', thinking: 'the city.' },
        { type: 'signature_delta', signature: 'EqQBCgIYAhIM' },
      ]),
      ...block(1, { type: 'redacted_thinking', data: 'EmwKAhgBEgy3va3p' }, []),
      ...block(2, { type: 'tool_use', id: 'toolu_1', name: 'f', input: {}, caller: direct }, [
        { type: 'input_json_delta', partial_json: '' },
        { type: 'input_json_delta', partial_json: '{"usage":{"output_' },
        { type: 'input_json_delta', partial_json: 'tokens":999999}}' },
      ]),
      ...end({ output_tokens: 89, output_tokens_details: { thinking_tokens: 40 } }, 'tool_use'),
    ]),
    usage: usage({ input: 472, output: 89 }),
    text: 'First, the city.{"usage":{"output_tokens":999999}}',
    opinion: opinion(used({ input_tokens: 472, output_tokens: 89 })),
  },
  {
    ...common,
    name: 'stream: searches of the web make the input grow until the end',
    body: namedEvents([
      ...start(
        used({
          input_tokens: 2_679,
          cache_creation_input_tokens: 0,
          cache_read_input_tokens: 0,
          output_tokens: 3,
        }),
      ),
      ...block(0, said(''), texts('I look.')),
      ...block(
        1,
        { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {}, caller: direct },
        [{ type: 'input_json_delta', partial_json: '{"query":"rain"}' }],
      ),
      ...SEARCHED.slice(1, 2).flatMap((result) => block(2, result, [])),
      ...block(3, said(''), [
        ...texts('It rains.'),
        {
          type: 'citations_delta',
          citation: {
            type: 'web_search_result_location',
            url: 'https://example.com/',
            title: null,
            encrypted_index: 'Eo8BCioIAhgB',
            cited_text: 'Rain',
          },
        },
      ]),
      ...end({
        input_tokens: 10_682,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 0,
        output_tokens: 510,
        server_tool_use: { web_search_requests: 1, web_fetch_requests: 0 },
      }),
    ]),
    usage: usage({ input: 10_682, output: 510, webSearches: 1 }),
    text: 'I look.{"query":"rain"}It rains.',
    opinion: opinion({
      input_tokens: 10_682,
      output_tokens: 510,
      server_tool_use: { web_search_requests: 1 },
    }),
  },
  {
    ...common,
    name: 'stream: what is written to the cache grows until the end',
    body: namedEvents([
      ...start(
        used({
          input_tokens: 8,
          cache_creation_input_tokens: 1_000,
          cache_read_input_tokens: 0,
          cache_creation: { ephemeral_5m_input_tokens: 1_000, ephemeral_1h_input_tokens: 0 },
          output_tokens: 1,
        }),
      ),
      ...block(0, said(''), texts('ok')),
      ...end({
        input_tokens: 11,
        cache_creation_input_tokens: 1_700,
        cache_read_input_tokens: 1_000,
        output_tokens: 60,
      }),
    ]),
    usage: usage({ input: 11, cachedInput: 1_000, cacheWrite: 1_700, output: 60 }),
    text: 'ok',
    opinion: opinion({
      input_tokens: 11,
      cache_creation_input_tokens: 1_700,
      cache_read_input_tokens: 1_000,
      output_tokens: 60,
    }),
  },
  {
    ...common,
    name: 'stream: an error in its middle; the input was served, and the output is what came',
    body: namedEvents([
      ...start({ ...CACHED, output_tokens: 3 }),
      // 40 bytes, 10 tokens.
      ...block(0, said(''), texts('This is an answer that will never be end')).slice(0, -1),
      OVERLOADED,
    ]),
    usage: { ...CACHED_USAGE, output: 10 },
    // All but what it opened with.
    guessedOutput: 7,
    text: 'This is an answer that will never be end',
    opinion: 'there is no final usage',
  },
  {
    ...common,
    name: 'stream: an error before anything else',
    body: namedEvents([OVERLOADED]),
    usage: null,
    model: null,
    text: '',
    opinion: 'there is no usage',
  },
]
