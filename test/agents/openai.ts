/** A simulated OpenAI Responses API. */
import { objectsOf, textIn, type Asked, type Json, type Tokens, type Turn } from './conversation.ts'

/** What the provider knows; anything else is 400 there. */
const FIELDS = new Set(
  (
    'model input instructions tools tool_choice parallel_tool_calls reasoning store stream include service_tier ' +
    'prompt_cache_key prompt_cache_retention text client_metadata metadata previous_response_id max_output_tokens ' +
    'temperature top_p truncation user safety_identifier stream_options background conversation context_management'
  ).split(' '),
)

/** The error that the provider answers with, or null. */
export function refusalOf(body: Json): Json | null {
  const unknown = Object.keys(body).find((field) => !FIELDS.has(field))
  return unknown === undefined ? null : error(`Unknown parameter: '${unknown}'.`, unknown)
}

export function error(message: string, param: string | null = null, code: string | null = null): Json {
  return { error: { message, type: 'invalid_request_error', param, code } }
}

export function readResponses(body: Json): Asked {
  const items =
    typeof body['input'] === 'string'
      ? [{ type: 'message', content: body['input'] }]
      : objectsOf(body['input'])
  return {
    model: String(body['model']),
    entries: items.map((item) => ({
      isResult: String(item['type']).endsWith('_output'),
      text: textIn(item),
    })),
    tools: [body, ...items].flatMap(({ tools }) => toolsOf(tools)),
    isStream: body['stream'] === true,
    isJson: false,
    isCompaction: items.some(({ type }) => type === 'compaction_trigger'),
  }
}

/** Those of a namespace too, as `namespace.name`. */
function toolsOf(tools: unknown): string[] {
  return objectsOf(tools).flatMap(({ type, name, tools: inner }) =>
    type === 'namespace' ? toolsOf(inner).map((tool) => `${String(name)}.${tool}`) : [String(name ?? type)],
  )
}

function usageOf({ input, cached, output }: Tokens): Json {
  return {
    input_tokens: input + cached,
    input_tokens_details: { cached_tokens: cached },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: Math.floor(output / 2) },
    total_tokens: input + cached + output,
  }
}

function itemOf(asked: Asked, turn: Turn, id: string): Json {
  if (asked.isCompaction) return compactionItem(id)
  if (turn.kind === 'text') {
    const content = [{ type: 'output_text', text: turn.text, annotations: [], logprobs: [] }]
    return { id: `msg_${id}`, type: 'message', status: 'completed', role: 'assistant', content }
  }
  const names = turn.name.split('.')
  const call = {
    status: 'completed',
    call_id: `call_${id}`,
    name: names.at(-1),
    ...(names.length > 1 && { namespace: names[0] }),
  }
  return typeof turn.input === 'string'
    ? { id: `ctc_${id}`, type: 'custom_tool_call', ...call, input: turn.input }
    : { id: `fc_${id}`, type: 'function_call', ...call, arguments: JSON.stringify(turn.input) }
}

function compactionItem(id: string): Json {
  return { id: `cmp_${id}`, type: 'compaction', encrypted_content: 'c2ltdWxhdGVk' }
}

/** A whole response, and the events that it is streamed as. */
export function responseOf(asked: Asked, turn: Turn, tokens: Tokens, id: string): [Json, Json[]] {
  const item = itemOf(asked, turn, id)
  const started = {
    id: `resp_${id}`,
    object: 'response',
    created_at: 1_790_000_000,
    status: 'in_progress',
    error: null,
    incomplete_details: null,
    model: asked.model,
    output: [],
    service_tier: 'default',
    usage: null,
  }
  const ended = { ...started, status: 'completed', output: [item], usage: usageOf(tokens) }
  const events = [
    { type: 'response.created', response: started },
    { type: 'response.in_progress', response: started },
    { type: 'response.output_item.added', output_index: 0, item: opened(item) },
    ...deltasOf(item, turn),
    { type: 'response.output_item.done', output_index: 0, item },
    { type: 'response.completed', response: ended },
  ]
  return [ended, events.map((event, sequence_number) => ({ ...event, sequence_number }))]
}

/** The item as its stream begins, before any of its text. */
function opened(item: Json): Json {
  const empty = { content: [], arguments: '', input: '' }
  const fields = Object.entries(empty).filter(([field]) => field in item)
  return { ...item, status: 'in_progress', ...Object.fromEntries(fields) }
}

function deltasOf({ type, id: item_id }: Json, turn: Turn): Json[] {
  const at = { item_id, output_index: 0 }
  if (type === 'compaction') return []
  if (turn.kind === 'text')
    return [{ type: 'response.output_text.delta', ...at, content_index: 0, delta: turn.text, logprobs: [] }]
  return typeof turn.input === 'string'
    ? [{ type: 'response.custom_tool_call_input.delta', ...at, delta: turn.input }]
    : [{ type: 'response.function_call_arguments.delta', ...at, delta: JSON.stringify(turn.input) }]
}

/** What `/v1/responses/compact` answers. */
export function compactionOf(asked: Asked, tokens: Tokens, id: string): Json {
  return {
    id: `resp_${id}`,
    object: 'response.compaction',
    created_at: 1_790_000_000,
    output: [compactionItem(id)],
    usage: usageOf(tokens),
    model: asked.model,
  }
}
