/** The simulated provider's `/v1/responses`. */
import {
  type Answer,
  BadRequest,
  type Body,
  tokenLimitOf,
  generate,
  type Generated,
  modelOf,
  newId,
  serverSentEvent,
  textIn,
  tokensOf,
  unixSeconds,
} from './answers.ts'

export function responses(body: Body, pace: () => Promise<void>): Answer {
  const input = body['input']
  if (typeof input !== 'string' && !Array.isArray(input)) {
    throw new BadRequest("Missing required parameter: 'input'.", 'input')
  }
  const reply = generate(tokenLimitOf(body, 'max_output_tokens'))
  const inputTokens = tokensOf(`${textIn(body['instructions'])}${textIn(input)}`)
  const usage = {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: reply.tokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: inputTokens + reply.tokens,
  }
  const started = {
    id: newId('resp_'),
    object: 'response',
    created_at: unixSeconds(),
    status: 'in_progress',
    error: null,
    incomplete_details: null,
    instructions: body['instructions'] ?? null,
    max_output_tokens: body['max_output_tokens'] ?? null,
    model: modelOf(body),
    output: [],
    parallel_tool_calls: true,
    previous_response_id: null,
    temperature: 1,
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    metadata: {},
    usage: null,
  }
  const itemId = newId('msg_')
  const ended = {
    ...started,
    status: reply.isCut ? 'incomplete' : 'completed',
    incomplete_details: reply.isCut ? { reason: 'max_output_tokens' } : null,
    output: [message(itemId, reply)],
    usage,
  }
  return body['stream'] === true ? events(started, ended, itemId, reply, pace) : ended
}

const part = (text: string) => ({ type: 'output_text', text, annotations: [], logprobs: [] })

function message(id: string, reply: Generated): object {
  const status = reply.isCut ? 'incomplete' : 'completed'
  return { id, type: 'message', status, role: 'assistant', content: [part(reply.text)] }
}

async function* events(
  started: object,
  ended: { readonly status: string },
  itemId: string,
  reply: Generated,
  pace: () => Promise<void>,
): AsyncGenerator<string> {
  let sequenceNumber = 0
  const event = (type: string, data: object) =>
    serverSentEvent({ type, sequence_number: sequenceNumber++, ...data }, type)
  const at = { item_id: itemId, output_index: 0, content_index: 0 }
  const opened = { id: itemId, type: 'message', status: 'in_progress', role: 'assistant', content: [] }

  yield event('response.created', { response: started })
  yield event('response.in_progress', { response: started })
  yield event('response.output_item.added', { output_index: 0, item: opened })
  yield event('response.content_part.added', { ...at, part: part('') })
  for (const delta of reply.pieces) {
    await pace()
    yield event('response.output_text.delta', { ...at, delta, logprobs: [] })
  }
  yield event('response.output_text.done', { ...at, text: reply.text, logprobs: [] })
  yield event('response.content_part.done', { ...at, part: part(reply.text) })
  yield event('response.output_item.done', { output_index: 0, item: message(itemId, reply) })
  yield event(`response.${ended.status}`, { response: ended })
}
