/**
 * A simulated AI provider for the demo: a real HTTP server that speaks enough of OpenAI's API for the official SDKs,
 * streams at a pace that can be watched, and reports what it used. It asks no AI and costs nothing.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { BadRequest, type Body, type Handler, isBody, newId, pacer } from './answers.ts'
import { chatCompletions, completions } from './chat.ts'
import { embeddings } from './embeddings.ts'
import { responses } from './responses.ts'

export interface SimulatedProvider {
  /** Such as `http://127.0.0.1:41231`, without `/v1`. */
  readonly url: string
  stop(): Promise<void>
}

export interface ProviderOptions {
  /** What callers must send as Bearer. */
  readonly apiKey: string
  readonly chunkDelayMs?: number
}

const MODELS = ['demo-model', 'demo-embedding'] as const
const LARGEST_BODY = 32 * 1024 * 1024
const CHUNK_DELAY_MS = 20

const HANDLERS: Readonly<Record<string, Handler>> = {
  '/v1/chat/completions': chatCompletions,
  '/v1/completions': completions,
  '/v1/responses': responses,
  '/v1/embeddings': embeddings,
}

/** Starts the provider on a free port of 127.0.0.1. */
export async function startProvider(options: ProviderOptions): Promise<SimulatedProvider> {
  const pace = pacer(options.chunkDelayMs ?? CHUNK_DELAY_MS)
  const server = createServer((request, response) => {
    // A client that goes away in the middle is its own business; there is nobody left to answer.
    answer(request, response, options.apiKey, pace).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

interface Document {
  readonly status: number
  readonly body: object
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  apiKey: string,
  pace: () => Promise<void>,
): Promise<void> {
  response.setHeader('x-request-id', newId('req_'))
  const result = await answerTo(request, apiKey, pace)
  if (Symbol.asyncIterator in result) {
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
    })
    await pipeline(Readable.from(result, { highWaterMark: 1 }), response)
    return
  }
  const body = JSON.stringify(result.body)
  response.writeHead(result.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
}

async function answerTo(
  request: IncomingMessage,
  apiKey: string,
  pace: () => Promise<void>,
): Promise<Document | AsyncIterable<string>> {
  const path = (request.url ?? '/').split('?')[0] ?? '/'
  if (request.headers.authorization !== `Bearer ${apiKey}`) {
    return refusal(401, 'Incorrect API key provided.', 'invalid_api_key')
  }
  const model = /^\/v1\/models(?:\/(.+))?$/.exec(path)
  if (model !== null && request.method === 'GET') return models(model[1])
  const handler = HANDLERS[path]
  if (handler === undefined || request.method !== 'POST') {
    return refusal(404, `Invalid URL (${request.method ?? ''} ${path})`, null)
  }
  try {
    const result = handler(await readBody(request), pace)
    if (Symbol.asyncIterator in result) return result
    await pace()
    return { status: 200, body: result }
  } catch (error) {
    if (error instanceof BadRequest) return refusal(400, error.message, null, error.param)
    throw error
  }
}

async function readBody(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > LARGEST_BODY) throw new BadRequest('The request body is too large.')
    chunks.push(chunk)
  }
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
    if (isBody(body)) return body
  } catch {
    // Told below, like every other body that is not an object.
  }
  throw new BadRequest('We could not parse the JSON body of your request.')
}

function models(id: string | undefined): Document {
  const known = MODELS.map((model) => ({ id: model, object: 'model', created: 0, owned_by: 'tollgate-demo' }))
  if (id === undefined) return { status: 200, body: { object: 'list', data: known } }
  const model = known.find((candidate) => candidate.id === id)
  if (model !== undefined) return { status: 200, body: model }
  return refusal(404, `The model '${id}' does not exist`, 'model_not_found', 'model')
}

function refusal(
  status: number,
  message: string,
  code: string | null,
  param: string | null = null,
): Document {
  return { status, body: { error: { message, type: 'invalid_request_error', param, code } } }
}
