/** Tools in requests of OpenAI's API: which of them the caller runs, and what those cost that the provider runs. */
import type { Refusal } from '../../errors.ts'
import { hasKeyTwice, isObject, placesOfItems, placesOfKeys, type RequestBody } from '../request-body.ts'
import { hostedTool, malformed, optionalCount, type ClientSwitches } from '../shapes.ts'

export interface Tools {
  /** Searches that the provider may make, as far as one can tell. */
  searches: number
  /** Whether the provider adds an unbounded number of tokens to the prompt. */
  unbounded: boolean
}

/** What a route, and the provider behind it, make of tools. */
export interface ToolRules {
  /** Whether answers say how often the provider searched, so that searches can be settled. */
  readonly reportsSearches: boolean
  /** Whether a shell is the provider's own, wherever the request says that it runs. */
  readonly hostsShell: boolean
}

/** Tools that the caller runs itself: they cost nothing but tokens. */
const CALLERS_TOOLS: ReadonlySet<string> = new Set([
  'function',
  'custom',
  'local_shell',
  'apply_patch',
  'computer',
  'computer_use_preview',
])
const WEB_SEARCH = /^web_search(?:_|$)/
/**
 * The number of searches assumed without `max_tool_calls`. Clients declare the search with every call, and few calls
 * make any.
 */
const USUAL_SEARCHES = 2
/** What a search brings into the prompt (OpenAI bills a block of 8,000 tokens for models that are not told how many it was). */
export const TOKENS_PER_SEARCH = 8_000

/** Advice on how to switch a tool off in a client. */
const CLIENT_SWITCHES: ClientSwitches = [
  [WEB_SEARCH, 'Codex: web_search = "disabled"'],
  [/^image_generation/, 'Codex: image_generation = false under [features]'],
]

/** A namespace holds tools, and no namespace. */
const MAX_DEPTH = 2
/** Keys by which a tool is judged, each of which must not stand twice. */
const JUDGED_KEYS = ['type', 'tools', 'environment', 'execution']

/** Reads `tools`, and the tools that items of `input` bring along (the result of a search for tools). */
export function readTools(bytes: Buffer, body: RequestBody, rules: ToolRules): Tools | Refusal {
  const { json, places } = body
  const found = { searches: 0, unbounded: false, searchesTheWeb: false }
  const place = places.get('tools')
  if (place !== undefined && json['tools'] !== null) {
    const refusal = judge(bytes, json['tools'], place.from, rules, found, 1)
    if (refusal !== null) return refusal
  }
  const refusal = judgeItems(bytes, body, rules, found)
  if (refusal !== null) return refusal
  if (!found.searchesTheWeb) return found
  const most = optionalCount(json, 'max_tool_calls', 0)
  if (most !== null && typeof most === 'object') return most
  return { searches: most ?? USUAL_SEARCHES, unbounded: true }
}

interface Found extends Tools {
  searchesTheWeb: boolean
}

function judge(
  bytes: Buffer,
  tools: unknown,
  at: number,
  rules: ToolRules,
  found: Found,
  depth: number,
): Refusal | null {
  if (!Array.isArray(tools) || depth > MAX_DEPTH) return malformed('tools', 'a list')
  if (JUDGED_KEYS.some((key) => hasKeyTwice(bytes, at, key)))
    return malformed('tools', 'a list of tools with one type each')
  const places = placesOfItems(bytes, at)
  for (const [index, tool] of (tools as unknown[]).entries()) {
    const type: unknown = isObject(tool) ? tool['type'] : undefined
    if (!isObject(tool) || typeof type !== 'string') return hostedTool(String(type), CLIENT_SWITCHES)
    const from = places[index]?.from ?? 0
    if (type === 'namespace') {
      const inner = placesOfKeys(bytes, from).find(({ key }) => key === 'tools')
      if (inner === undefined || tool['tools'] === null) continue
      const refusal = judge(bytes, tool['tools'], inner.from, rules, found, depth + 1)
      if (refusal !== null) return refusal
    } else if (type === 'tool_search') {
      // Where the provider searches, it reads the prompt once more with the tools that it found.
      if (tool['execution'] !== 'client') found.unbounded = true
    } else if (type === 'shell') {
      if (rules.hostsShell || !isLocalShell(bytes, tool, from)) return hostedTool('shell', CLIENT_SWITCHES)
    } else if (WEB_SEARCH.test(type) && rules.reportsSearches && depth === 1) {
      found.searchesTheWeb = true
    } else if (!CALLERS_TOOLS.has(type)) {
      return hostedTool(type, CLIENT_SWITCHES)
    }
  }
  return null
}

/** A shell without an environment is the caller's; with one, it says where it runs. */
function isLocalShell(bytes: Buffer, tool: Readonly<Record<string, unknown>>, from: number): boolean {
  const { environment } = tool
  if (environment === undefined || environment === null) return true
  if (!isObject(environment) || environment['type'] !== 'local') return false
  const place = placesOfKeys(bytes, from).find(({ key }) => key === 'environment')
  return (
    place !== undefined && placesOfKeys(bytes, place.from).filter(({ key }) => key === 'type').length === 1
  )
}

/** An item that tells of tools which an MCP server had: it lets nobody call them. */
const LISTS_ONLY = 'mcp_list_tools'

function judgeItems(
  bytes: Buffer,
  { json, places }: RequestBody,
  rules: ToolRules,
  found: Found,
): Refusal | null {
  const input: unknown = json['input']
  const open = places.get('input')?.from
  if (!Array.isArray(input) || open === undefined) return null
  const bringsTools = (input as unknown[]).some((item) => isObject(item) && item['tools'] !== undefined)
  if (!bringsTools) return null
  if (hasKeyTwice(bytes, open, 'type') || hasKeyTwice(bytes, open, 'tools'))
    return malformed('input', 'a list of items with one type each')
  const items = placesOfItems(bytes, open)
  for (const [index, item] of (input as unknown[]).entries()) {
    if (!isObject(item) || (item['tools'] ?? null) === null || item['type'] === LISTS_ONLY) continue
    const inner = placesOfKeys(bytes, items[index]?.from ?? 0).find(({ key }) => key === 'tools')
    const refusal = judge(bytes, item['tools'], inner?.from ?? 0, rules, found, 1)
    if (refusal !== null) return refusal
  }
  return null
}
