/** The three providers in one server of plain node:http, which keeps what it was asked and what it reported. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as anthropic from './anthropic.ts'
import { isJson, type Asked, type Json, type Tokens, type Turn } from './conversation.ts'
import * as gemini from './gemini.ts'
import * as openai from './openai.ts'

export const PROVIDERS_KEY = 'sk-the-providers-own'

/** A request that reached a provider. */
export interface Served {
  readonly method: string
  readonly path: string
  readonly status: number
  /** Null for what is no call of a model. */
  readonly asked: Asked | null
  /** What the provider reported and bills. */
  readonly tokens: Tokens | null
  readonly body: Json
  readonly headers: IncomingHttpHeaders
}

export interface Providers {
  readonly url: string
  readonly served: Served[]
  /** What the models answer from now on. */
  script: (asked: Asked) => Turn
  /** What is reported for the n-th call. */
  tokensOf: (n: number, asked: Asked, turn: Turn) => Tokens
  stop(): Promise<void>
}

interface Request {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Json
}

interface Answer {
  readonly status: number
  readonly json: Json
  readonly events?: Json[]
  readonly asked?: Asked
  readonly tokens?: Tokens
}

/** Different for each call, so that one that is counted twice or not at all is seen in the sum. */
export const usualTokens = (n: number): Tokens => ({
  input: 1_000 + n * 17,
  cached: 300 + n * 11,
  written: 50 + n * 3,
  output: 40 + n * 13,
})

export async function startProviders(): Promise<Providers> {
  const served: Served[] = []
  let calls = 0
  const answerTo = (request: Request): Answer => {
    const next = (asked: Asked): [Turn, Tokens, string] => {
      calls += 1
      const turn = providers.script(asked)
      return [turn, providers.tokensOf(calls, asked, turn), `simulated_${calls}`]
    }
    return (
      anthropicAnswer(request, next) ?? openaiAnswer(request, next) ?? geminiAnswer(request, next) ?? notFound
    )
  }
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      const { method = '', url = '', headers } = incoming
      const request = { method, path: url, headers, body: parse(Buffer.concat(chunks).toString()) }
      const answer = isAllowed(headers) ? answerTo(request) : { status: 401, json: {} }
      served.push({
        ...request,
        status: answer.status,
        asked: answer.asked ?? null,
        tokens: answer.tokens ?? null,
      })
      send(response, answer)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const providers: Providers = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    served,
    script: () => ({ kind: 'text', text: 'Nothing was scripted.' }),
    tokensOf: usualTokens,
    async stop() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
  return providers
}

type Next = (asked: Asked) => [Turn, Tokens, string]
const notFound: Answer = { status: 404, json: { error: { message: 'There is no such route.' } } }

/** Only the gateway knows the key. */
function isAllowed(headers: IncomingHttpHeaders): boolean {
  const { authorization, 'x-api-key': anthropicKey, 'x-goog-api-key': googleKey } = headers
  return [authorization?.replace('Bearer ', ''), anthropicKey, googleKey].includes(PROVIDERS_KEY)
}

function parse(text: string): Json {
  try {
    const value: unknown = JSON.parse(text)
    return isJson(value) ? value : {}
  } catch {
    return {}
  }
}

function metered(asked: Asked, tokens: Tokens, [json, events]: [Json, Json[]]): Answer {
  return { status: 200, json, asked, tokens, ...(asked.isStream && { events }) }
}

const pathOf = ({ path }: Request): string => path.split('?')[0] ?? ''

function anthropicAnswer(request: Request, next: Next): Answer | null {
  const path = pathOf(request)
  if (!path.startsWith('/anthropic/')) return null
  const { body, headers, method } = request
  const refused = anthropic.refusalOf(body, String(headers['anthropic-beta'] ?? '').split(','))
  if (refused !== null) return { status: 400, json: refused }
  if (path === '/anthropic/v1/messages' && method === 'POST') {
    const asked = anthropic.readMessages(body)
    const [turn, tokens, id] = next(asked)
    return metered(asked, tokens, anthropic.messageOf(asked, turn, tokens, id))
  }
  if (path === '/anthropic/v1/messages/count_tokens')
    return { status: 200, json: { input_tokens: Math.ceil(JSON.stringify(body).length / 4) } }
  if (path === '/anthropic/v1/models')
    return { status: 200, json: { data: [], has_more: false, first_id: null, last_id: null } }
  return { status: 404, json: anthropic.error('not_found_error', `Not found: ${path}`) }
}

function openaiAnswer(request: Request, next: Next): Answer | null {
  const path = pathOf(request)
  if (!path.startsWith('/openai/')) return null
  const { body, method } = request
  if (path === '/openai/v1/models') return { status: 200, json: { object: 'list', data: [] } }
  const isCompact = path === '/openai/v1/responses/compact'
  if (method !== 'POST' || (path !== '/openai/v1/responses' && !isCompact))
    return { status: 404, json: openai.error(`Invalid URL (${method} ${path})`) }
  const refused = openai.refusalOf(body)
  if (refused !== null) return { status: 400, json: refused }
  const asked = openai.readResponses(body)
  const [turn, reported, id] = next(asked)
  const tokens = { ...reported, written: 0 }
  if (isCompact) return { status: 200, json: openai.compactionOf(asked, tokens, id), asked, tokens }
  return metered(asked, tokens, openai.responseOf(asked, turn, tokens, id))
}

function geminiAnswer(request: Request, next: Next): Answer | null {
  const path = pathOf(request)
  if (!path.startsWith('/gemini/')) return null
  const [, model = '', method = ''] = /^\/gemini\/v1beta\/models\/([^:]+):(\w+)$/.exec(path) ?? []
  const { body } = request
  if (method === 'countTokens')
    return { status: 200, json: { totalTokens: Math.ceil(JSON.stringify(body).length / 4) } }
  const isStream = method === 'streamGenerateContent'
  if (!isStream && method !== 'generateContent')
    return { status: 404, json: gemini.error(404, `Not found: ${path}`) }
  const refused = gemini.refusalOf(body)
  if (refused !== null) return { status: 400, json: refused }
  const asked = gemini.readContents(body, model, isStream)
  const [turn, reported, id] = next(asked)
  const tokens = { ...reported, written: 0 }
  return metered(asked, tokens, gemini.contentOf(asked, turn, tokens, id))
}

function send(response: ServerResponse, { status, json, events }: Answer): void {
  if (events === undefined) {
    const text = JSON.stringify(json)
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    })
    response.end(text)
    return
  }
  response.writeHead(status, { 'content-type': 'text/event-stream' })
  for (const event of events) {
    const name = typeof event['type'] === 'string' ? `event: ${event['type']}\n` : ''
    response.write(`${name}data: ${JSON.stringify(event)}\n\n`)
  }
  response.end()
}
