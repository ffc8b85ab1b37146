/** What reports of usage mean in OpenAI's API, and in the APIs that are compatible with it. */
import type { OutputSide, PromptSide, Report, Side, Unpriced } from '../../core/reports.ts'
import { isFigures, sumOfPrompt } from '../../core/reports.ts'
import { count, isMissing, largestOf, NONE_UNKNOWN, sumOf, unknownCounts, type Unknown } from '../counts.ts'
import { isObject, type JsonObject } from '../request-body.ts'

/** How a provider's reports differ from OpenAI's. */
export interface ReportDialect {
  /** Figures of what was generated beside the completion, and is not in its count. */
  readonly outputBeside: readonly string[]
  /** Whether the total is known to count what was generated and shown nowhere else. */
  readonly outputInTotal: boolean
  /** The figure of the searches that the provider made, where it bills them. */
  readonly searches: string | null
}

export const OPENAI_REPORTS: ReportDialect = { outputBeside: [], outputInTotal: false, searches: null }

const PROMPT = ['prompt_tokens', 'input_tokens']
const COMPLETION = ['completion_tokens', 'output_tokens']
const INPUT_DETAILS = ['prompt_tokens_details', 'input_tokens_details']
const OUTPUT_DETAILS = ['completion_tokens_details', 'output_tokens_details']
/** Where input from a cache is counted: OpenAI; Moonshot and Together; DeepSeek; gateways in front of Anthropic. */
const CACHED_IN_DETAILS = ['cached_tokens', 'cache_read_tokens', 'cache_read_input_tokens']
const CACHED = ['prompt_cache_hit_tokens', 'cached_tokens', 'cache_read_input_tokens', 'cache_read_tokens']
/** Where writes are counted: OpenAI and OpenRouter; LiteLLM; DashScope and gateways in front of Anthropic. */
const WRITTEN = ['cache_write_tokens', 'cache_creation_tokens', 'cache_creation_input_tokens']
/** Objects that tell writes apart by lifetime: LiteLLM; DashScope and Anthropic; OpenAI. */
const LIFETIMES = ['cache_creation_token_details', 'cache_creation', 'cache_write_tokens_details']
const SHORT_LIVED = ['ephemeral_5m_input_tokens', 'ttl_30m_tokens']
const LONG_LIVED = ['ephemeral_1h_input_tokens', 'ttl_12h_tokens']
/** The same outside of objects, as gateways of the one-api family have them. */
const FLAT_SHORT_LIVED = ['claude_cache_creation_5_m_tokens']
const FLAT_LONG_LIVED = ['claude_cache_creation_1_h_tokens']

/** What counts again what other figures hold already. */
const REPEATED = [
  'total_tokens',
  'prompt_cache_miss_tokens',
  'reasoning_tokens',
  'text_tokens',
  'audio_tokens',
  'image_tokens',
  'prompt_text_tokens',
  'prompt_image_tokens',
  'prompt_audio_tokens',
]
const KNOWN: ReadonlySet<string> = new Set([
  ...PROMPT,
  ...COMPLETION,
  ...CACHED,
  ...WRITTEN,
  ...FLAT_SHORT_LIVED,
  ...FLAT_LONG_LIVED,
  ...REPEATED,
])

/** The details that the report has under any of their names, on top of each other. */
function detailsOf(report: JsonObject, names: readonly string[]): JsonObject {
  return names
    .map((name) => report[name])
    .filter(isObject)
    .reduce<JsonObject>((all, details) => ({ ...all, ...details }), {})
}

/** The larger of several names for one figure; null where none is given, `nonsense` where one of them is no count. */
function figureOf(report: JsonObject, names: readonly string[]): number | 'nonsense' | null {
  const given = names.map((name) => report[name]).filter((value) => !isMissing(value))
  if (given.length === 0) return null
  const counts = given.map(count)
  return counts.some((figure) => figure === null) ? 'nonsense' : Math.max(...counts.map(Number))
}

interface Written {
  readonly short: number
  readonly long: number
  readonly unpriced: readonly Unpriced[]
}

function writtenOf(report: JsonObject, details: JsonObject): Written {
  const objects = [report, details].flatMap((from) => LIFETIMES.map((name) => from[name])).filter(isObject)
  let long = largestOf(report, FLAT_LONG_LIVED)
  let short = largestOf(report, FLAT_SHORT_LIVED)
  const unpriced: Unpriced[] = []
  for (const lifetimes of objects) {
    long = Math.max(long, largestOf(lifetimes, LONG_LIVED))
    short = Math.max(short, largestOf(lifetimes, SHORT_LIVED))
    if (largestOf(lifetimes, ['ttl_12h_tokens']) > 0)
      unpriced.push({ kind: 'cache_write', name: 'ttl_12h_tokens' })
  }
  const all = Math.max(largestOf(details, WRITTEN), largestOf(report, WRITTEN))
  // What the lifetimes leave over was written for the default one.
  return { short: Math.max(short, all - long), long, unpriced }
}

/**
 * The prompt with what was cached of it. Where more was cached than the prompt has, or where the total says so, the two are
 * beside each other, as Anthropic counts them.
 */
