/** The simulated Anthropic: `/v1/messages`, counting its tokens, and the list of models. */
import {
  type Answer,
  type Api,
  BadRequest,
  bearerOf,
  type Body,
  tokenLimitOf,
  generate,
  type Generated,
  modelOf,
  newId,
  serverSentEvent,
  textIn,
  tokensOf,
  toolsText,
} from './answers.ts'

const MODEL = {
  type: 'model',
  id: 'demo-agent',
  display_name: 'Simulated model',
  created_at: '2026-01-01T00:00:00Z',
}

export const ANTHROPIC: Api = {
  keyOf: (headers) => headers['x-api-key'] ?? bearerOf(headers),
  handlerOf(method, path) {
    if (method === 'GET' && path === '/v1/models')
      return () => ({ data: [MODEL], has_more: false, first_id: MODEL.id, last_id: MODEL.id })
    if (method !== 'POST') return null
    if (path === '/v1/messages') return messages
    if (path === '/v1/messages/count_tokens') return (body) => ({ input_tokens: promptTokens(body) })
    return null
  },
  problem: (status, message) => ({
    type: 'error',
    error: { type: ERROR_TYPES[status] ?? 'invalid_request_error', message },
  }),
}

const ERROR_TYPES: Readonly<Record<number, string>> = { 401: 'authentication_error', 404: 'not_found_error' }

/** The prompt including the system prompt. Tools count as the JSON that describes them. */
function promptTokens(body: Body): number {
  const messages = body['messages']
  if (!Array.isArray(messages) || messages.length === 0)
    throw new BadRequest('messages: at least one message is required')
  const contents = (messages as unknown[]).map((message) => textIn([message])).join('')
  return tokensOf(`${textIn(body['system'])}${contents}${toolsText(body)}`)
}

function messages(body: Body, pace: () => Promise<void>): Answer {
  const most = tokenLimitOf(body, 'max_tokens')
  if (most === null) throw new BadRequest('max_tokens: Field required')
  const reply = generate(most)
  const usage = {
    input_tokens: promptTokens(body),
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    output_tokens: reply.tokens,
    service_tier: 'standard',
  }
  const message = {
    id: newId('msg_'),
    type: 'message',
    role: 'assistant',
    model: modelOf(body),
    content: [{ type: 'text', text: reply.text }],
    stop_reason: reply.isCut ? 'max_tokens' : 'end_turn',
    stop_sequence: null,
    usage,
  }
  return body['stream'] === true ? events(message, reply, pace) : message
}

async function* events(
  message: { readonly stop_reason: string; readonly usage: object },
  reply: Generated,
  pace: () => Promise<void>,
): AsyncGenerator<string> {
  const event = (type: string, data: object) => serverSentEvent({ type, ...data }, type)
  const opened = { ...message, content: [], stop_reason: null, usage: { ...message.usage, output_tokens: 1 } }
  yield event('message_start', { message: opened })
  yield event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } })
  for (const text of reply.pieces) {
    await pace()
    yield event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } })
  }
  yield event('content_block_stop', { index: 0 })
  const delta = { stop_reason: message.stop_reason, stop_sequence: null }
  yield event('message_delta', { delta, usage: { output_tokens: reply.tokens } })
  yield event('message_stop', {})
}
