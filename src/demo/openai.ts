/** The simulated OpenAI: its routes, the list of models, and its errors. */
import { type Api, BadRequest, bearerOf, type Handler } from './answers.ts'
import { chatCompletions, completions } from './chat.ts'
import { embeddings } from './embeddings.ts'
import { responses } from './responses.ts'

const MODELS = ['demo-model', 'demo-agent', 'demo-embedding'] as const

const HANDLERS: Readonly<Record<string, Handler>> = {
  '/v1/chat/completions': chatCompletions,
  '/v1/completions': completions,
  '/v1/responses': responses,
  '/v1/embeddings': embeddings,
}

export const OPENAI: Api = {
  keyOf: bearerOf,
  handlerOf(method, path) {
    const model = /^\/v1\/models(?:\/(.+))?$/.exec(path)
    if (method === 'GET' && model !== null) return () => models(model[1])
    return method === 'POST' ? (HANDLERS[path] ?? null) : null
  },
  problem: (status, message, { param, code }) => ({
    error: { message, type: 'invalid_request_error', param, code: code ?? CODES[status] ?? null },
  }),
}

const CODES: Readonly<Record<number, string>> = { 401: 'invalid_api_key' }

function models(id: string | undefined): object {
  const known = MODELS.map((model) => ({ id: model, object: 'model', created: 0, owned_by: 'tollgate-demo' }))
  if (id === undefined) return { object: 'list', data: known }
  const model = known.find((candidate) => candidate.id === id)
  if (model !== undefined) return model
  throw new BadRequest(`The model '${id}' does not exist`, 'model', { status: 404, code: 'model_not_found' })
}