function promptOf(
  prompt: number,
  cached: number,
  written: Written,
  audio: number,
  report: JsonObject,
): PromptSide {
  const { short, long } = written
  const parts = cached + short + long
  const output = figureOf(report, COMPLETION)
  const isInTotal = parts > 0 && count(report['total_tokens']) === prompt + parts + Number(output ?? 0)
  const whole = parts > prompt || isInTotal ? prompt + parts : prompt
  const audioInput = Math.min(audio, whole)
  const cachedInput = Math.min(cached, whole - audioInput)
  const cacheWrite1h = Math.min(long, whole - audioInput - cachedInput)
  const cacheWrite = Math.min(short, whole - audioInput - cachedInput - cacheWrite1h)
  return {
    input: whole - audioInput - cachedInput - cacheWrite - cacheWrite1h,
    cachedInput,
    cacheWrite,
    cacheWrite1h,
    audioInput,
  }
}

function promptSide(report: JsonObject, written: Written, details: JsonObject): Side<PromptSide> {
  const prompt = figureOf(report, PROMPT)
  if (prompt === null || prompt === 'nonsense') return prompt
  const cached = largestOf(details, CACHED_IN_DETAILS) || largestOf(report, CACHED)
  return promptOf(prompt, cached, written, largestOf(details, ['audio_tokens']), report)
}

/** All that was generated, with reasoning; what of the total nobody counted is the rest. */
function outputOf(
  report: JsonObject,
  prompt: number,
  details: JsonObject,
  dialect: ReportDialect,
): { output: number | 'nonsense' | null; rest: number } {
  const total = count(report['total_tokens']) ?? 0
  const reported = figureOf(report, COMPLETION)
  if (reported === 'nonsense') return { output: reported, rest: 0 }
  // Embeddings have no such figure, and a total that is their input.
  if (reported === null) {
    const known = prompt > 0 && !isMissing(report['total_tokens'])
    return { output: known ? Math.max(0, total - prompt) : null, rest: 0 }
  }
  const beside = sumOf(report, dialect.outputBeside)
  if (beside === null) return { output: 'nonsense', rest: 0 }
  // xAI counts reasoning outside of the completion: there, and nowhere else, the total is the sum of all three.
  const reasoning = largestOf(details, ['reasoning_tokens'])
  const isOutside = reasoning > 0 && total === prompt + reported + reasoning
  const output = reported + beside + (isOutside ? reasoning : 0)
  // A prompt of zero is none, and then the total says nothing about the output.
  const rest = prompt > 0 ? Math.max(0, total - prompt - output) : 0
  return dialect.outputInTotal ? { output: output + rest, rest: 0 } : { output, rest }
}

function outputSide(output: number, details: JsonObject, hasImages: boolean): OutputSide {
  const audioOutput = Math.min(largestOf(details, ['audio_tokens']), output)
  const reasoning = largestOf(details, ['reasoning_tokens'])
  const told = Math.min(largestOf(details, ['image_tokens']), output - audioOutput)
  // An answer with images that does not count them: all of it that is no reasoning may be images.
  const images = told === 0 && hasImages ? Math.max(0, output - audioOutput - reasoning) : told
  return { output: output - audioOutput - images, audioOutput, imageOutput: images }
}

/**
 * Counts of unknown names that the total leaves room for, and what it has beyond them. Without a total nothing says that
 * they are counted elsewhere.
 */
function unexplained(report: JsonObject, dialect: ReportDialect, rest: number): Unknown {
  const unknown = unknownCounts(report, knownTo(dialect))
  if (isMissing(report['total_tokens'])) return unknown
  const input = Math.min(unknown.input, rest)
  const output = rest - input
  if (output === 0) return { ...unknown, input, output }
  return {
    ...unknown,
    input,
    output,
    unpriced: [...unknown.unpriced, { kind: 'tokens', name: 'total_tokens' }],
  }
}

function knownTo({ outputBeside, searches }: ReportDialect): ReadonlySet<string> {
  const own = searches === null ? outputBeside : [...outputBeside, searches]
  return own.length === 0 ? KNOWN : new Set([...KNOWN, ...own])
}

/**
 * `usage` of chat completions, completions, embeddings (`prompt_tokens`, `completion_tokens`) and responses
 * (`input_tokens`, `output_tokens`). The input includes cached and audio tokens, the output includes reasoning.
 */
export function readReport(report: JsonObject, dialect: ReportDialect, hasImages: boolean): Report {
  const inputDetails = detailsOf(report, INPUT_DETAILS)
  const outputDetails = detailsOf(report, OUTPUT_DETAILS)
  const written = writtenOf(report, inputDetails)
  const prompt = promptSide(report, written, inputDetails)
  const promptTokens = isFigures(prompt) ? sumOfPrompt(prompt) : 0
  const { output, rest } = outputOf(report, promptTokens, outputDetails, dialect)
  // A prompt of zero is none, and nothing is added to it.
  const isSound = promptTokens > 0 && output !== 'nonsense'
  const unknown = isSound ? unexplained(report, dialect, rest) : NONE_UNKNOWN
  const searches = dialect.searches === null ? 0 : (count(report[dialect.searches]) ?? 0)
  return {
    prompt: isFigures(prompt) ? { ...prompt, input: prompt.input + unknown.input } : prompt,
    output: isFigures(output) ? outputSide(output + unknown.output, outputDetails, hasImages) : output,
    webSearches: searches + unknown.toolCalls,
    unpriced: [...written.unpriced, ...unknown.unpriced],
  }
}
