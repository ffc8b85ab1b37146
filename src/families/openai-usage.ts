/** What reports of usage mean in OpenAI's API, and in the APIs that are compatible with it. */
import type { Usage } from '../core/tariff.ts'
import { count } from './counts.ts'
import { isObject, type JsonObject } from './request-body.ts'

/** How a provider's reports differ from OpenAI's. */
export interface ReportDialect {
  /** Figures of what was generated beside the completion, and is not in its count. */
  readonly outputBeside: readonly string[]
  /** Whether the total counts what was generated and shown nowhere else. */
  readonly outputInTotal: boolean
  /** The figure of the searches that the provider made, where it bills them. */
  readonly searches: string | null
}

export const OPENAI_REPORTS: ReportDialect = { outputBeside: [], outputInTotal: false, searches: null }

const INPUT_DETAILS = ['prompt_tokens_details', 'input_tokens_details']
const OUTPUT_DETAILS = ['completion_tokens_details', 'output_tokens_details']
/** Where some tell of cached input outside of the details: DeepSeek; Moonshot and Together. */
const CACHED_INPUT = ['prompt_cache_hit_tokens', 'cached_tokens']

function detail(report: JsonObject, names: readonly string[], field: string): number | null {
  for (const name of names) {
    const details = report[name]
    if (isObject(details)) return count(details[field])
  }
  return null
}

/** The sum of some figures that may be missing; null where one of them cannot be believed. */
function sumOf(report: JsonObject, names: readonly string[]): number | null {
  let sum = 0
  for (const name of names) {
    const figure = count(report[name] ?? 0)
    if (figure === null) return null
    sum += figure
  }
  return sum
}

/** All that was generated, with reasoning; null where its figure cannot be believed. */
function outputOf(report: JsonObject, input: number, dialect: ReportDialect): number | null {
  const reported = report['completion_tokens'] ?? report['output_tokens'] ?? null
  const total = count(report['total_tokens']) ?? 0
  const rest = Math.max(0, total - input)
  // Embeddings have no such figure, and a total that is their input.
  if (reported === null) return rest
  const output = count(reported)
  const beside = sumOf(report, dialect.outputBeside)
  if (output === null || beside === null) return null
  if (dialect.outputInTotal) return Math.max(output, rest)
  // xAI counts reasoning outside of the completion: there, and nowhere else, the total is the sum of all three.
  const reasoning = detail(report, OUTPUT_DETAILS, 'reasoning_tokens') ?? 0
  const isOutside = reasoning > 0 && total === input + output + reasoning
  return output + beside + (isOutside ? reasoning : 0)
}

function cachedOf(report: JsonObject): number {
  const cached = detail(report, INPUT_DETAILS, 'cached_tokens')
  if (cached !== null) return cached
  for (const name of CACHED_INPUT) {
    const figure = count(report[name])
    if (figure !== null) return figure
  }
  return 0
}

/**
 * `usage` of chat completions, completions, embeddings (`prompt_tokens`, `completion_tokens`) and responses
 * (`input_tokens`, `output_tokens`). The input includes cached and audio tokens, the output includes reasoning.
 */
export function readUsage(report: unknown, dialect: ReportDialect): Usage | null {
  if (!isObject(report)) return null
  const input = count(report['prompt_tokens']) ?? count(report['input_tokens'])
  if (input === null) return null
  const output = outputOf(report, input, dialect)
  if (output === null) return null
  const audioInput = Math.min(detail(report, INPUT_DETAILS, 'audio_tokens') ?? 0, input)
  const cachedInput = Math.min(cachedOf(report), input - audioInput)
  const written = detail(report, INPUT_DETAILS, 'cache_write_tokens') ?? 0
  const cacheWrite = Math.min(written, input - audioInput - cachedInput)
  const audioOutput = Math.min(detail(report, OUTPUT_DETAILS, 'audio_tokens') ?? 0, output)
  return {
    input: input - audioInput - cachedInput - cacheWrite,
    cachedInput,
    cacheWrite,
    cacheWrite1h: 0,
    audioInput,
    output: output - audioOutput,
    audioOutput,
    webSearches: dialect.searches === null ? 0 : (count(report[dialect.searches]) ?? 0),
  }
}
