/**
 * Which usage reports are believed (C10), for every family, streamed or not. A family says where the figures of a report
 * are; this file decides what they are worth.
 *
 * - A report has two sides: the prompt and the output. Each is one tuple, and a later tuple replaces an earlier one as a whole,
 *   never field by field: a correction moves tokens from one kind to another, and a maximum of each kind would count them twice.
 * - A later tuple with a smaller sum replaces nothing. Reports are cumulative, so it is an artefact of a gateway in between, or of
 *   an answer spliced into this one.
 * - A prompt side of zero is no report, since a prompt was sent. An output side of zero is no report where text came.
 * - A side that nobody reported is estimated, and so are both sides where one of them was only ever reported as nonsense.
 */
import { NO_USAGE, tokensOfText, type Usage } from './tariff.ts'

/** Counts of the prompt that do not overlap. */
export type PromptSide = Pick<Usage, 'input' | 'cachedInput' | 'cacheWrite' | 'cacheWrite1h' | 'audioInput'>
/** Counts of the output that do not overlap. */
export type OutputSide = Pick<Usage, 'output' | 'audioOutput' | 'imageOutput'>

/** Null if the report has nothing on that side; `nonsense` if one of its figures is not a count. */
export type Side<T> = T | 'nonsense' | null

/** Whether the report has valid figures for that side. */
export function isFigures<T>(side: Side<T>): side is T {
  return side !== null && side !== 'nonsense'
}

/** Kinds of usage that may have no price (`tollgate_unpriced_usage_total`). */
export const UNPRICED_KINDS = [
  /** A tier or a speed that was served, and has no factor. */
  'service_tier',
  'region',
  /** Tokens that the provider counts under a name, or in a total, that is not known. */
  'tokens',
  /** Tokens written to a cache for a lifetime that has no price. */
  'cache_write',
  /** Calls of tools that run at the provider. */
  'server_tool',
  /** Tokens of another model that took part in the answer. */
  'other_model',
] as const
export type UnpricedKind = (typeof UNPRICED_KINDS)[number]

/** Usage that a provider reported and that has no price. `name` is the field or value that reported it. */
export interface Unpriced {
  readonly kind: UnpricedKind
  readonly name: string
}

/** The content of one usage report. */
export interface Report {
  readonly prompt: Side<PromptSide>
  readonly output: Side<OutputSide>
  readonly webSearches: number
  readonly unpriced: readonly Unpriced[]
}

/** How the provider served the call, by its answer; null for what it does not report. */
export interface Served {
  readonly serviceTier: string | null
  readonly speed: string | null
  readonly region: string | null
}

export const NOT_SAID: Served = { serviceTier: null, speed: null, region: null }

/** The usage of an answer, as far as it is trusted. */
export interface BelievedUsage {
  /** Null if no report is trusted. */
  readonly usage: Usage | null
  /** Whether the prompt was not reported: its counts are 0 in `usage`, and its estimate is charged. */
  readonly guessedPrompt: boolean
  /** The part of `usage.output` that was not reported: it is estimated from the text after the last report. */
  readonly guessedOutput: number
}

const NOTHING_BELIEVED: BelievedUsage = { usage: null, guessedPrompt: false, guessedOutput: 0 }

/** Which sides of a report were taken. */
export interface Taken {
  readonly prompt: boolean
  readonly output: boolean
}

export interface Reports {
  /**
   * Takes a report that was made after `textBytes` bytes of text. A report that opens a stream does not know its output
   * yet, so it counts none of that text.
   */
  take(report: Report, textBytes: number, opens: boolean): Taken
  /**
   * The trusted usage of all reports. `generated`: whether the answer holds anything generated, as far as one can tell.
   */
  read(textBytes: number, generated: boolean): BelievedUsage
  /** The highest number of searches in any report. */
  webSearches(): number
}

export function createReports(): Reports {
  return new Believed()
}

class Believed implements Reports {
  #prompt: PromptSide | null = null
  #output: OutputSide | null = null
  #webSearches = 0
  /** Bytes of text before the last report that counts its text. */
  #countedBytes = 0
  #countsText = false
  readonly #zero = { prompt: false, output: false }
  readonly #nonsense = { prompt: false, output: false }

