/**
 * Sends one POST to a channel, limits everything that the receiver could make long, and returns the outcome as a value.
 */
import { errors, type Dispatcher } from 'undici'
import { ProxyRefused } from '../../outbound/tunnel.ts'
import type { ChannelKind } from '../../directory/channels.ts'
import { isPermanentStatus, retryAfterMs } from '../retry.ts'
import { failed, type SendResult } from './channel.ts'
import { TargetRefused } from './guarded-agent.ts'

export interface Post {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface PostOptions {
  readonly dispatcher: Dispatcher
  /** From the look-up of the name to the last byte of the response. */
  readonly timeoutMs: number
  readonly kind: ChannelKind
  /** The error for a response that is not 2xx; the text is the beginning of its body. */
  readonly errorOf: (status: number, text: string) => string
}

const MAX_ANSWER_BYTES = 16_384
/** Characters of a response that may become part of an error. */
const MAX_ANSWER_TEXT = 200

/** Never follows a redirect: a 3xx is a failure. */
export async function post({ url, headers, body }: Post, options: PostOptions): Promise<SendResult> {
  const { dispatcher, timeoutMs } = options
  const ended = new AbortController()
  const timer = setTimeout(() => ended.abort(), timeoutMs)
  try {
    const { origin, pathname, search } = new URL(url)
    const answer = await dispatcher.request({
      origin,
      path: pathname + search,
      method: 'POST',
      headers,
      body,
      signal: ended.signal,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    })
    const { statusCode: status } = answer
    const isSent = status >= 200 && status < 300
    const text = await beginningOf(answer.body, isSent)
    if (isSent) return { status: 'sent' }
    return failed(options.errorOf(status, text), {
      permanent: isPermanentStatus(options.kind, status),
      retryAfterMs: retryAfterMs(status, answer.headers['retry-after'], Date.now()),
    })
  } catch (error) {
    if (ended.signal.aborted)
      return failed(`it did not answer within ${timeoutMs / 1_000} s`, { isUnavailable: true })
    return failureOf(error)
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Reads at most the limit and then ends the connection. After a 2xx the message has arrived, so a truncated body is not
 * a failure.
 */
async function beginningOf(body: AsyncIterable<Buffer>, isSent: boolean): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of body) {
      bytes += chunk.length
      chunks.push(chunk)
      if (bytes >= MAX_ANSWER_BYTES) break
    }
  } catch (error) {
    if (!isSent) throw error
  }
  return Buffer.concat(chunks).toString().slice(0, MAX_ANSWER_TEXT)
}

/**
 * The error contains no address: admins of an organization read it, and must not be able to map the network with it.
 */
function failureOf(error: unknown): SendResult {
  const refused = causeOf(error, (cause) => cause instanceof TargetRefused)
  if (refused !== null) return failed(`it was not called: ${refused.message}`, { permanent: true })
  if (error instanceof errors.ConnectTimeoutError)
    return failed('the connection took too long', { isUnavailable: true })
  if (error instanceof ProxyRefused) return failed(error.message, { isUnavailable: true })
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return failed(
    WORDS[code] ??
      (CERTIFICATE.test(code)
        ? `its certificate is not trusted (${code})`
        : `the connection failed${code === '' ? '' : ` (${code})`}`),
    { isUnavailable: true },
  )
}

const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/
const WORDS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name does not resolve',
  EAI_AGAIN: 'its name could not be looked up',
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was closed',
  UND_ERR_SOCKET: 'the connection was closed',
  UND_ERR_HEADERS_OVERFLOW: 'its answer is too large',
}

/** The error itself, its cause, or one of those that a connection to several addresses collects. */
function causeOf(error: unknown, test: (error: Error) => boolean): Error | null {
  if (!(error instanceof Error)) return null
  if (test(error)) return error
  const inner: unknown[] = error instanceof AggregateError ? error.errors : [error.cause]
  return inner.map((cause) => causeOf(cause, test)).find((found) => found !== null) ?? null
}
