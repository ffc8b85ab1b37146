/** Reads what determines the price of a request to Anthropic's Messages API. */
import { textBytes } from '../../json/text.ts'
import { planOutline, SIZE, VALUE } from '../../json/outline-plan.ts'
import { isRefusal, refuse, type Refusal } from '../../errors.ts'
import type { AskedOption, CallShape, RequestReader, RequestSeen } from '../family.ts'
import { addInline, addRemote, noMedia, type Media } from '../media.ts'
import { BETA_HEADER, betaRefusal, betasOf, compactsFrom } from './betas.ts'
import { alternativesOf, paidSwitchRefusal, SWITCH_FIELDS, SWITCH_VALUES } from '../paid-switches.ts'
import { isObject, readerOf, type JsonObject, type RequestBody } from '../request-body.ts'
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

const PLAN = planOutline({
  body: {
    keys: {
      ...{ model: VALUE, stream: VALUE, max_tokens: VALUE, messages: 'block', system: 'block' },
      ...{ tools: 'tools', cache_control: 'cacheControl', context_management: 'contextManagement' },
      ...{ service_tier: VALUE, speed: VALUE, inference_geo: VALUE, mcp_servers: VALUE, container: VALUE },
      ...{ billing_policy: VALUE, fallbacks: 'names', anthropic_beta: 'names' },
      ...SWITCH_FIELDS,
    },
  },
  ...SWITCH_VALUES,
  // A message, or a block of its content. A document may be a list of blocks of its own, and a block may add a tool.
  block: {
    keys: {
      type: VALUE,
      content: 'block',
      source: 'source',
      tool: 'inlineTool',
      cache_control: 'cacheControl',
    },
    each: 'block',
    visits: true,
  },
  source: { keys: { type: VALUE, data: SIZE, content: 'block' } },
  cacheControl: { keys: { ttl: VALUE } },
  inlineTool: { keys: { type: VALUE, definition: 'tool' } },
  tools: { each: 'tool' },
  tool: { keys: { type: VALUE, max_uses: VALUE, cache_control: 'cacheControl' } },
  contextManagement: { keys: { edits: 'edits' } },
  edits: { each: 'edit' },
  edit: { keys: { type: VALUE, trigger: 'trigger' } },
  trigger: { keys: { value: VALUE } },
})

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

/** What the blocks of a request add up to. */
interface Seen {
  readonly media: Media
  readonly tools: Tools
  /** The longest lifetime of anything that is to be cached. */
  writes: CallShape['cacheWrites']
  /** Of a tool that a block adds. */
  refusal: Refusal | null
}

const nothingSeen = (): Seen => ({
  media: noMedia(),
  tools: { searches: 0, unbounded: false },
  writes: 'none',
  refusal: null,
})

function addBlock(block: JsonObject, seen: Seen): void {
  addCacheControl(block, seen)
  const { source, tool, type } = block
  if (isObject(source)) addSource(type, source, seen.media)
  // The name of a listed tool, or a definition.
  if (isObject(tool) && tool['definition'] !== undefined)
    seen.refusal ??= readTool(tool['definition'], seen.tools)
}

function addCacheControl({ cache_control: control }: JsonObject, seen: Seen): void {
  if (!isObject(control)) return
  if (control['ttl'] === '1h') seen.writes = '1h'
  else if (seen.writes === 'none') seen.writes = '5m'
}

function addSource(kind: unknown, { type, data }: JsonObject, media: Media): void {
  const bytes = textBytes(data)
  if (type === 'base64' && bytes !== null) {
    const pdf = { estimate: Math.ceil(bytes / PDF_CHARACTERS_PER_TOKEN), bound: null }
    addInline(media, bytes, kind === 'image' ? IMAGE_TOKENS : pdf)
  } else if (type === 'url' || type === 'file') {
    addRemote(media, IMAGE_TOKENS.estimate)
  }
}

/** Adds `tools` to those that blocks brought. */
function addTools({ tools, mcp_servers: servers }: JsonObject, seen: Seen): Refusal | null {
  if ((servers ?? null) !== null) seen.tools.unbounded = true
  if ((tools ?? null) === null) return seen.refusal
  if (!Array.isArray(tools)) return malformed('tools', 'a list')
  for (const tool of tools as unknown[]) {
    const refusal = readTool(tool, seen.tools)
    if (refusal !== null) return refusal
    if (isObject(tool)) addCacheControl(tool, seen)
  }
  return seen.refusal
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
  json: JsonObject,
): (Pick<CallShape, 'model' | 'stream' | 'alternatives' | 'asked'> & { maxOutput: number }) | Refusal {
  const { model, stream = null } = json
  if (typeof model !== 'string' || model === '' || model.length > 200)
    return malformed('model', 'the name of a model')
  if (stream !== null && typeof stream !== 'boolean') return malformed('stream', 'true or false')
  if (!Array.isArray(json['messages'])) return malformed('messages', 'a list')
  const maxOutput = outputLimit(json, ['max_tokens'])
  if (maxOutput === null)
    return refuse('invalid_request', "'max_tokens' is required.", { param: 'max_tokens' })
  if (typeof maxOutput === 'object') return maxOutput
  const option = unpricedOption(json) ?? paidSwitchRefusal(json, model)
  if (option !== null) return option
  const asked = askedOptions(json)
  if ('refused' in asked) return asked
  const alternatives = alternativesOf(json)
  if ('refused' in alternatives) return alternatives
  return { model, stream: stream === true, maxOutput, alternatives, asked }
}

export const messageReader: () => RequestReader = readerOf({
  plan: PLAN,
  begin: nothingSeen,
  visit: addBlock,
  inspect: messageShape,
})

function messageShape(body: RequestBody, seen: Seen, { headers }: RequestSeen): CallShape | Refusal {
  const { json } = body
  const betas = betasOf(headers[BETA_HEADER], json)
  const beta = isRefusal(betas) ? betas : betaRefusal(betas)
  if (beta !== null) return beta
  const head = readHead(json)
  if ('refused' in head) return head
  const refusal = addTools(json, seen)
  if (refusal !== null) return refusal
  addCacheControl(json, seen)
  const { media, tools, writes } = seen
  media.tokens += tools.searches * TOKENS_PER_SEARCH
  if (tools.unbounded) media.bound = null
  const shape = shapeOf(body, head, media, {
    maxOutput: head.maxOutput,
    generates: true,
    cacheWrites: writes,
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
