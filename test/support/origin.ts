/** A provider for tests: plain node:http, which answers as a test decides and records what it received. */
import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { freePort } from './ports.ts'
import { came } from './until.ts'

/** Some calls are held open during most of a test. */
const CALL_MS = 240_000

export interface Received {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Origin {
  readonly url: string
  readonly received: Received[]
  /** Answers every request from now on. */
  answer: (request: Received, response: ServerResponse, raw: IncomingMessage) => void | Promise<void>
  stop(): Promise<void>
}

export const CHAT_USAGE = { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 }

/**
 * A complete chat completion of `test-model`: at its test price, 20 × 1,000 + 10 × 10,000 microcredits = 0.12 credits.
 */
export function chatAnswer(
  response: ServerResponse,
  usage: unknown = CHAT_USAGE,
  content = 'Hello there.',
): void {
  const body = JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    model: 'test-model',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    ...(usage === null ? {} : { usage }),
  })
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

export const CHAT_COST = 0.12

/**
 * The same at this many credits: 0, or 0.02 and more. A reported prompt of zero would be replaced by an estimate, and
 * so would an output of zero next to text (C10). So a response that costs nothing has no text.
 */
export function chatAnswerAt(response: ServerResponse, credits: number): void {
  const tokens = Math.round(credits * 100)
  if (tokens === 0) chatAnswer(response, { prompt_tokens: 0, completion_tokens: 0 }, '')
  // An output of zero next to text would not be accepted.
  else if (tokens === 1) chatAnswer(response, { prompt_tokens: 10, completion_tokens: 0 }, '')
  else chatAnswer(response, { prompt_tokens: 10, completion_tokens: tokens - 1 })
}

/** The text of one event of a chat stream. */
export function chunkEvent(content: string): string {
  return `data: ${JSON.stringify({ id: 'c', model: 'test-model', choices: [{ index: 0, delta: { content } }], usage: null })}\n\n`
}

/** The event of a chat stream that reports this many tokens. */
export function usageEvent(input: number, output: number): string {
  const usage = { prompt_tokens: input, completion_tokens: output, total_tokens: input + output }
  return `data: ${JSON.stringify({ id: 'c', model: 'test-model', choices: [], usage })}\n\n`
}

export const USAGE_EVENT = usageEvent(20, 10)
export const DONE_EVENT = 'data: [DONE]\n\n'

export async function startOrigin(
  create: (handler: (req: IncomingMessage, res: ServerResponse) => void) => Server = createServer,
): Promise<Origin> {
  const received: Received[] = []
  const server = create((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      const seen = { method, url, headers, body: Buffer.concat(chunks).toString() }
      received.push(seen)
      void origin.answer(seen, response, request)
    })
  })
  const port = await freePort()
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const scheme = 'setSecureContext' in server ? 'https' : 'http'
  const origin: Origin = {
    url: `${scheme}://127.0.0.1:${port}`,
    received,
    answer: (_request, response) => chatAnswer(response),
    async stop() {
      server.close()
      server.closeAllConnections()
      await came(
        once(server, 'close').catch(() => undefined),
        'the server is closed',
      )
    },
  }
  return origin
}

/** The body of a chat request. */
export function chatBody(rest: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    model: 'test-model',
    messages: [{ role: 'user', content: 'Say hello.' }],
    max_tokens: 100,
    ...rest,
  })
}

/** Sends a chat request. */
export function postChat(
  url: string,
  key: string,
  body: string | Uint8Array = chatBody(),
  init: { readonly headers?: Readonly<Record<string, string>>; readonly signal?: AbortSignal } = {},
): Promise<Response> {
  const answered = fetch(`${url}/openai/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...init.headers },
    body,
    ...(init.signal === undefined ? {} : { signal: init.signal }),
  })
  return came(answered, `the answer to a chat request at ${url}`, { timeoutMs: CALL_MS })
}
