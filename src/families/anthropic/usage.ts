/** Interprets the usage reports of Anthropic's Messages API. */
import {
  isFigures,
  sumOfOutput,
  sumOfPrompt,
  type OutputSide,
  type PromptSide,
  type Report,
  type Served,
  type Side,
  type Unpriced,
} from '../../core/reports.ts'
import { completed, count, isMissing, NONE_UNKNOWN, unknownCounts } from '../counts.ts'
import type { Earlier } from '../family.ts'
import { isObject, type JsonObject } from '../request-body.ts'

const PROMPT = ['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens', 'cache_creation']
const OUTPUT = ['output_tokens']

/**
 * The known figures; other counts are treated as unpriced usage. The last ones are figures that compatible providers
 * repeat under OpenAI's names.
 */
const KNOWN: ReadonlySet<string> = new Set([
  ...PROMPT,
  ...OUTPUT,
  'server_tool_use',
  'iterations',
  'prompt_tokens',
  'completion_tokens',
  'total_tokens',
  'cached_tokens',
  'reasoning_tokens',
  'thinking_tokens',
  'claude_cache_creation_5_m_tokens',
  'claude_cache_creation_1_h_tokens',
])
/** Calls of server-side tools that cost nothing but the tokens they bring. */
const KNOWN_TOOLS: ReadonlySet<string> = new Set(['web_search_requests', 'web_fetch_requests'])
const OWN_ITERATIONS: ReadonlySet<unknown> = new Set(['message', 'compaction'])

/**
 * message_delta is cumulative, and a figure that it leaves out keeps its value from message_start. Lifetimes of cache
 * writes belong to the count of writes: if a later report has only that count, the one-hour writes are cut to it.
 */
export function completeReport(report: JsonObject, earlier: Earlier): JsonObject {
  const withPrompt = completed(report, earlier.prompt, PROMPT)
  const written = count(report['cache_creation_input_tokens'])
  const lifetimes = withPrompt['cache_creation']
  const isOld = written !== null && isMissing(report['cache_creation']) && isObject(lifetimes)
  const longLived = isOld ? Math.min(count(lifetimes['ephemeral_1h_input_tokens']) ?? 0, written) : 0
  const whole = isOld
    ? { ...withPrompt, cache_creation: { ephemeral_1h_input_tokens: longLived } }
    : withPrompt
  return completed(whole, earlier.output ?? earlier.prompt, [...OUTPUT, 'iterations'])
}

/** `input_tokens` excludes tokens read from and written to the cache. `cache_creation` splits writes by lifetime. */
function promptSide(report: JsonObject): Side<PromptSide> {
  if (PROMPT.every((name) => isMissing(report[name]))) return null
  const [input, cachedInput, written] = PROMPT.map((name) => count(report[name] ?? 0))
  if (typeof input !== 'number' || typeof cachedInput !== 'number' || typeof written !== 'number')
    return 'nonsense'
  const byLifetime = isObject(report['cache_creation']) ? report['cache_creation'] : {}
  const cacheWrite1h = count(byLifetime['ephemeral_1h_input_tokens']) ?? 0
  const written5m = count(byLifetime['ephemeral_5m_input_tokens']) ?? 0
  // Writes that no lifetime covers have the default one.
  const cacheWrite = Math.max(written5m, written - cacheWrite1h)
  return { input, cachedInput, cacheWrite, cacheWrite1h, audioInput: 0 }
}

/** Output includes thinking. */
function outputSide(report: JsonObject): Side<OutputSide> {
  if (isMissing(report['output_tokens'])) return null
  const output = count(report['output_tokens'])
  return output === null ? 'nonsense' : { output, audioOutput: 0, imageOutput: 0 }
}

interface Sides {
  readonly prompt: Side<PromptSide>
  readonly output: Side<OutputSide>
}

const sidesOf = (report: JsonObject): Sides => ({ prompt: promptSide(report), output: outputSide(report) })

