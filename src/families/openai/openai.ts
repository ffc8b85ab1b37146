/** OpenAI's API, and every API that is compatible with it. */
import { ERRORS, type Refusal } from '../../errors.ts'
import {
  chatReader,
  compactionReader,
  completionReader,
  embeddingReader,
  OPENAI_REQUESTS,
  responseReader,
  type Dialect,
} from './requests.ts'
import { createToolCounter, TOOL_FIELDS } from './tool-calls.ts'
import { isUsageEvent } from './usage-event.ts'
import { OPENAI_REPORTS, readReport, type ReportDialect } from './usage.ts'
import type { AnswerFields, Family, MeteredRoute, RefusalBody } from '../family.ts'
import { factsOf } from '../problem.ts'

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
  const { code, message, param } = refusal
  const isOfCredits = ERRORS[code].status === 402 || code === 'credits_in_flight'
  const metadata = isOfCredits ? { metadata: { scope: 'user', ...factsOf(refusal) } } : {}
  const type = ERROR_TYPES[code] ?? 'invalid_request_error'
  return {
    contentType: 'application/json',
    body: JSON.stringify({ error: { message, type, param, code, ...metadata } }),
  }
}

const CHAT_TEXT = ['content', 'reasoning_content', 'reasoning', 'refusal', 'arguments', 'input', 'transcript']

const OPENAI: Dialect & ReportDialect = { ...OPENAI_REQUESTS, ...OPENAI_REPORTS }

const DIALECTS: ReadonlyMap<string, Dialect & ReportDialect> = new Map([
  // They report usage at the end of every stream, and some of them refuse to be asked for it.
  ['mistral', { ...OPENAI, asksForUsage: false }],
  ['cohere', { ...OPENAI, asksForUsage: false }],
  [
    'perplexity',
    {
      ...OPENAI,
      asksForUsage: false,
      // Deep research: what it thought and what it cited is billed on top of what it wrote.
      outputBeside: ['reasoning_tokens', 'citation_tokens'],
      searches: 'num_search_queries',
    },
  ],
  ['groq', { ...OPENAI, standardTiers: [...OPENAI.standardTiers, 'on_demand'] }],
  // Its clients read what the call cost in the report, so it must not be asked for and then kept from them. A shell of
  // OpenAI's shape runs in a container of OpenRouter's for every other model.
  ['openrouter', { ...OPENAI, asksForUsage: false, hostsShell: true }],
  // Gemini's thoughts stand in the total, and nowhere else.
  ['google', { ...OPENAI, outputInTotal: true }],
])

function route(path: string, reader: MeteredRoute['reader'], textKeys: TextKeys): MeteredRoute {
  return { method: 'POST', url: path, takes: 'json', reader, textKeys }
}

type TextKeys = MeteredRoute['textKeys']

/** Later events of a stream repeat the text that the deltas brought. */
const RESPONSE_TEXT: TextKeys = { stream: ['delta'], whole: ['text', 'arguments', 'refusal', 'input'] }

function routes(dialect: Dialect): MeteredRoute[] {
  const chatText = { stream: CHAT_TEXT, whole: CHAT_TEXT }
  return [
    route('/v1/chat/completions', chatReader(dialect), chatText),
    route('/v1/responses', responseReader(dialect), RESPONSE_TEXT),
    route('/v1/responses/compact', compactionReader(dialect), RESPONSE_TEXT),
    route('/v1/embeddings', embeddingReader(dialect), { stream: [], whole: [] }),
    route('/v1/completions', completionReader(dialect), { stream: ['text'], whole: ['text'] }),
  ]
}

const ANSWER_FIELDS: AnswerFields = {
  // Groq puts it into an object of its own.
  usage: ['usage', 'x_groq.usage', 'response.usage'],
  openingUsage: [],
  // Moonshot's, in the last chunk of each choice.
  choiceUsage: { usage: 'choices.*.usage', index: 'choices.*.index' },
  model: ['model', 'response.model'],
  serviceTier: ['service_tier', 'response.service_tier'],
  error: ['error', 'response.error', 'choices.*.error'],
  // An event of the Responses API, an answer of vLLM.
  type: ['type', 'object'],
  tools: TOOL_FIELDS,
}

export interface OpenAiOptions {
  /** False where the upstream refuses to be asked for usage in streams. */
  readonly askForUsage?: boolean
}

/** The family as one provider speaks it; null is OpenAI itself. */
export function openai(provider: string | null, { askForUsage = true }: OpenAiOptions = {}): Family {
  const spoken = DIALECTS.get(provider ?? '') ?? OPENAI
  const dialect = { ...spoken, asksForUsage: spoken.asksForUsage && askForUsage }
  return {
    name: 'openai',
    priceProvider: 'openai',
    metered: routes(dialect),
    free: [
      { method: 'GET', path: /^\/v1\/models(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._:@-]{1,200}){0,3}$/ },
      { method: 'POST', path: /^\/v1\/(?:responses\/input_tokens|moderations)$/ },
    ],
    webSocketPaths: ['/v1/responses'],
    credential: (apiKey) => ['authorization', `Bearer ${apiKey}`],
    removedHeaders: ['openai-organization', 'openai-project'],
    refusalBody,
    answerFields: ANSWER_FIELDS,
    // Images of a gateway's, what a compaction or a reasoning wrote.
    mediaKeys: ['images', 'encrypted_content'],
    // Each report is of the whole call so far.
    completeReport: (report) => report,
    readReport: (report, media) => readReport(report, dialect, media.has('images')),
    readServed: ({ service_tier: tier }) =>
      typeof tier === 'string' && tier !== '' ? { serviceTier: tier } : {},
    countTools: createToolCounter,
    isUsageEvent,
  }
}
