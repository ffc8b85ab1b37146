/** OpenAI's API, and every API that is compatible with it. */
import type { Usage } from '../core/tariff.ts'
import { toCredits } from '../core/units.ts'
import { ERRORS, type Refusal } from '../errors.ts'
import { chatShape, completionShape, embeddingShape, responseShape, type Dialect } from './openai-requests.ts'
import { count } from './counts.ts'
import type { Family, MeteredRoute, RefusalBody } from './family.ts'
import { isObject, type JsonObject } from './request-body.ts'
import { rfc3339 } from '../core/text.ts'

/** The `type` that OpenAI's own errors of a kind have, where it is not `invalid_request_error`. */
const ERROR_TYPES: Partial<Record<Refusal['code'], string>> = {
  user_credit_limit_reached: 'insufficient_quota',
  request_exceeds_credit_limit: 'insufficient_quota',
  credits_in_flight: 'rate_limit_exceeded',
  credit_store_unavailable: 'server_error',
  identity_unavailable: 'server_error',
  overloaded: 'server_error',
  shutting_down: 'server_error',
  upstream_unreachable: 'server_error',
  upstream_timeout: 'server_error',
}

function refusalBody(refusal: Refusal): RefusalBody {
  const { code, message, param, facts, resetsAt } = refusal
  const metadata =
    ERRORS[code].status === 402 || code === 'credits_in_flight'
      ? {
          metadata: {
            scope: 'user',
            ...(facts === null
              ? {}
              : {
                  limit: toCredits(facts.limit),
                  used: toCredits(facts.used),
                  counted: toCredits(facts.counted),
                  held: toCredits(facts.held),
                  required: toCredits(facts.required),
                }),
            ...(resetsAt === null ? {} : { resets_at: rfc3339(resetsAt) }),
          },
        }
      : {}
  const type = ERROR_TYPES[code] ?? 'invalid_request_error'
  return {
    contentType: 'application/json',
    body: JSON.stringify({ error: { message, type, param, code, ...metadata } }),
  }
}

function detail(report: JsonObject, names: readonly string[], field: string): number {
  for (const name of names) {
    const details = report[name]
    if (isObject(details)) return count(details[field]) ?? 0
  }
  return 0
}

/**
 * Output with reasoning; null where its figure is none. A report without that figure (embeddings) may tell by its total.
 * Some compatible providers (xAI) count reasoning outside of the completion: then, and only then,
 * the total is the sum of all three.
 */
function outputOf(report: JsonObject, input: number, reasoning: number): number | null {
  const reported = report['completion_tokens'] ?? report['output_tokens'] ?? null
  const total = count(report['total_tokens'])
  if (reported === null) return Math.max(0, (total ?? 0) - input)
  const output = count(reported)
  if (output === null) return null
  const outside = reasoning > 0 && total === input + output + reasoning
  return outside ? output + reasoning : output
}

/**
 * `usage` of chat completions, completions, embeddings (`prompt_tokens`, `completion_tokens`) and responses
 * (`input_tokens`, `output_tokens`). OpenAI's input includes cached and audio tokens, its output includes reasoning.
 */
export function readUsage(report: unknown): Usage | null {
  if (!isObject(report)) return null
  const input = count(report['prompt_tokens']) ?? count(report['input_tokens'])
  if (input === null) return null
  const inputDetails = ['prompt_tokens_details', 'input_tokens_details']
  const outputDetails = ['completion_tokens_details', 'output_tokens_details']
  const output = outputOf(report, input, detail(report, outputDetails, 'reasoning_tokens'))
  if (output === null) return null
  const audioInput = Math.min(detail(report, inputDetails, 'audio_tokens'), input)
  const cachedInput = Math.min(detail(report, inputDetails, 'cached_tokens'), input - audioInput)
  const cacheWrite = Math.min(
    detail(report, inputDetails, 'cache_write_tokens'),
    input - audioInput - cachedInput,
  )
  const audioOutput = Math.min(detail(report, outputDetails, 'audio_tokens'), output)
  return {
    input: input - audioInput - cachedInput - cacheWrite,
    cachedInput,
    cacheWrite,
    cacheWrite1h: 0,
    audioInput,
    output: output - audioOutput,
    audioOutput,
    webSearches: 0,
  }
}

/** The chunk that `stream_options.include_usage` adds: no choices, and usage. */
function isUsageEvent(event: unknown): boolean {
  return (
    isObject(event) &&
    Array.isArray(event['choices']) &&
    event['choices'].length === 0 &&
    isObject(event['usage'])
  )
}

const CHAT_TEXT = ['content', 'reasoning_content', 'reasoning', 'refusal', 'arguments']

/** Providers that report usage at the end of every stream, and some of which refuse to be asked for it. */
const DIALECTS: Readonly<Record<string, Dialect>> = {
  mistral: { asksForUsage: false },
  perplexity: { asksForUsage: false },
  cohere: { asksForUsage: false },
}
const OPENAI: Dialect = { asksForUsage: true }

function route(
  path: string,
  inspect: (body: Buffer) => ReturnType<MeteredRoute['inspect']>,
  textKeys: TextKeys,
): MeteredRoute {
  return { method: 'POST', url: path, takes: 'json', inspect: ({ body }) => inspect(body), textKeys }
}

type TextKeys = MeteredRoute['textKeys']

function routes(dialect: Dialect): MeteredRoute[] {
  return [
    route('/v1/chat/completions', (body) => chatShape(body, dialect), {
      stream: CHAT_TEXT,
      whole: CHAT_TEXT,
    }),
    // Later events of a stream repeat the text that the deltas brought.
    route('/v1/responses', responseShape, {
      stream: ['delta'],
      whole: ['text', 'arguments', 'refusal', 'input'],
    }),
    route('/v1/embeddings', embeddingShape, { stream: [], whole: [] }),
    route('/v1/completions', (body) => completionShape(body, dialect), { stream: ['text'], whole: ['text'] }),
  ]
}

/** The family as one provider speaks it; null is OpenAI itself. */
export function openai(provider: string | null): Family {
  return {
    name: 'openai',
    priceProvider: 'openai',
    metered: routes(DIALECTS[provider ?? ''] ?? OPENAI),
    free: [{ method: 'GET', path: /^\/v1\/models(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._:@-]{1,200}){0,3}$/ }],
    credential: (apiKey) => ['authorization', `Bearer ${apiKey}`],
    removedHeaders: ['openai-organization', 'openai-project'],
    rewrittenHeaders: {},
    refusalBody,
    // Groq puts it into an object of its own.
    usagePaths: ['usage', 'x_groq.usage', 'response.usage'],
    modelPaths: ['model', 'response.model'],
    openingPaths: [],
    outputFigures: ['completion_tokens', 'output_tokens', 'total_tokens'],
    mergeReports: (earlier, later) => (isObject(later) && readUsage(later) !== null ? later : earlier),
    readUsage,
    isUsageEvent,
  }
}