function addPrompts(a: Side<PromptSide>, b: Side<PromptSide>): Side<PromptSide> {
  if (!isFigures(a) || !isFigures(b)) return a
  return {
    input: a.input + b.input,
    cachedInput: a.cachedInput + b.cachedInput,
    cacheWrite: a.cacheWrite + b.cacheWrite,
    cacheWrite1h: a.cacheWrite1h + b.cacheWrite1h,
    audioInput: 0,
  }
}

function addOutputs(a: Side<OutputSide>, b: Side<OutputSide>): Side<OutputSide> {
  if (!isFigures(a) || !isFigures(b)) return a
  return { ...a, output: a.output + b.output }
}

const NO_PROMPT: PromptSide = { input: 0, cachedInput: 0, cacheWrite: 0, cacheWrite1h: 0, audioInput: 0 }
const NO_OUTPUT: OutputSide = { output: 0, audioOutput: 0, imageOutput: 0 }

/**
 * The bill is the sum of all iterations. The top-level figures leave out those that compact the context. So the larger
 * of two sums is taken: of all iterations, and of the top level plus the compacting ones.
 */
function withIterations(top: Sides, iterations: readonly JsonObject[]): Sides {
  let all: Sides = { prompt: NO_PROMPT, output: NO_OUTPUT }
  let beside: Sides = top
  for (const iteration of iterations) {
    const sides = sidesOf(iteration)
    all = { prompt: addPrompts(all.prompt, sides.prompt), output: addOutputs(all.output, sides.output) }
    if (iteration['type'] === 'message' || iteration['type'] === 'fallback_message') continue
    beside = {
      prompt: addPrompts(beside.prompt, sides.prompt),
      output: addOutputs(beside.output, sides.output),
    }
  }
  return {
    prompt: larger(beside.prompt, all.prompt, sumOfPrompt),
    output: larger(beside.output, all.output, sumOfOutput),
  }
}

function larger<T>(top: Side<T>, all: Side<T>, sum: (side: T) => number): Side<T> {
  if (top === 'nonsense' || all === 'nonsense' || all === null) return top
  if (top === null) return sum(all) === 0 ? null : all
  return sum(all) > sum(top) ? all : top
}

function toolsOf(report: JsonObject): {
  readonly webSearches: number
  readonly unpriced: readonly Unpriced[]
} {
  const tools = isObject(report['server_tool_use']) ? report['server_tool_use'] : {}
  const unknown = unknownCounts(tools, KNOWN_TOOLS)
  // The closest kind of tool call that has a price.
  const webSearches = (count(tools['web_search_requests']) ?? 0) + unknown.toolCalls
  return { webSearches, unpriced: unknown.unpriced }
}

/** `usage` of a message, of `message_start` and of `message_delta`. */
export function readReport(report: JsonObject): Report {
  const list: readonly unknown[] = Array.isArray(report['iterations']) ? report['iterations'] : []
  const iterations = list.filter(isObject)
  const { prompt, output } =
    iterations.length === 0 ? sidesOf(report) : withIterations(sidesOf(report), iterations)
  const tools = toolsOf(report)
  const unknown = prompt === null ? NONE_UNKNOWN : unknownCounts(report, KNOWN)
  const others = iterations.filter(({ type }) => !OWN_ITERATIONS.has(type))
  return {
    prompt: unknown.input === 0 ? prompt : addPrompts(prompt, { ...NO_PROMPT, input: unknown.input }),
    output: unknown.output === 0 ? output : addOutputs(output, { ...NO_OUTPUT, output: unknown.output }),
    webSearches: tools.webSearches + unknown.toolCalls,
    unpriced: [
      ...tools.unpriced,
      ...unknown.unpriced,
      ...others.map(({ type }): Unpriced => ({ kind: 'other_model', name: String(type) })),
    ],
  }
}

export function readServed(report: JsonObject): Partial<Served> {
  return {
    ...said('serviceTier', report['service_tier']),
    ...said('speed', report['speed']),
    ...said('region', report['inference_geo']),
  }
}

function said(what: keyof Served, value: unknown): Partial<Served> {
  return typeof value === 'string' && value !== '' ? { [what]: value } : {}
}
