/** What OpenAI's requests tell about their price: one function a route. */
import type { Refusal } from '../errors.ts'
import type { CallShape } from './family.ts'
import { addInline, addRemote, MAX_MEDIA_DEPTH, noMedia, type Media } from './media.ts'
import {
  foldCase,
  hasKeyTwice,
  isObject,
  placesOfKeys,
  readRequestBody,
  splice,
  type JsonObject,
  type RequestBody,
} from './request-body.ts'
import { largestCount, malformed, optionalCount, shapeOf, unpriced } from './shapes.ts'

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
  'web_search_options',
  'service_tier',
  'background',
  'previous_response_id',
  'conversation',
])

/** Tools that the caller runs itself: they cost nothing but tokens. */
const CALLERS_TOOLS: ReadonlySet<string> = new Set([
  'function',
  'custom',
  'local_shell',
  'apply_patch',
  'computer_use_preview',
])
const PRICED_TIERS: ReadonlySet<unknown> = new Set([undefined, null, 'auto', 'default'])
/** Models that search the web on every call, at a fee that no usage report shows. */
const SEARCH_MODEL = /-search-(?:preview|api)/

/**
 * Tokens of one image: what most images cost, and the most that any does (gpt-4o-mini in high detail: 2,833 for the
 * image and 5,667 for each of up to 8 tiles, from OpenAI's guide to images).
 */
const IMAGE_TOKENS = { estimate: 1_500, bound: 48_169 }
/** Audio costs about 10 tokens a second; 8 kbit/s is the thinnest that is sent, 1,366 base64 characters a second. */
const AUDIO_CHARACTERS_PER_TOKEN = 100
/** A page of a PDF is read as text and image; nothing bounds it from outside. */
const FILE_CHARACTERS_PER_TOKEN = 20

/** Adds up the media of the content parts below `value`: chat messages, or the items of a response's input. */
function mediaOf(value: unknown, media: Media, depth = 0): Media {
  if (depth > MAX_MEDIA_DEPTH) {
    media.bound = null
    return media
  }
  if (Array.isArray(value)) {
    for (const part of value) mediaOf(part, media, depth + 1)
    return media
  }
  if (!isObject(value)) return media
  const image = value['image_url']
  if (image !== undefined) addImage(isObject(image) ? image['url'] : image, media)
  const audio = value['input_audio']
  if (isObject(audio) && typeof audio['data'] === 'string') {
    addInline(media, audio['data'].length, { estimate: 0, bound: 0 })
    media.audioTokens += Math.ceil(audio['data'].length / AUDIO_CHARACTERS_PER_TOKEN)
  }
  addFile(value, media)
  if (isObject(value['file'])) addFile(value['file'], media)
  if (isStored(value)) addRemote(media, IMAGE_TOKENS.estimate)
  mediaOf(value['output'], media, depth + 1)
  return mediaOf(value['content'], media, depth + 1)
}

function addFile(file: JsonObject, media: Media): void {
  const { file_data: data, file_id: id, file_url: url } = file
  if (typeof data === 'string') {
    addInline(media, data.length, {
      estimate: Math.ceil(data.length / FILE_CHARACTERS_PER_TOKEN),
      bound: null,
    })
  }
  if (typeof id === 'string' || typeof url === 'string') addRemote(media, IMAGE_TOKENS.estimate)
}

/**
 * Whether an item stands in the request by its id only, and the provider reads what it has stored: the audio of an earlier
 * answer, or any item of an earlier response.
 */
function isStored({ type, id, role, audio }: JsonObject): boolean {
  if (isObject(audio) && typeof audio['id'] === 'string') return true
  return type === 'item_reference' || (typeof id === 'string' && (type ?? role ?? null) === null)
}

function addImage(url: unknown, media: Media): void {
  if (typeof url !== 'string') return
  if (url.startsWith('data:')) addInline(media, url.length, IMAGE_TOKENS)
  else addRemote(media, IMAGE_TOKENS.estimate)
}

/** What every route has in common: a model, and whether the answer is a stream. */
function common(bytes: Buffer): { body: RequestBody; model: string; stream: boolean } | Refusal {
  const body = readRequestBody(bytes, PRICED_KEYS)
  if ('refused' in body) return body
  const { model, stream, service_tier: tier } = body.json
  if (typeof model !== 'string' || model === '' || model.length > 200) {
    return malformed('model', 'the name of a model')
  }
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean')
    return malformed('stream', 'true or false')
  if (!PRICED_TIERS.has(tier)) return unpriced('service_tier', 'only the default tier has a price')
  if (SEARCH_MODEL.test(model))
    return unpriced('model', `'${model}' searches the web, which has no price here`)
  return { body, model, stream: stream === true }
}

