/** A simulated Anthropic Messages API, which refuses fields that come without their beta as the real one does. */
import { isJson, objectsOf, textIn, type Asked, type Json, type Tokens, type Turn } from './conversation.ts'

/** Fields of the body that exist only with a beta, and what its name begins with. */
const BETA_FIELDS: readonly (readonly [field: string, beta: RegExp, isThere: (body: Json) => boolean])[] = [
  ['context_management', /^(?:context-management|compact)-/, (body) => 'context_management' in body],
  ['output_config.effort', /^effort-/, ({ output_config: config }) => isJson(config) && 'effort' in config],
  ['output_format', /^structured-outputs-/, (body) => 'output_format' in body],
  ['mcp_servers', /^mcp-client-/, (body) => 'mcp_servers' in body],
  ['container', /^(?:skills|code-execution)-/, (body) => 'container' in body],
  ['diagnostics', /^cache-diagnosis-/, (body) => 'diagnostics' in body],
  ['speed', /^fast-mode-/, (body) => 'speed' in body],
  ['fallbacks', /^server-side-fallback-/, (body) => 'fallbacks' in body],
  [
    'system.0.cache_control.ephemeral.scope',
    /^prompt-caching-scope-/,
    (body) => objectsOf(body['system']).some(({ cache_control: cache }) => isJson(cache) && 'scope' in cache),
  ],
  [
    'tools.0.defer_loading',
    /^(?:advanced-tool-use|tool-search-tool)-/,
    (body) => objectsOf(body['tools']).some((tool) => 'defer_loading' in tool),
  ],
  [
    'messages.1.output_config',
    /^per-turn-control-/,
    (body) => objectsOf(body['messages']).some((message) => 'output_config' in message),
  ],
]

/** The error that the provider answers with, or null. */
export function refusalOf(body: Json, betas: readonly string[]): Json | null {
  for (const [field, beta, isThere] of BETA_FIELDS) {
    if (!isThere(body) || betas.some((name) => beta.test(name))) continue
    return error('invalid_request_error', `${field}: Extra inputs are not permitted`)
  }
  return null
}

export function error(type: string, message: string): Json {
  return { type: 'error', error: { type, message }, request_id: 'req_simulated' }
}

export function readMessages(body: Json): Asked {
  const messages = objectsOf(body['messages'])
  const blocks = messages.flatMap(({ content }) =>
    typeof content === 'string' ? [{ type: 'text', text: content }] : objectsOf(content),
  )
  return {
    model: String(body['model']),
    entries: blocks.map((block) => ({ isResult: block['type'] === 'tool_result', text: textIn(block) })),
    tools: objectsOf(body['tools']).map(({ name }) => String(name)),
    isStream: body['stream'] === true,
    isJson: false,
    isCompaction: false,
  }
}

function usageOf({ input, cached, written, output }: Tokens): Json {
  return {
    input_tokens: input,
    cache_creation_input_tokens: written,
    cache_read_input_tokens: cached,
    cache_creation: { ephemeral_5m_input_tokens: written, ephemeral_1h_input_tokens: 0 },
    output_tokens: output,
    service_tier: 'standard',
  }
}

/** A whole message, and the events that it is streamed as. */
export function messageOf(asked: Asked, turn: Turn, tokens: Tokens, id: string): [Json, Json[]] {
  const block =
    turn.kind === 'text'
      ? { type: 'text', text: turn.text }
      : { type: 'tool_use', id: `toolu_${id}`, name: turn.name, input: turn.input }
  const stop_reason = turn.kind === 'text' ? 'end_turn' : 'tool_use'
  const message = {
    id: `msg_${id}`,
    type: 'message',
    role: 'assistant',
    model: asked.model,
    content: [block],
    stop_reason,
    stop_sequence: null,
    usage: usageOf(tokens),
  }
  const start = { ...message, content: [], stop_reason: null, usage: usageOf({ ...tokens, output: 1 }) }
  const [empty, delta] =
    turn.kind === 'text'
      ? [
          { type: 'text', text: '' },
          { type: 'text_delta', text: turn.text },
        ]
      : [
          { ...block, input: {} },
          { type: 'input_json_delta', partial_json: JSON.stringify(turn.input) },
        ]
  const events = [
    { type: 'message_start', message: start },
    { type: 'ping' },
    { type: 'content_block_start', index: 0, content_block: empty },
    { type: 'content_block_delta', index: 0, delta },
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason, stop_sequence: null },
      usage: { output_tokens: tokens.output },
    },
    { type: 'message_stop' },
  ]
  return [message, events]
}
