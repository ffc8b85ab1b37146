/** What `usageMetadata` means in Google's Gemini API. */
import type { OutputSide, PromptSide, Report, Served, Side, Unpriced } from '../../core/reports.ts'
import { isFigures, sumOfOutput, sumOfPrompt } from '../../core/reports.ts'
import { completed, count, isMissing, NONE_UNKNOWN, sumOf, unknownCounts } from '../counts.ts'
import type { Earlier } from '../family.ts'
import { isObject, type JsonObject } from '../request-body.ts'

const PROMPT = [
  'promptTokenCount',
  'cachedContentTokenCount',
  'toolUsePromptTokenCount',
  'promptTokensDetails',
  'cacheTokensDetails',
  'toolUsePromptTokensDetails',
]
const OUTPUT = ['candidatesTokenCount', 'thoughtsTokenCount', 'candidatesTokensDetails']
/** The last two are what Vertex and the Live API call the answer, and a part of the prompt. */
const KNOWN: ReadonlySet<string> = new Set([
  ...PROMPT,
  ...OUTPUT,
  'totalTokenCount',
  'initialPromptTokenCount',
  'responseTokenCount',
])

/** A part of a stream leaves out what did not change. */
export function completeReport(report: JsonObject, earlier: Earlier): JsonObject {
  return completed(completed(report, earlier.prompt, PROMPT), earlier.output, OUTPUT)
}

/** Numbers of google.ai.generativelanguage's Modality, which stand for its names where enums come as numbers. */
const MODALITY_NUMBERS: Readonly<Record<string, number>> = {
  TEXT: 1,
  IMAGE: 2,
  VIDEO: 3,
  AUDIO: 4,
  DOCUMENT: 5,
}

function ofModality(details: unknown, modality: string): number {
  if (!Array.isArray(details)) return 0
  return details.reduce((sum: number, detail: unknown) => {
    if (!isObject(detail)) return sum
    const named = detail['modality']
    const isIt = named === modality || named === MODALITY_NUMBERS[modality]
    return sum + (isIt ? (count(detail['tokenCount']) ?? 0) : 0)
  }, 0)
}

/** The prompt includes what came from the cache, and not the prompts that tools added. */
function promptSide(report: JsonObject): Side<PromptSide> {
  if (['promptTokenCount', 'toolUsePromptTokenCount'].every((name) => isMissing(report[name]))) return null
  const prompt = count(report['promptTokenCount'] ?? 0)
  const toolPrompts = count(report['toolUsePromptTokenCount'] ?? 0)
  if (prompt === null || toolPrompts === null) return 'nonsense'
  const cached = count(report['cachedContentTokenCount']) ?? 0
  // More cached than there is prompt: it can only be beside it.
  const whole = cached > prompt ? prompt + cached : prompt
  const audioInput = Math.min(ofModality(report['promptTokensDetails'], 'AUDIO'), whole)
  const cachedAudio = ofModality(report['cacheTokensDetails'], 'AUDIO')
  const cachedInput = Math.min(Math.max(0, cached - cachedAudio), whole - audioInput)
  const toolAudio = Math.min(ofModality(report['toolUsePromptTokensDetails'], 'AUDIO'), toolPrompts)
  return {
    input: whole - audioInput - cachedInput + toolPrompts - toolAudio,
    cachedInput,
    cacheWrite: 0,
    cacheWrite1h: 0,
    audioInput: audioInput + toolAudio,
  }
}

/** Thoughts are outside of the candidates, and text. */
function outputSide(report: JsonObject, hasMedia: boolean): Side<OutputSide> {
  const candidatesNames = ['candidatesTokenCount', 'responseTokenCount'].filter(
    (name) => !isMissing(report[name]),
  )
  if (candidatesNames.length === 0 && isMissing(report['thoughtsTokenCount'])) return null
  const candidates = sumOf(report, candidatesNames.slice(0, 1))
  const thoughts = sumOf(report, ['thoughtsTokenCount'])
  if (candidates === null || thoughts === null) return 'nonsense'
  const details = report['candidatesTokensDetails']
  const audioOutput = Math.min(ofModality(details, 'AUDIO'), candidates)
  const rest = candidates - audioOutput
  // Media that no detail counts may be all of the candidates.
  const isTold = Array.isArray(details) && details.length > 0
  const imageOutput = hasMedia && !isTold ? rest : Math.min(ofModality(details, 'IMAGE'), rest)
  return { output: rest - imageOutput + thoughts, audioOutput, imageOutput }
}

export function readReport(report: JsonObject, hasMedia: boolean): Report {
  const prompt = promptSide(report)
  const output = outputSide(report, hasMedia)
  const unknown = unknownCounts(report, KNOWN)
  const unpriced: Unpriced[] = [...unknown.unpriced]
  const rest = restOfTotal(report, prompt, output)
  if (rest > 0) unpriced.push({ kind: 'tokens', name: 'totalTokenCount' })
  // A total has them already.
  const beside = isMissing(report['totalTokenCount']) ? unknown : NONE_UNKNOWN
  return {
    prompt: isFigures(prompt) ? { ...prompt, input: prompt.input + beside.input } : prompt,
    output: isFigures(output) ? { ...output, output: output.output + rest + beside.output } : output,
    webSearches: unknown.toolCalls,
    unpriced,
  }
}

/** What of the total no other figure counts, such as thoughts that are shown nowhere else. */
function restOfTotal(report: JsonObject, prompt: Side<PromptSide>, output: Side<OutputSide>): number {
  if (!isFigures(prompt) || !isFigures(output)) return 0
  const total = count(report['totalTokenCount']) ?? 0
  const sides = sumOfPrompt(prompt) + sumOfOutput(output)
  return sumOfPrompt(prompt) === 0 ? 0 : Math.max(0, total - sides)
}

/** Vertex has the kind of traffic where the Gemini API has the tier. */
export function readServed(report: JsonObject): Partial<Served> {
  const traffic = report['trafficType']
  const tier =
    report['serviceTier'] ?? (typeof traffic === 'string' ? traffic.replace('ON_DEMAND_', '') : null)
  return typeof tier === 'string' && tier !== '' ? { serviceTier: tier } : {}
}
