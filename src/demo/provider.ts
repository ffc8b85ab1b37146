/**
 * Simulated AI providers for the demo. A real HTTP server supports enough of the APIs of OpenAI, Anthropic and Gemini
 * for the official SDKs and for coding agents. It streams at a visible pace and reports usage. It calls no AI and costs
 * nothing.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ANTHROPIC } from './anthropic.ts'
import { type Api, BadRequest, type Body, isBody, newId, pacer } from './answers.ts'
import { GEMINI } from './gemini.ts'
import { OPENAI } from './openai.ts'

export interface SimulatedProvider {
  /** The base URL of OpenAI's API, such as `http://127.0.0.1:41231`, without `/v1`. The other APIs are below it. */
  readonly url: string
  readonly anthropicUrl: string
  readonly geminiUrl: string
  stop(): Promise<void>
}

export interface ProviderOptions {
  /** The key that callers must send, for all three APIs. */
  readonly apiKey: string
  readonly chunkDelayMs?: number
}

const LARGEST_BODY = 32 * 1024 * 1024
const CHUNK_DELAY_MS = 20

/** APIs by the first segment of the path; OpenAI's has none. */
const APIS: Readonly<Record<string, Api>> = { anthropic: ANTHROPIC, gemini: GEMINI }

/** Starts the providers on a free port of 127.0.0.1. */
export async function startProvider(options: ProviderOptions): Promise<SimulatedProvider> {
  const pace = pacer(options.chunkDelayMs ?? CHUNK_DELAY_MS)
  const server = createServer((request, response) => {
    // A client may disconnect at any time; then there is no one left to answer.
    answer(request, response, options.apiKey, pace).catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    anthropicUrl: `${url}/anthropic`,
    geminiUrl: `${url}/gemini`,
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
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://provider')
  const [, name = '', below = ''] = /^\/([a-z]+)(\/.*)$/.exec(pathname) ?? []
  const other = APIS[name]
  const [api, path] = other === undefined ? [OPENAI, pathname] : [other, below]
  const refusal = (
    status: number,
    message: string,
    { param = null, code = null }: Partial<BadRequest> = {},
  ) => ({
    status,
    body: api.problem(status, message, { param, code }),
  })
  if (api.keyOf(request.headers) !== apiKey) return refusal(401, 'Incorrect API key provided.')
  const { method = '' } = request
  const handler = api.handlerOf(method, path, searchParams)
  if (handler === null) return refusal(404, `Invalid URL (${method} ${path})`)
  try {
    const result = handler(method === 'GET' ? {} : await readBody(request), pace)
    if (Symbol.asyncIterator in result) return result
    await pace()
    return { status: 200, body: result }
  } catch (error) {
    if (error instanceof BadRequest) return refusal(error.status, error.message, error)
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
    // The check below reports it, like every other body that is not an object.
  }
  throw new BadRequest('We could not parse the JSON body of your request.')
}
