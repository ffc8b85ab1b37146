/** What a request of Anthropic's Messages API tells about its price. */
import { refuse, type Refusal } from '../errors.ts'
import type { CallShape } from './family.ts'
import { addInline, addRemote, MAX_MEDIA_DEPTH, noMedia, type Media } from './media.ts'
import { hasKeyTwice, isObject, readRequestBody, type JsonObject, type RequestBody } from './request-body.ts'
import { malformed, optionalCount, shapeOf, unpriced } from './shapes.ts'

const PRICED_KEYS: ReadonlySet<string> = new Set([
  'model',
  'max_tokens',
  'stream',
  'messages',
  'system',
  'tools',
  'service_tier',
  'speed',
  'inference_geo',
  'mcp_servers',
  'container',
  'billing_policy',
])

/** An image is scaled down to at most 1,568 pixels a side, and costs its area / 750 tokens (Anthropic's guide to vision). */
const IMAGE_TOKENS = { estimate: 1_600, bound: 5_000 }
/** A page of a PDF costs its text and an image of itself; a page has some 20 KB. */
const PDF_CHARACTERS_PER_TOKEN = 10

/** Tools that run at Anthropic and cost nothing but the tokens they bring, by the first part of their type. */
const TOKEN_ONLY_TOOLS = /^(?:custom|bash|text_editor|computer|memory|web_fetch|tool_search_tool)(?:_|$)/
const WEB_SEARCH = /^web_search(?:_|$)/
/** What a search without `max_uses` is taken to do. */
const USUAL_SEARCHES = 5
/** What a search brings into the prompt. */
const TOKENS_PER_SEARCH = 10_000

interface Tools {
  searches: number
  /** Whether the provider adds to the prompt what nobody here can bound. */
  unbounded: boolean
}

function readTools(bytes: Buffer, { json, places }: RequestBody): Tools | Refusal {
  const found: Tools = { searches: 0, unbounded: (json['mcp_servers'] ?? null) !== null }
  const { tools } = json
  if (tools === undefined || tools === null) return found
  const place = places.get('tools')
  if (!Array.isArray(tools) || place === undefined) return malformed('tools', 'a list')
  if (hasKeyTwice(bytes, place.from, 'type')) return malformed('tools', 'a list of tools with one type each')
  for (const tool of tools) {
    if (!isObject(tool)) return malformed('tools', 'a list of tools')
    const type = tool['type'] ?? 'custom'
    if (typeof type !== 'string') return malformed('tools', 'a list of tools with a type')
    if (WEB_SEARCH.test(type)) {
      const most = optionalCount(tool, 'max_uses', 0)
      if (most !== null && typeof most === 'object') return most
      found.searches += most ?? USUAL_SEARCHES
      found.unbounded = true
    } else if (!TOKEN_ONLY_TOOLS.test(type)) {
      return unpriced('tools', `'${type}' runs at the provider and has no price here`)
    } else if (/^(?:web_fetch|tool_search_tool)/.test(type)) {
      found.unbounded = true
    }
  }
  return found
}

/** Adds up media, and finds the longest lifetime of anything that is to be cached. */
function look(value: unknown, media: Media, caching: { writes: CallShape['cacheWrites'] }, depth = 0): void {
  if (depth > MAX_MEDIA_DEPTH) {
    media.bound = null
    return
  }
  if (Array.isArray(value)) {
    for (const item of value) look(item, media, caching, depth + 1)
    return
  }
  if (!isObject(value)) return
  const cacheControl = value['cache_control']
  if (isObject(cacheControl)) {
    if (cacheControl['ttl'] === '1h') caching.writes = '1h'
    else if (caching.writes === 'none') caching.writes = '5m'
  }
  const source = value['source']
  if (isObject(source)) addSource(String(value['type']), source, media)
  look(value['content'], media, caching, depth + 1)
}

function addSource(kind: string, source: JsonObject, media: Media): void {
  const { type, data } = source
  if (type === 'base64' && typeof data === 'string') {
    if (kind === 'image') addInline(media, data.length, IMAGE_TOKENS)
    else
      addInline(media, data.length, {
        estimate: Math.ceil(data.length / PDF_CHARACTERS_PER_TOKEN),
        bound: null,
      })
  } else if (type === 'url' || type === 'file') {
    addRemote(media, IMAGE_TOKENS.estimate)
  }
}

/** Options that change the price of every token, which no table has. */
function unpricedOption(json: JsonObject): Refusal | null {
  const { service_tier: tier, speed, inference_geo: geo, container } = json
  if (![undefined, null, 'auto', 'standard_only'].includes(tier as string)) {
    return unpriced('service_tier', 'only the standard tier has a price')
  }
  if (![undefined, null, 'standard'].includes(speed as string))
    return unpriced('speed', 'only standard speed has a price')
  if (![undefined, null, 'global'].includes(geo as string)) {
    return unpriced('inference_geo', 'only global inference has a price')
  }
  if ((json['billing_policy'] ?? null) !== null)
    return unpriced('billing_policy', 'it may bill another account')
  return (container ?? null) === null ? null : unpriced('container', 'code execution has no price here')
}

export function messageShape(bytes: Buffer): CallShape | Refusal {
  const body = readRequestBody(bytes, PRICED_KEYS)
  if ('refused' in body) return body
  const { json } = body
  const { model, stream } = json
  if (typeof model !== 'string' || model === '' || model.length > 200)
    return malformed('model', 'the name of a model')
  if (stream !== undefined && typeof stream !== 'boolean') return malformed('stream', 'true or false')
  if (!Array.isArray(json['messages'])) return malformed('messages', 'a list')
  const maxOutput = optionalCount(json, 'max_tokens', 0)
  if (maxOutput === null)
    return refuse('invalid_request', "'max_tokens' is required.", { param: 'max_tokens' })
  if (typeof maxOutput === 'object') return maxOutput
  const option = unpricedOption(json)
  if (option !== null) return option
  const tools = readTools(bytes, body)
  if ('refused' in tools) return tools
  const media = noMedia()
  const caching: { writes: CallShape['cacheWrites'] } = { writes: 'none' }
  for (const part of [
    json['system'],
    json['messages'],
    json['tools'],
    { cache_control: json['cache_control'] },
  ]) {
    look(part, media, caching)
  }
  media.tokens += tools.searches * TOKENS_PER_SEARCH
  if (tools.unbounded) media.bound = null
  return shapeOf(bytes, { model, stream: stream === true }, media, {
    maxOutput,
    generates: true,
    cacheWrites: caching.writes,
    webSearches: tools.searches,
  })
}
