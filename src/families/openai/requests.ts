/** What OpenAI's requests tell about their price: one function a route. */
import type { Refusal } from '../../errors.ts'
import type { AskedOption, CallShape } from '../family.ts'
import { noMedia } from '../media.ts'
import { mediaOf } from './media.ts'
import { readTools, TOKENS_PER_SEARCH } from './tools.ts'
import { alternativesOf, paidSwitchRefusal, SWITCH_FIELDS } from '../paid-switches.ts'
import {
  foldCase,
  isObject,
  placesOfKeys,
  readRequestBody,
  splice,
  type RequestBody,
} from '../request-body.ts'
import {
  askedFor,
  largestCount,
  malformed,
  NO_LIMIT,
  optionalCount,
  outputLimit,
  shapeOf,
  unpriced,
} from '../shapes.ts'

/** Keys that the price depends on: they may stand only once, and only in this spelling. */
const PRICED_KEYS: ReadonlySet<string> = new Set([
  'model',
  'stream',
  'stream_options',
  'n',
  'best_of',
  'max_tokens',
  'max_completion_tokens',
  'max_output_tokens',
  'messages',
  'input',
  'prompt',
  'modalities',
  'tools',
  'max_tool_calls',
  'service_tier',
  'background',
  'previous_response_id',
  'conversation',
  ...SWITCH_FIELDS,
])

/** How a provider that speaks OpenAI's API differs from it. */
export interface Dialect {
  /** Whether streams report usage only when `stream_options.include_usage` asks for it. */
  readonly asksForUsage: boolean
  /** Its names of the tier that the price table's prices are for. */
  readonly standardTiers: readonly string[]
  /** Whether a shell runs at the provider, wherever the request says that it runs. */
  readonly hostsShell: boolean
}

export const OPENAI_REQUESTS: Dialect = {
  asksForUsage: true,
  standardTiers: ['auto', 'default'],
  hostsShell: false,
}

/** What every route has in common: a model, those that may answer in its place, and whether the answer is a stream. */
interface Common {
  readonly body: RequestBody
  readonly model: string
  readonly alternatives: readonly string[]
  readonly stream: boolean
  readonly asked: readonly AskedOption[]
}

function common(bytes: Buffer, { standardTiers }: Dialect): Common | Refusal {
  const body = readRequestBody(bytes, PRICED_KEYS)
  if ('refused' in body) return body
  const { model, stream, service_tier: tier } = body.json
  if (typeof model !== 'string' || model === '' || model.length > 200) {
    return malformed('model', 'the name of a model')
  }
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean')
    return malformed('stream', 'true or false')
  const asked = askedFor('service_tier', 'service_tier', tier, standardTiers)
  if ('refused' in asked) return asked
  const paid = paidSwitchRefusal(bytes, body, model)
  if (paid !== null) return paid
  const alternatives = alternativesOf(body)
  if ('refused' in alternatives) return alternatives
  return { body, model, alternatives, stream: stream === true, asked }
}

export function chatShape(bytes: Buffer, dialect: Dialect = OPENAI_REQUESTS): CallShape | Refusal {
  const read = common(bytes, dialect)
  if ('refused' in read) return read
  const { json } = read.body
  if (!Array.isArray(json['messages'])) return malformed('messages', 'a list')
  const tools = readTools(bytes, read.body, { reportsSearches: false, hostsShell: dialect.hostsShell })
  if ('refused' in tools) return tools
  const maxOutput = outputLimit(json, ['max_completion_tokens', 'max_tokens'])
  if (maxOutput !== null && typeof maxOutput === 'object') return maxOutput
  const choices = optionalCount(json, 'n', 1)
  if (choices !== null && typeof choices === 'object') return choices
  const asks = read.stream && dialect.asksForUsage
  const withUsage = asks ? askForUsage(bytes, read.body) : { body: bytes, asked: false }
  if ('refused' in withUsage) return withUsage
  const modalities = json['modalities']
  const media = mediaOf(json['messages'], noMedia())
  if (tools.unbounded) media.bound = null
  return shapeOf(bytes, read, media, {
    maxOutput,
    maxOutputField: (json['max_completion_tokens'] ?? null) === null ? 'max_tokens' : 'max_completion_tokens',
    generates: true,
    choices: choices ?? 1,
    audioOutput: Array.isArray(modalities) && modalities.includes('audio'),
    body: withUsage.body,
    hidesUsageEvent: withUsage.asked,
  })
}

