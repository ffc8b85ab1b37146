/** What OpenAI's requests tell about their price: one function a route. */
import { replaced } from '../../core/chunks.ts'
import { planOutline, SIZE, VALUE, type PlannedValue } from '../../json/outline-plan.ts'
import { isRefusal, type Refusal } from '../../errors.ts'
import type { AskedOption, CallShape, RequestReader } from '../family.ts'
import { noMedia, type Media } from '../media.ts'
import { addPart, PARTS } from './media.ts'
import {
  addTools,
  addToolsOfItem,
  noTools,
  searchesOf,
  TOKENS_PER_SEARCH,
  TOOLS,
  type ToolRules,
  type Tools,
} from './tools.ts'
import { alternativesOf, paidSwitchRefusal, SWITCH_FIELDS, SWITCH_VALUES } from '../paid-switches.ts'
import { isObject, readerOf, type RequestBody } from '../request-body.ts'
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

/** What is read of every request, and of a body with the keys of one route besides. */
function planOf(keys: Readonly<Record<string, string>>): PlannedValue {
  return planOutline({
    body: {
      keys: {
        ...{ model: VALUE, stream: VALUE, service_tier: VALUE },
        ...SWITCH_FIELDS,
        ...keys,
      },
    },
    ...SWITCH_VALUES,
    ...PARTS,
    ...TOOLS,
    // An item of a response's input may bring tools along.
    item: { ...PARTS['part'], keys: { ...PARTS['part']?.keys, tools: 'tools' }, each: 'item' },
    prompt: { keys: {}, size: true, each: SIZE, first: true },
    streamOptions: { keys: { include_usage: 'includeUsage' }, others: SIZE, place: true },
    includeUsage: { place: true },
  })
}

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
  readonly model: string
  readonly alternatives: readonly string[]
  readonly stream: boolean
  readonly asked: readonly AskedOption[]
}

function common({ json }: RequestBody, { standardTiers }: Dialect): Common | Refusal {
  const { model, stream, service_tier: tier } = json
  if (typeof model !== 'string' || model === '' || model.length > 200) {
    return malformed('model', 'the name of a model')
  }
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean')
    return malformed('stream', 'true or false')
  const asked = askedFor('service_tier', 'service_tier', tier, standardTiers)
  if ('refused' in asked) return asked
  const paid = paidSwitchRefusal(json, model)
  if (paid !== null) return paid
  const alternatives = alternativesOf(json)
  if ('refused' in alternatives) return alternatives
  return { model, alternatives, stream: stream === true, asked }
}

const CHAT_PLAN = planOf({
  ...{ messages: 'part', tools: 'tools', modalities: 'names', n: VALUE },
  ...{ max_tokens: VALUE, max_completion_tokens: VALUE, stream_options: 'streamOptions' },
})

export function chatReader(dialect: Dialect = OPENAI_REQUESTS): () => RequestReader {
  return readerOf({
    plan: CHAT_PLAN,
    begin: noMedia,
    visit: addPart,
    inspect: (body, media) => chatShape(body, media, dialect),
  })
}

function chatShape(body: RequestBody, media: Media, dialect: Dialect): CallShape | Refusal {
  const read = common(body, dialect)
  if ('refused' in read) return read
  const { json } = body
  if (!Array.isArray(json['messages'])) return malformed('messages', 'a list')
  const tools = noTools()
  const rules = { reportsSearches: false, hostsShell: dialect.hostsShell }
  const refusal = (json['tools'] ?? null) === null ? null : addTools(json['tools'], rules, tools)
  if (refusal !== null) return refusal
  const maxOutput = outputLimit(json, ['max_completion_tokens', 'max_tokens'])
  if (maxOutput !== null && typeof maxOutput === 'object') return maxOutput
  const choices = optionalCount(json, 'n', 1)
  if (choices !== null && typeof choices === 'object') return choices
  const withUsage = bodyWithUsage(body, read.stream && dialect.asksForUsage)
  if (isRefusal(withUsage)) return withUsage
  const modalities = json['modalities']
  if (tools.unbounded) media.bound = null
  return shapeOf(body, read, media, {
    maxOutput,
    maxOutputField: (json['max_completion_tokens'] ?? null) === null ? 'max_tokens' : 'max_completion_tokens',
    generates: true,
    choices: choices ?? 1,
    audioOutput: Array.isArray(modalities) && modalities.includes('audio'),
    ...withUsage,
  })
}

const COMPLETION_PLAN = planOf({
  ...{ prompt: 'prompt', n: VALUE, best_of: VALUE, max_tokens: VALUE, stream_options: 'streamOptions' },
})

export function completionReader(dialect: Dialect = OPENAI_REQUESTS): () => RequestReader {
  return readerOf({
    plan: COMPLETION_PLAN,
    begin: noMedia,
    visit: addPart,
    inspect: (body) => completionShape(body, dialect),
  })
}

function completionShape(body: RequestBody, dialect: Dialect): CallShape | Refusal {
  const read = common(body, dialect)
  if ('refused' in read) return read
  const { json } = body
  const maxOutput = outputLimit(json, ['max_tokens'])
  if (maxOutput !== null && typeof maxOutput === 'object') return maxOutput
  const perPrompt = largestCount(json, ['n', 'best_of'], 1)
  if (perPrompt !== null && typeof perPrompt === 'object') return perPrompt
  const { prompt } = json
  // A list of numbers is one prompt in tokens; any other list is a list of prompts.
  const prompts = Array.isArray(prompt) && typeof prompt[0] !== 'number' ? Math.max(1, prompt.length) : 1
  const withUsage = bodyWithUsage(body, read.stream && dialect.asksForUsage)
  if (isRefusal(withUsage)) return withUsage
  return shapeOf(body, read, noMedia(), {
    // The API's own default where the request says nothing.
    maxOutput: json['max_tokens'] === NO_LIMIT ? null : (maxOutput ?? 16),
    generates: true,
    choices: prompts * (perPrompt ?? 1),
    ...withUsage,
  })
}

