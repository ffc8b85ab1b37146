/** The simulated provider's answers and token counts: the parts that its APIs share. */
import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'

/** A request that the provider refuses. `param` and `code` are OpenAI's; the other APIs have no such fields. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest'
  readonly param: string | null
  readonly status: number
  readonly code: string | null
  constructor(
    message: string,
    param: string | null = null,
    { status = 400, code = null }: { readonly status?: number; readonly code?: string | null } = {},
  ) {
    super(message)
    this.param = param
    this.status = status
    this.code = code
  }
}

export type Body = Readonly<Record<string, unknown>>
/** One document, or the events of a stream as they go over the wire. */
export type Answer = object | AsyncIterable<string>
export type Handler = (body: Body, pace: () => Promise<void>) => Answer

/** One provider's API. */
export interface Api {
  /** The key in a request. */
  readonly keyOf: (headers: IncomingHttpHeaders) => string | string[] | undefined
  /** The handler of a request; null if there is no such route. */
  readonly handlerOf: (method: string, path: string, query: URLSearchParams) => Handler | null
  /** The body of an error. */
  readonly problem: (
    status: number,
    message: string,
    openai: { readonly param: string | null; readonly code: string | null },
  ) => object
}

/** The key in a request's Authorization header. */
export function bearerOf({ authorization }: IncomingHttpHeaders): string | undefined {
  return /^Bearer (.*)$/.exec(authorization ?? '')?.[1]
}

const REPLY =
  'Hello from the simulated provider. No AI was asked: I stream this sentence word by word, ' +
  'report what it used, and leave the counting to the gateway in front of me.'
const BYTES_PER_TOKEN = 4

/** Tokens of a text: about four bytes each, as English text has with real tokenizers. */
export function tokensOf(text: string): number {
  return Math.max(1, Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN))
}

export interface Generated {
  /** Word by word, spaces included. */
  readonly pieces: readonly string[]
  readonly text: string
  readonly tokens: number
  /** Whether the limit on tokens cut the text short. */
  readonly isCut: boolean
}

/** The reply, cut if it would exceed `maxTokens`. */
export function generate(maxTokens: number | null): Generated {
  const isCut = maxTokens !== null && tokensOf(REPLY) > maxTokens
  const text = isCut ? REPLY.slice(0, maxTokens * BYTES_PER_TOKEN) : REPLY
  return { pieces: text.match(/\S+\s*/g) ?? [], text, tokens: tokensOf(text), isCut }
}

/** Waits between two chunks, as a model does between tokens. */
export function pacer(chunkDelayMs: number): () => Promise<void> {
  return async () => {
    if (chunkDelayMs > 0) await pause(chunkDelayMs)
  }
}

export const newId = (prefix: string): string => `${prefix}${randomBytes(12).toString('hex')}`
export const unixSeconds = (): number => Math.floor(Date.now() / 1000)
export const serverSentEvent = (data: object, event?: string): string =>
  `${event === undefined ? '' : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`

export function modelOf(body: Body): string {
  const model = body['model']
  if (typeof model !== 'string' || model === '')
    throw new BadRequest('you must provide a model parameter', 'model')
  return model
}

const MOST_TOKENS = 1_000_000

/** The limit on the output tokens; null if the request has none. */
export function tokenLimitOf(body: Body, name: string): number | null {
  return countOf(body, name, MOST_TOKENS)
}

/** A whole number from 1 to `most`; null if the request has none. */
export function countOf(body: Body, name: string, most: number): number | null {
  const value = body[name]
  if (value === undefined || value === null) return null
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) return value
  throw new BadRequest(`Invalid '${name}': expected an integer from 1 to ${most}.`, name)
}

/** The text of a message's content or an input: a string, or the parts of type text. */
export function textIn(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return (content as unknown[])
    .map((part) => textIn(isBody(part) ? (part['text'] ?? part['content']) : part))
    .join('')
}

/** The JSON of a request's tools, which counts towards the prompt. */
export function toolsText({ tools }: Body): string {
  return tools === undefined ? '' : JSON.stringify(tools)
}

export function isBody(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
