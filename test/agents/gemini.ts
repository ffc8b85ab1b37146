/** A simulated Gemini API. */
import { isJson, objectsOf, textIn, type Asked, type Json, type Tokens, type Turn } from './conversation.ts'

/** What the provider knows; anything else is 400 there. */
const FIELDS = new Set(
  'contents systemInstruction tools toolConfig generationConfig safetySettings cachedContent labels'.split(
    ' ',
  ),
)

/** The error that the provider answers with, or null. */
export function refusalOf(body: Json): Json | null {
  const unknown = Object.keys(body).find((field) => !FIELDS.has(field))
  if (unknown === undefined) return null
  return error(400, `Invalid JSON payload received. Unknown name "${unknown}": Cannot find field.`)
}

export function error(code: number, message: string): Json {
  return { error: { code, message, status: code === 404 ? 'NOT_FOUND' : 'INVALID_ARGUMENT' } }
}

export function readContents(body: Json, model: string, isStream: boolean): Asked {
  const config = isJson(body['generationConfig']) ? body['generationConfig'] : {}
  const parts = objectsOf(body['contents']).flatMap((content) => objectsOf(content['parts']))
  return {
    model,
    entries: parts.map(({ text, functionResponse: result }) => ({
      isResult: isJson(result),
      text: isJson(result) ? JSON.stringify(result['response']) : textIn(text ?? ''),
    })),
    tools: objectsOf(body['tools']).flatMap(({ functionDeclarations: declared }) =>
      objectsOf(declared).map(({ name }) => String(name)),
    ),
    isStream,
    isJson: config['responseMimeType'] === 'application/json',
    isCompaction: false,
  }
}

/** One whole answer, and the chunks that it is streamed as. Thoughts come on top of the candidates' tokens. */
export function contentOf(asked: Asked, turn: Turn, tokens: Tokens, id: string): [Json, Json[]] {
  const { input, cached, output } = tokens
  const thoughts = Math.floor(output / 2)
  const usageMetadata = {
    promptTokenCount: input + cached,
    cachedContentTokenCount: cached,
    candidatesTokenCount: output - thoughts,
    thoughtsTokenCount: thoughts,
    totalTokenCount: input + cached + output,
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: input + cached }],
  }
  const part =
    turn.kind === 'text'
      ? { text: turn.text }
      : { functionCall: { id: `call_${id}`, name: turn.name, args: turn.input } }
  const chunk = (parts: Json[], finishReason?: string): Json => ({
    candidates: [
      { index: 0, content: { role: 'model', parts }, ...(finishReason !== undefined && { finishReason }) },
    ],
    usageMetadata,
    modelVersion: asked.model,
    responseId: id,
  })
  return [chunk([part], 'STOP'), [chunk([part]), chunk([{ text: '' }], 'STOP')]]
}