export function completionShape(bytes: Buffer, dialect: Dialect = OPENAI_REQUESTS): CallShape | Refusal {
  const read = common(bytes, dialect)
  if ('refused' in read) return read
  const { json } = read.body
  const maxOutput = outputLimit(json, ['max_tokens'])
  if (maxOutput !== null && typeof maxOutput === 'object') return maxOutput
  const perPrompt = largestCount(json, ['n', 'best_of'], 1)
  if (perPrompt !== null && typeof perPrompt === 'object') return perPrompt
  const { prompt } = json
  // A list of numbers is one prompt in tokens; any other list is a list of prompts.
  const prompts = Array.isArray(prompt) && typeof prompt[0] !== 'number' ? Math.max(1, prompt.length) : 1
  const asks = read.stream && dialect.asksForUsage
  const withUsage = asks ? askForUsage(bytes, read.body) : { body: bytes, asked: false }
  if ('refused' in withUsage) return withUsage
  return shapeOf(bytes, read, noMedia(), {
    // The API's own default where the request says nothing.
    maxOutput: json['max_tokens'] === NO_LIMIT ? null : (maxOutput ?? 16),
    generates: true,
    choices: prompts * (perPrompt ?? 1),
    body: withUsage.body,
    hidesUsageEvent: withUsage.asked,
  })
}

export function embeddingShape(bytes: Buffer, dialect: Dialect = OPENAI_REQUESTS): CallShape | Refusal {
  const read = common(bytes, dialect)
  if ('refused' in read) return read
  const { input, messages } = read.body.json
  if (input === undefined) return malformed('input', 'given')
  // Models that embed images take them as content parts, in either of these.
  const media = mediaOf(messages, mediaOf(input, noMedia()))
  return shapeOf(bytes, { ...read, stream: false }, media, { maxOutput: 0, generates: false })
}

export function responseShape(bytes: Buffer, dialect: Dialect = OPENAI_REQUESTS): CallShape | Refusal {
  const read = common(bytes, dialect)
  if ('refused' in read) return read
  const { json } = read.body
  if (isObject(json['prompt'])) return unpriced('prompt', 'a stored prompt may bring tools of its own')
  if (json['background'] === true) return unpriced('background', 'its answer does not come through this call')
  const tools = readTools(bytes, read.body, { reportsSearches: true, hostsShell: dialect.hostsShell })
  if ('refused' in tools) return tools
  const maxOutput = outputLimit(json, ['max_output_tokens'])
  if (maxOutput !== null && typeof maxOutput === 'object') return maxOutput
  const media = mediaOf(json['input'], noMedia())
  // Context that the provider has stored becomes part of the prompt; its size is unknown here.
  const stored = ['previous_response_id', 'conversation'].some((field) => (json[field] ?? null) !== null)
  if (stored || tools.unbounded) media.bound = null
  media.tokens += tools.searches * TOKENS_PER_SEARCH
  return shapeOf(bytes, read, media, {
    maxOutput,
    maxOutputField: 'max_output_tokens',
    generates: true,
    webSearches: tools.searches,
  })
}

/**
 * `/v1/responses/compact`: a response that is a summary of its input. The request has no field that bounds it, so that
 * under strict admission only the model's own maximum does.
 */
export function compactionShape(bytes: Buffer, dialect: Dialect = OPENAI_REQUESTS): CallShape | Refusal {
  const shape = responseShape(bytes, dialect)
  return 'refused' in shape
    ? shape
    : { ...shape, maxOutputField: 'maxOutput of the model under prices.models' }
}

const INCLUDE_USAGE = '"include_usage":true'

/** Splices `stream_options.include_usage` in where it is missing or false, and touches no other byte. */
function askForUsage(
  bytes: Buffer,
  { json, places }: RequestBody,
): { body: Buffer; asked: boolean } | Refusal {
  const options = json['stream_options']
  const place = places.get('stream_options')
  if (place === undefined) {
    const open = bytes.indexOf(0x7b) + 1
    return { body: splice(bytes, open, open, `"stream_options":{${INCLUDE_USAGE}},`), asked: true }
  }
  if (options === null)
    return { body: splice(bytes, place.from, place.to, `{${INCLUDE_USAGE}}`), asked: true }
  if (!isObject(options)) return malformed('stream_options', 'an object')
  const inner = placesOfKeys(bytes, place.from).filter(({ key }) => foldCase(key) === 'include_usage')
  const [wanted] = inner
  if (inner.length > 1) return malformed('stream_options.include_usage', 'given only once')
  if (wanted === undefined) {
    const comma = Object.keys(options).length > 0 ? ',' : ''
    const open = place.from + 1
    return { body: splice(bytes, open, open, `${INCLUDE_USAGE}${comma}`), asked: true }
  }
  const value = options['include_usage']
  if (value === true) return { body: bytes, asked: false }
  if (value !== false && value !== null) return malformed('stream_options.include_usage', 'true or false')
  return { body: splice(bytes, wanted.from, wanted.to, 'true'), asked: true }
}