  take(report: Report, textBytes: number, opens: boolean): Taken {
    // The sound side of a broken report fills a gap, and replaces nothing.
    const isBroken = report.prompt === 'nonsense' || report.output === 'nonsense'
    this.#webSearches = Math.max(this.#webSearches, report.webSearches)
    return {
      prompt: this.#takePrompt(report.prompt, isBroken),
      output: this.#takeOutput(report.output, isBroken, textBytes, opens),
    }
  }

  read(textBytes: number, generated: boolean): BelievedUsage {
    const [prompt, output] = [this.#prompt, this.#output ?? NO_OUTPUT]
    const onlyNonsense =
      (this.#nonsense.prompt && prompt === null) || (this.#nonsense.output && this.#output === null)
    if (onlyNonsense) return NOTHING_BELIEVED
    if (prompt !== null || (this.#countsText && sumOfOutput(output) > 0)) return this.#believed(textBytes)
    // Both sides were reported as zero, and the answer holds nothing generated.
    const isNothing = this.#zero.prompt && this.#zero.output && textBytes === 0 && !generated
    return isNothing ? { usage: NO_USAGE, guessedPrompt: false, guessedOutput: 0 } : NOTHING_BELIEVED
  }

  webSearches(): number {
    return this.#webSearches
  }

  #takePrompt(side: Side<PromptSide>, isBroken: boolean): boolean {
    const before = this.#prompt
    if (side === null) return false
    if (side === 'nonsense') this.#nonsense.prompt = true
    else if (sumOfPrompt(side) === 0) this.#zero.prompt = true
    else if (before === null || (!isBroken && sumOfPrompt(side) >= sumOfPrompt(before))) {
      this.#prompt = side
      return true
    }
    return false
  }

  #takeOutput(side: Side<OutputSide>, isBroken: boolean, textBytes: number, opens: boolean): boolean {
    if (side === null) return false
    if (side === 'nonsense') {
      this.#nonsense.output = true
      return false
    }
    const sum = sumOfOutput(side)
    if (sum === 0 && !opens) this.#zero.output = true
    if ((sum === 0 && textBytes > 0) || (isBroken && this.#countsText)) return false
    if (!opens) {
      this.#countedBytes = textBytes
      this.#countsText = true
    }
    if (this.#output !== null && sum < sumOfOutput(this.#output)) return false
    this.#output = side
    return true
  }

  #believed(textBytes: number): BelievedUsage {
    const side = this.#output ?? NO_OUTPUT
    // No report counts the text after it: an answer that broke off is charged for that text, too.
    const counted = this.#countsText ? side.output : 0
    const written = Math.max(side.output, counted + tokensOfText(textBytes - this.#countedBytes))
    return {
      usage: { ...NO_USAGE, ...this.#prompt, ...side, output: written, webSearches: this.#webSearches },
      guessedPrompt: this.#prompt === null,
      guessedOutput: written - side.output,
    }
  }
}

const NO_OUTPUT: OutputSide = { output: 0, audioOutput: 0, imageOutput: 0 }

export function sumOfPrompt(side: PromptSide): number {
  return side.input + side.cachedInput + side.cacheWrite + side.cacheWrite1h + side.audioInput
}

export function sumOfOutput(side: OutputSide): number {
  return side.output + side.audioOutput + side.imageOutput
}

/** Combines the reports of a call's choices: they share the prompt, and each has its own output. */
export function sumOfChoices(reports: Iterable<Report>): Report {
  let prompt: Side<PromptSide> = null
  let output: Side<OutputSide> = null
  let webSearches = 0
  const unpriced: Unpriced[] = []
  for (const report of reports) {
    prompt = largerPrompt(prompt, report.prompt)
    output = addedOutput(output, report.output)
    webSearches = Math.max(webSearches, report.webSearches)
    unpriced.push(...report.unpriced)
  }
  return { prompt, output, webSearches, unpriced }
}

function largerPrompt(a: Side<PromptSide>, b: Side<PromptSide>): Side<PromptSide> {
  if (a === null || b === 'nonsense') return b
  if (b === null || a === 'nonsense') return a
  return sumOfPrompt(b) > sumOfPrompt(a) ? b : a
}

function addedOutput(a: Side<OutputSide>, b: Side<OutputSide>): Side<OutputSide> {
  if (a === null || b === 'nonsense') return b
  if (b === null || a === 'nonsense') return a
  return {
    output: a.output + b.output,
    audioOutput: a.audioOutput + b.audioOutput,
    imageOutput: a.imageOutput + b.imageOutput,
  }
}