function toolsRefusal(bytes: Buffer, { json, places }: RequestBody): Refusal | null {
  const { tools } = json
  if (tools === undefined || tools === null) return null
  const place = places.get('tools')
  if (!Array.isArray(tools) || place === undefined) return malformed('tools', 'a list')
  if (hasKeyTwice(bytes, place.from, 'type')) return malformed('tools', 'a list of tools with one type each')
  for (const tool of tools) {
    const type: unknown = isObject(tool) ? tool['type'] : undefined
    if (typeof type !== 'string' || !CALLERS_TOOLS.has(type)) {
      return unpriced('tools', `'${String(type)}' runs at the provider and has no price here`)
    }
  }
  return null
}

/** How a provider that speaks OpenAI's API differs from it. */
export interface Dialect {
  /** Whether streams report usage only when `stream_options.include_usage` asks for it. */
  readonly asksForUsage: boolean
}

const OPENAI: Dialect = { asksForUsage: true }

export function chatShape(bytes: Buffer, dialect: Dialect = OPENAI): CallShape | Refusal {
  const read = common(bytes)
  if ('refused' in read) return read
  const { json } = read.body
  if (!Array.isArray(json['messages'])) return malformed('messages', 'a list')
  if (json['web_search_options'] !== undefined && json['web_search_options'] !== null) {
    return unpriced('web_search_options', 'web searches have no price here')
  }
  const tools = toolsRefusal(bytes, read.body)
  if (tools !== null) return tools
  const maxOutput = largestCount(json, ['max_completion_tokens', 'max_tokens'], 0)
  if (maxOutput !== null && typeof maxOutput === 'object') return maxOutput
  const choices = optionalCount(json, 'n', 1)
  if (choices !== null && typeof choices === 'object') return choices
  const asks = read.stream && dialect.asksForUsage
  const withUsage = asks ? askForUsage(bytes, read.body) : { body: bytes, asked: false }
  if ('refused' in withUsage) return withUsage
  const modalities = json['modalities']
  return shapeOf(bytes, read, mediaOf(json['messages'], noMedia()), {
    maxOutput,
    maxOutputField: json['max_completion_tokens'] === undefined ? 'max_tokens' : 'max_completion_tokens',
    generates: true,
    choices: choices ?? 1,
    audioOutput: Array.isArray(modalities) && modalities.includes('audio'),
    body: withUsage.body,
    hidesUsageEvent: withUsage.asked,
  })
}

export function completionShape(bytes: Buffer, dialect: Dialect = OPENAI): CallShape | Refusal {
  const read = common(bytes)
  if ('refused' in read) return read
  const { json } = read.body
  const maxOutput = optionalCount(json, 'max_tokens', 0)
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
    maxOutput: maxOutput ?? 16,
    generates: true,
    choices: prompts * (perPrompt ?? 1),
    body: withUsage.body,
    hidesUsageEvent: withUsage.asked,
  })
}

export function embeddingShape(bytes: Buffer): CallShape | Refusal {
  const read = common(bytes)
  if ('refused' in read) return read
  if (read.body.json['input'] === undefined) return malformed('input', 'given')
  return shapeOf(bytes, { ...read, stream: false }, noMedia(), { maxOutput: 0, generates: false })
}

export function responseShape(bytes: Buffer): CallShape | Refusal {
  const read = common(bytes)
  if ('refused' in read) return read
  const { json } = read.body
  if (isObject(json['prompt'])) return unpriced('prompt', 'a stored prompt may bring tools of its own')
  if (json['background'] === true) return unpriced('background', 'its answer does not come through this call')
  const tools = toolsRefusal(bytes, read.body)
  if (tools !== null) return tools
  const maxOutput = optionalCount(json, 'max_output_tokens', 0)
  if (maxOutput !== null && typeof maxOutput === 'object') return maxOutput
  const media = mediaOf(json['input'], noMedia())
  // What the provider has stored becomes part of the prompt, in a size that nobody knows here.
  const stored = ['previous_response_id', 'conversation'].some((field) => (json[field] ?? null) !== null)
  if (stored) media.bound = null
  return shapeOf(bytes, read, media, { maxOutput, maxOutputField: 'max_output_tokens', generates: true })
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
