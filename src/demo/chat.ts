/** The simulated provider's `/v1/chat/completions` and `/v1/completions`. */
import {
  type Answer,
  BadRequest,
  type Body,
  countOf,
  generate,
  type Generated,
  isBody,
  modelOf,
  newId,
  serverSentEvent,
  textIn,
  tokensOf,
  tokenLimitOf,
  unixSeconds,
} from './answers.ts'

const MOST_CHOICES = 8
/** Tokens that the format of chat messages adds per message. */
const TOKENS_PER_MESSAGE = 4

/** The two APIs differ only in how they wrap a piece of text. */
interface Format {
  readonly object: string
  readonly chunkObject: string
  readonly idPrefix: string
  readonly whole: (text: string) => object
  readonly opening: object | null
  readonly piece: (text: string) => object
  readonly closing: object
}

const CHAT: Format = {
  object: 'chat.completion',
  chunkObject: 'chat.completion.chunk',
  idPrefix: 'chatcmpl-',
  whole: (content) => ({ message: { role: 'assistant', content, refusal: null } }),
  opening: { delta: { role: 'assistant', content: '', refusal: null } },
  piece: (content) => ({ delta: { content } }),
  closing: { delta: {} },
}

const TEXT: Format = {
  object: 'text_completion',
  chunkObject: 'text_completion',
  idPrefix: 'cmpl-',
  whole: (text) => ({ text }),
  opening: null,
  piece: (text) => ({ text }),
  closing: { text: '' },
}

export function chatCompletions(body: Body, pace: () => Promise<void>): Answer {
  const messages = body['messages']
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new BadRequest("Missing required parameter: 'messages'.", 'messages')
  }
  const promptTokens = (messages as unknown[]).map((message, index) => {
    if (!isBody(message) || typeof message['role'] !== 'string') {
      throw new BadRequest(
        `Invalid 'messages[${index}]': expected an object with a role.`,
        `messages[${index}]`,
      )
    }
    return tokensOf(textIn(message['content'])) + TOKENS_PER_MESSAGE
  })
  const most = tokenLimitOf(body, 'max_completion_tokens') ?? tokenLimitOf(body, 'max_tokens')
  return complete(CHAT, body, sum(promptTokens), generate(most), pace)
}

export function completions(body: Body, pace: () => Promise<void>): Answer {
  const prompt = body['prompt']
  if (typeof prompt !== 'string' && !Array.isArray(prompt)) {
    throw new BadRequest("Missing required parameter: 'prompt'.", 'prompt')
  }
  return complete(TEXT, body, tokensOf(textIn(prompt)), generate(tokenLimitOf(body, 'max_tokens')), pace)
}

function complete(
  format: Format,
  body: Body,
  promptTokens: number,
  reply: Generated,
  pace: () => Promise<void>,
): Answer {
  const model = modelOf(body)
  const choices = countOf(body, 'n', MOST_CHOICES) ?? 1
  const completionTokens = reply.tokens * choices
  const usage = {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  }
  const envelope = {
    id: newId(format.idPrefix),
    created: unixSeconds(),
    model,
    system_fingerprint: 'fp_simulated',
  }
  const indexes = Array.from({ length: choices }, (_, index) => index)
  const finish_reason = reply.isCut ? 'length' : 'stop'
  if (body['stream'] === true) {
    return chunks(format, { ...envelope, object: format.chunkObject }, reply, indexes, finish_reason, {
      usage: wantsUsage(body) ? usage : null,
      pace,
    })
  }
  return {
    ...envelope,
    object: format.object,
    choices: indexes.map((index) => ({ index, ...format.whole(reply.text), logprobs: null, finish_reason })),
    usage,
  }
}

async function* chunks(
  format: Format,
  envelope: object,
  reply: Generated,
  indexes: readonly number[],
  finishReason: string,
  { usage, pace }: { usage: object | null; pace: () => Promise<void> },
): AsyncGenerator<string> {
  // If usage was requested, OpenAI puts `usage: null` into every chunk except the last; otherwise the field is absent.
  const chunk = (choices: readonly object[], used: object | null = null) =>
    serverSentEvent({ ...envelope, choices, ...(usage === null ? {} : { usage: used }) })
  const each = (part: object, finish_reason: string | null) =>
    indexes.map((index) => chunk([{ index, ...part, logprobs: null, finish_reason }]))

  if (format.opening !== null) yield* each(format.opening, null)
  for (const piece of reply.pieces) {
    await pace()
    yield* each(format.piece(piece), null)
  }
  yield* each(format.closing, finishReason)
  if (usage !== null) yield chunk([], usage)
  yield 'data: [DONE]\n\n'
}

function wantsUsage(body: Body): boolean {
  const options = body['stream_options']
  return isBody(options) && options['include_usage'] === true
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
