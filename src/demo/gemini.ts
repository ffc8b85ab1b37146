/** The simulated Gemini: generating content, streamed or not, counting tokens, and the list of models. */
import {
  type Answer,
  type Api,
  BadRequest,
  type Body,
  tokenLimitOf,
  generate,
  type Handler,
  isBody,
  newId,
  serverSentEvent,
  textIn,
  tokensOf,
  toolsText,
} from './answers.ts'

const MODELS = {
  models: [{ name: 'models/demo-agent', displayName: 'Simulated model', version: '1' }],
}

export const GEMINI: Api = {
  keyOf: (headers) => headers['x-goog-api-key'],
  handlerOf(method, path, query) {
    if (method === 'GET' && /^\/v1(?:beta)?\/models$/.test(path)) return () => MODELS
    const [, model, action] = /^\/v1(?:beta)?\/models\/([^/:]+):(\w+)$/.exec(path) ?? []
    if (method !== 'POST' || model === undefined) return null
    if (action === 'countTokens') return (body) => ({ totalTokens: promptTokens(body) })
    if (action === 'generateContent') return (body) => chunk(answerTo(model, body), null)
    if (action === 'streamGenerateContent') return streamOf(model, query.get('alt') === 'sse')
    return null
  },
  problem: (status, message) => ({
    error: { code: status, message, status: STATUSES[status] ?? 'INVALID_ARGUMENT' },
  }),
}

const STATUSES: Readonly<Record<number, string>> = { 401: 'UNAUTHENTICATED', 404: 'NOT_FOUND' }

/** The prompt including the system instruction. Tools count as the JSON that describes them. */
function promptTokens(body: Body): number {
  const { contents } = body
  if (!Array.isArray(contents) || contents.length === 0)
    throw new BadRequest('* GenerateContentRequest.contents: contents is not specified')
  const { parts } = isBody(body['systemInstruction']) ? body['systemInstruction'] : {}
  const texts = (contents as unknown[]).map((content) => (isBody(content) ? textIn(content['parts']) : ''))
  return tokensOf(`${textIn(parts)}${texts.join('')}${toolsText(body)}`)
}

interface Reply {
  readonly model: string
  readonly id: string
  readonly pieces: readonly string[]
  readonly text: string
  readonly finishReason: string
  readonly usage: object
}

function answerTo(model: string, body: Body): Reply {
  const config = isBody(body['generationConfig']) ? body['generationConfig'] : {}
  const { pieces, text, tokens, isCut } = generate(tokenLimitOf(config, 'maxOutputTokens'))
  const prompt = promptTokens(body)
  return {
    model,
    id: newId(''),
    pieces,
    text,
    finishReason: isCut ? 'MAX_TOKENS' : 'STOP',
    usage: { promptTokenCount: prompt, candidatesTokenCount: tokens, totalTokenCount: prompt + tokens },
  }
}

/** The whole reply, or one of its pieces; the last one has the finish reason. */
function chunk(reply: Reply, index: number | null): object {
  const text = index === null ? reply.text : (reply.pieces[index] ?? '')
  const isLast = index === null || index === reply.pieces.length - 1
  return {
    candidates: [
      {
        index: 0,
        content: { role: 'model', parts: [{ text }] },
        ...(isLast && { finishReason: reply.finishReason }),
      },
    ],
    usageMetadata: reply.usage,
    modelVersion: reply.model,
    responseId: reply.id,
  }
}

/** Google's API streams a JSON list unless server-sent events are requested. */
function streamOf(model: string, isEvents: boolean): Handler {
  return (body, pace): Answer => {
    const reply = answerTo(model, body)
    const chunks = reply.pieces.map((_, index) => chunk(reply, index))
    return isEvents ? events(chunks, pace) : chunks
  }
}

async function* events(chunks: readonly object[], pace: () => Promise<void>): AsyncGenerator<string> {
  for (const each of chunks) {
    await pace()
    yield serverSentEvent(each)
  }
}
