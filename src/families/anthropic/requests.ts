/** Reads what determines the price of a request to Anthropic's Messages API. */
import { refuse, type Refusal } from '../../errors.ts'
import type { AskedOption, CallShape, RequestSeen } from '../family.ts'
import { addInline, addRemote, MAX_MEDIA_DEPTH, noMedia, type Media } from '../media.ts'
import { BETA_HEADER, betaRefusal, betasOf, compactsFrom } from './betas.ts'
import { alternativesOf, paidSwitchRefusal, SWITCH_FIELDS } from '../paid-switches.ts'
import {
  hasKeyTwice,
  hasKeyTwiceBelow,
  isObject,
  readRequestBody,
  type JsonObject,
  type RequestBody,
} from '../request-body.ts'
import {
  askedFor,
  hostedTool,
  malformed,
  optionalCount,
  outputLimit,
  shapeOf,
  unpriced,
  type ClientSwitches,
} from '../shapes.ts'

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
  'fallbacks',
  'context_management',
  'anthropic_beta',
  ...SWITCH_FIELDS,
])

/** An image is scaled down to at most 1,568 pixels a side, and costs its area / 750 tokens (Anthropic's guide to vision). */
const IMAGE_TOKENS = { estimate: 1_600, bound: 5_000 }
/** A page of a PDF costs its text and an image of itself; a page has some 20 KB. */
const PDF_CHARACTERS_PER_TOKEN = 10

/** Tools that the caller runs, by the first part of their type … */
const CALLERS_TOOLS = /^(?:custom|bash|text_editor|computer|memory)(?:_|$)/
/** … and tools that run at Anthropic and cost only the tokens that they add, which cannot be bounded here. */
const TOKEN_ONLY_TOOLS = /^(?:web_fetch|tool_search_tool|mcp_toolset)(?:_|$)/
const WEB_SEARCH = /^web_search(?:_|$)/
/** The number of searches assumed without `max_uses`. */
const USUAL_SEARCHES = 5
/** The tokens that a search adds to the prompt. */
const TOKENS_PER_SEARCH = 10_000

interface Tools {
  searches: number
  /** Whether the provider adds an unbounded number of tokens to the prompt. */
  unbounded: boolean
}

/** Advice on how to switch a tool off in a client. */
const CLIENT_SWITCHES: ClientSwitches = [[/^advisor/, 'Claude Code: CLAUDE_CODE_DISABLE_ADVISOR_TOOL=1']]

function readTool(tool: unknown, found: Tools): Refusal | null {
  if (!isObject(tool)) return malformed('tools', 'a list of tools')
  const type = tool['type'] ?? 'custom'
  if (typeof type !== 'string') return malformed('tools', 'a list of tools with a type')
  if (WEB_SEARCH.test(type)) {
    const most = optionalCount(tool, 'max_uses', 0)
    if (most !== null && typeof most === 'object') return most
    found.searches += most ?? USUAL_SEARCHES
    found.unbounded = true
  } else if (TOKEN_ONLY_TOOLS.test(type)) {
    found.unbounded = true
  } else if (!CALLERS_TOOLS.test(type)) {
    return hostedTool(type, CLIENT_SWITCHES)
  }
  return null
}

/** Keys of a block that adds a tool in the middle of a conversation. */
const INLINE_TOOL_KEYS: ReadonlySet<string> = new Set(['tool', 'type', 'definition'])

/** Reads `tools`, and the tool definitions within messages. */
function readTools(
  bytes: Buffer,
  { json, places }: RequestBody,
  inline: readonly JsonObject[],
): Tools | Refusal {
  const found: Tools = { searches: 0, unbounded: (json['mcp_servers'] ?? null) !== null }
  const { tools } = json
  const place = places.get('tools')
  if (tools !== undefined && tools !== null) {
    if (!Array.isArray(tools) || place === undefined) return malformed('tools', 'a list')
    if (hasKeyTwice(bytes, place.from, 'type'))
      return malformed('tools', 'a list of tools with one type each')
    for (const tool of tools as unknown[]) {
      const refusal = readTool(tool, found)
      if (refusal !== null) return refusal
    }
  }
  const messages = places.get('messages')?.from ?? 0
  if (inline.length > 0 && hasKeyTwiceBelow(bytes, messages, INLINE_TOOL_KEYS))
    return malformed('messages', 'a list of blocks with one type each')
  for (const { definition } of inline) {
    const refusal = definition === undefined ? null : readTool(definition, found)
    if (refusal !== null) return refusal
  }
  return found
}

/** What a walk over the request finds besides media. */
interface Seen {
  /** The longest lifetime of anything that is to be cached. */
  writes: CallShape['cacheWrites']
  /** The values of `tool` in blocks: the name of a listed tool, or a definition. */
  readonly inlineTools: JsonObject[]
}