/** Models that embed images take them as content parts, in either of these. */
const EMBEDDING_PLAN = planOf({ input: 'part', messages: 'part' })

export function embeddingReader(dialect: Dialect = OPENAI_REQUESTS): () => RequestReader {
  return readerOf({
    plan: EMBEDDING_PLAN,
    begin: noMedia,
    visit: addPart,
    inspect: (body, media) => {
      const read = common(body, dialect)
      if ('refused' in read) return read
      if (body.json['input'] === undefined) return malformed('input', 'given')
      return shapeOf(body, { ...read, stream: false }, media, { maxOutput: 0, generates: false })
    },
  })
}

const RESPONSE_PLAN = planOf({
  ...{ input: 'item', prompt: 'prompt', tools: 'tools', max_tool_calls: VALUE, max_output_tokens: VALUE },
  ...{ background: VALUE, previous_response_id: VALUE, conversation: VALUE },
})

/** What the items of a response's input add up to. */
interface ItemsSeen {
  readonly media: Media
  readonly tools: Tools
  refusal: Refusal | null
}

export function responseReader(dialect: Dialect = OPENAI_REQUESTS): () => RequestReader {
  const rules = { reportsSearches: true, hostsShell: dialect.hostsShell }
  return readerOf({
    plan: RESPONSE_PLAN,
    begin: (): ItemsSeen => ({ media: noMedia(), tools: noTools(), refusal: null }),
    visit: (item, seen) => {
      addPart(item, seen.media)
      seen.refusal ??= addToolsOfItem(item, rules, seen.tools)
    },
    inspect: (body, seen) => responseShape(body, seen, rules, dialect),
  })
}

function responseShape(
  body: RequestBody,
  { media, tools, refusal: ofItems }: ItemsSeen,
  rules: ToolRules,
  dialect: Dialect,
): CallShape | Refusal {
  const read = common(body, dialect)
  if ('refused' in read) return read
  const { json } = body
  if (isObject(json['prompt'])) return unpriced('prompt', 'a stored prompt may bring tools of its own')
  if (json['background'] === true) return unpriced('background', 'its answer does not come through this call')
  const refusal = (json['tools'] ?? null) === null ? null : addTools(json['tools'], rules, tools)
  if (refusal !== null || ofItems !== null) return refusal ?? ofItems ?? malformed('tools', 'a list')
  const searches = searchesOf(tools, json)
  if (typeof searches === 'object') return searches
  const maxOutput = outputLimit(json, ['max_output_tokens'])
  if (maxOutput !== null && typeof maxOutput === 'object') return maxOutput
  // Context that the provider has stored becomes part of the prompt; its size is unknown here.
  const stored = ['previous_response_id', 'conversation'].some((field) => (json[field] ?? null) !== null)
  if (stored || tools.unbounded || tools.searchesTheWeb) media.bound = null
  media.tokens += searches * TOKENS_PER_SEARCH
  return shapeOf(body, read, media, {
    maxOutput,
    maxOutputField: 'max_output_tokens',
    generates: true,
    webSearches: searches,
  })
}

/**
 * `/v1/responses/compact`: a response that is a summary of its input. The request has no field that bounds it, so that
 * under strict admission only the model's own maximum does.
 */
export function compactionReader(dialect: Dialect = OPENAI_REQUESTS): () => RequestReader {
  const begin = responseReader(dialect)
  return () => {
    const { push, inspect } = begin()
    return {
      push,
      inspect: (request) => {
        const shape = inspect(request)
        return isRefusal(shape)
          ? shape
          : { ...shape, maxOutputField: 'maxOutput of the model under prices.models' }
      },
    }
  }
}

const INCLUDE_USAGE = '"include_usage":true'

/**
 * The body to send. Where usage is to be asked for, `stream_options.include_usage` is put in if it is missing or false;
 * no other byte changes.
 */
function bodyWithUsage(
  { json, places, open, chunks }: RequestBody,
  asks: boolean,
): Pick<CallShape, 'body' | 'hidesUsageEvent'> | Refusal {
  const put = (from: number, to: number, text: string): Pick<CallShape, 'body' | 'hidesUsageEvent'> => ({
    body: replaced(chunks, from, to, text),
    hidesUsageEvent: true,
  })
  if (!asks) return { body: chunks, hidesUsageEvent: false }
  const options = json['stream_options']
  const place = places.get('streamOptions')
  if (place === undefined) return put(open, open, `"stream_options":{${INCLUDE_USAGE}},`)
  if (options === null) return put(place.from, place.to, `{${INCLUDE_USAGE}}`)
  if (!isObject(options)) return malformed('stream_options', 'an object')
  const { include_usage: value } = options
  const wanted = places.get('includeUsage')
  if (wanted === undefined) {
    const comma = Object.keys(options).length > 0 ? ',' : ''
    return put(place.from + 1, place.from + 1, `${INCLUDE_USAGE}${comma}`)
  }
  if (value === true) return { body: chunks, hidesUsageEvent: false }
  if (value !== false && value !== null) return malformed('stream_options.include_usage', 'true or false')
  return put(wanted.from, wanted.to, 'true')
}
