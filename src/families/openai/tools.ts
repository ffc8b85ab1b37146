/** Tools in requests of OpenAI's API: which of them the caller runs, and what those cost that the provider runs. */
import type { Refusal } from '../../errors.ts'
import { VALUE, type KeptValue } from '../../json/outline-plan.ts'
import { isObject, type JsonObject } from '../request-body.ts'
import { hostedTool, malformed, optionalCount, type ClientSwitches } from '../shapes.ts'

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

/** What is read of a list of tools. */
export const TOOLS: Readonly<Record<string, KeptValue>> = {
  tools: { each: 'tool' },
  tool: { keys: { type: VALUE, execution: VALUE, environment: 'environment', tools: 'tools' } },
  environment: { keys: { type: VALUE } },
}

/** What the tools of a request add up to. */
export interface Tools {
  /** Whether the provider adds an unbounded number of tokens to the prompt. */
  unbounded: boolean
  searchesTheWeb: boolean
}

export const noTools = (): Tools => ({ unbounded: false, searchesTheWeb: false })

/** Adds a list of tools; a refusal where one of them runs at the provider without a price. */
export function addTools(tools: unknown, rules: ToolRules, found: Tools, depth = 1): Refusal | null {
  if (!Array.isArray(tools) || depth > MAX_DEPTH) return malformed('tools', 'a list')
  for (const tool of tools as unknown[]) {
    const refusal = isObject(tool)
      ? addTool(tool, rules, found, depth)
      : hostedTool(String(undefined), CLIENT_SWITCHES)
    if (refusal !== null) return refusal
  }
  return null
}

function addTool(tool: JsonObject, rules: ToolRules, found: Tools, depth: number): Refusal | null {
  const { type, tools = null, execution, environment = null } = tool
  if (typeof type !== 'string') return hostedTool(String(undefined), CLIENT_SWITCHES)
  if (type === 'namespace') return tools === null ? null : addTools(tools, rules, found, depth + 1)
  if (type === 'tool_search') {
    // Where the provider searches, it reads the prompt once more with the tools that it found.
    if (execution !== 'client') found.unbounded = true
    return null
  }
  if (type === 'shell') {
    // A shell without an environment is the caller's; with one, it says where it runs.
    const isLocal = environment === null || (isObject(environment) && environment['type'] === 'local')
    return rules.hostsShell || !isLocal ? hostedTool(type, CLIENT_SWITCHES) : null
  }
  if (WEB_SEARCH.test(type) && rules.reportsSearches && depth === 1) {
    found.searchesTheWeb = true
    return null
  }
  return CALLERS_TOOLS.has(type) ? null : hostedTool(type, CLIENT_SWITCHES)
}

/** An item that tells of tools which an MCP server had: it lets nobody call them. */
const LISTS_ONLY = 'mcp_list_tools'

/** Adds the tools that an item of `input` brings along: the result of a search for tools. */
export function addToolsOfItem(
  { type, tools = null }: JsonObject,
  rules: ToolRules,
  found: Tools,
): Refusal | null {
  return tools === null || type === LISTS_ONLY ? null : addTools(tools, rules, found)
}

/** How often the provider may search for the call, as far as one can tell. */
export function searchesOf({ searchesTheWeb }: Tools, json: JsonObject): number | Refusal {
  if (!searchesTheWeb) return 0
  const most = optionalCount(json, 'max_tool_calls', 0)
  return most ?? USUAL_SEARCHES
}