/** Adds up media below `value`. */
function look(value: unknown, media: Media, seen: Seen, depth = 0): void {
  if (depth > MAX_MEDIA_DEPTH) {
    media.bound = null
    return
  }
  if (Array.isArray(value)) {
    for (const item of value) look(item, media, seen, depth + 1)
    return
  }
  if (!isObject(value)) return
  const cacheControl = value['cache_control']
  if (isObject(cacheControl)) {
    if (cacheControl['ttl'] === '1h') seen.writes = '1h'
    else if (seen.writes === 'none') seen.writes = '5m'
  }
  if (isObject(value['tool'])) seen.inlineTools.push(value['tool'])
  const source = value['source']
  if (isObject(source)) {
    addSource(String(value['type']), source, media)
    // A document may be a list of blocks of its own.
    look(source['content'], media, seen, depth + 1)
  }
  look(value['content'], media, seen, depth + 1)
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

/** Options that change the price of every token. */
function askedOptions(json: JsonObject): readonly AskedOption[] | Refusal {
  const all: AskedOption[] = []
  for (const asked of [
    askedFor('service_tier', 'service_tier', json['service_tier'], ['auto', 'standard_only']),
    // A report contains the speed as it does the tier, and serviceTiers prices both.
    askedFor('speed', 'service_tier', json['speed'], ['standard']),
    askedFor('inference_geo', 'region', json['inference_geo'], ['global']),
  ]) {
    if ('refused' in asked) return asked
    all.push(...asked)
  }
  return all
}

/** Refuses options that cause unpriced costs, or that change which model answers. */
function unpricedOption(json: JsonObject): Refusal | null {
  const { container, fallbacks } = json
  if ((json['billing_policy'] ?? null) !== null)
    return unpriced('billing_policy', 'it may bill another account')
  // Each attempt is billed at the price of its own model, and one report covers them all.
  if ((fallbacks ?? null) !== null && !(Array.isArray(fallbacks) && fallbacks.length === 0))
    return unpriced('fallbacks', 'a dearer model may answer in place of the one that is asked')
  return (container ?? null) === null ? null : unpriced('container', 'code execution has no price here')
}

/** Reads what is checked before the prompt: a model, a limit on the output, and no option without a price. */
function readHead(
  bytes: Buffer,
  body: RequestBody,
): (Pick<CallShape, 'model' | 'stream' | 'alternatives' | 'asked'> & { maxOutput: number }) | Refusal {
  const { json } = body
  const { model, stream = null } = json
  if (typeof model !== 'string' || model === '' || model.length > 200)
    return malformed('model', 'the name of a model')
  if (stream !== null && typeof stream !== 'boolean') return malformed('stream', 'true or false')
  if (!Array.isArray(json['messages'])) return malformed('messages', 'a list')
  const maxOutput = outputLimit(json, ['max_tokens'])
  if (maxOutput === null)
    return refuse('invalid_request', "'max_tokens' is required.", { param: 'max_tokens' })
  if (typeof maxOutput === 'object') return maxOutput
  const option = unpricedOption(json) ?? paidSwitchRefusal(bytes, body, model)
  if (option !== null) return option
  const asked = askedOptions(json)
  if ('refused' in asked) return asked
  const alternatives = alternativesOf(body)
  if ('refused' in alternatives) return alternatives
  return { model, stream: stream === true, maxOutput, alternatives, asked }
}

export function messageShape(bytes: Buffer, headers: RequestSeen['headers']): CallShape | Refusal {
  const body = readRequestBody(bytes, PRICED_KEYS)
  if ('refused' in body) return body
  const { json } = body
  const beta = betaRefusal(betasOf(headers[BETA_HEADER], json))
  if (beta !== null) return beta
  const head = readHead(bytes, body)
  if ('refused' in head) return head
  const media = noMedia()
  const seen: Seen = { writes: 'none', inlineTools: [] }
  for (const part of [
    json['system'],
    json['messages'],
    json['tools'],
    { cache_control: json['cache_control'] },
  ]) {
    look(part, media, seen)
  }
  const tools = readTools(bytes, body, seen.inlineTools)
  if ('refused' in tools) return tools
  media.tokens += tools.searches * TOKENS_PER_SEARCH
  if (tools.unbounded) media.bound = null
  const shape = shapeOf(bytes, head, media, {
    maxOutput: head.maxOutput,
    generates: true,
    cacheWrites: seen.writes,
    webSearches: tools.searches,
  })
  return withCompaction(shape, compactsFrom(json))
}

/** A conversation that is summarised within the call is read twice, and the size of the summary is unbounded. */
function withCompaction(shape: CallShape, from: number | null): CallShape {
  if (from === null) return shape
  const { promptTokens } = shape
  return {
    ...shape,
    promptTokens: promptTokens < from ? promptTokens : 2 * promptTokens,
    promptTokensBound: null,
  }
}
