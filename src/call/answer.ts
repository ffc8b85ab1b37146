/** Collects what the documents of one answer report, by their fields. */
import {
  createReports,
  NOT_SAID,
  sumOfChoices,
  type Report,
  type Served,
  type Unpriced,
} from '../core/reports.ts'
import { parseJson } from '../core/text.ts'
import { NO_USAGE } from '../core/tariff.ts'
import type { AnswerFields, Family, Reading } from '../families/family.ts'
import { isObject, type JsonObject } from '../families/request-body.ts'

export interface Answer {
  /** Takes the captured fields of one document. `textBytes` is the amount of generated text seen up to its end. */
  take(captured: ReadonlyMap<string, string>, textBytes: number): void
  read(textBytes: number): Reading
}

type Role = 'usage' | 'opening' | 'choice' | 'index' | 'model' | 'tier' | 'error' | 'type' | 'tool'

const roles = new WeakMap<AnswerFields, ReadonlyMap<string, Role>>()

function rolesOf(fields: AnswerFields): ReadonlyMap<string, Role> {
  let known = roles.get(fields)
  if (known === undefined) {
    const all: readonly (readonly [Role, readonly string[]])[] = [
      ['usage', fields.usage],
      ['opening', fields.openingUsage],
      ['choice', fields.choiceUsage === null ? [] : [fields.choiceUsage.usage]],
      ['index', fields.choiceUsage === null ? [] : [fields.choiceUsage.index]],
      ['model', fields.model],
      ['tier', fields.serviceTier],
      ['error', fields.error],
      ['type', fields.type],
      ['tool', fields.tools],
    ]
    known = new Map(all.flatMap(([role, paths]) => paths.map((path) => [path, role] as const)))
    roles.set(fields, known)
  }
  return known
}

/** Every path that is searched for in an answer. */
export function pathsOf(fields: AnswerFields): readonly string[] {
  return [...rolesOf(fields).keys()]
}

/** Those of the paths that every event of a stream repeats. */
export function steadyPathsOf(fields: AnswerFields): readonly string[] {
  return [...rolesOf(fields)].flatMap(([path, role]) =>
    ['index', 'model', 'tier', 'type'].includes(role) ? [path] : [],
  )
}

/**
 * `media`: the family's media keys that were seen so far. `generates`: whether answers of the route contain text at
 * all.
 */
export function collectAnswer(family: Family, media: ReadonlySet<string>, generates: boolean): Answer {
  return new Collected(family, media, generates)
}

class Collected implements Answer {
  readonly #family: Family
  readonly #media: ReadonlySet<string>
  readonly #generates: boolean
  readonly #roles: ReadonlyMap<string, Role>
  readonly #reports = createReports()
  readonly #tools
  readonly #unpriced = new Map<string, Unpriced>()
  readonly #earlier: { prompt: JsonObject | null; output: JsonObject | null } = { prompt: null, output: null }
  /** The last report of each choice, where choices have reports of their own. */
  #choices: Map<number, Report> | null = null
  #choiceIndex = '0'
  #model: string | null = null
  #type: string | null = null
  #served: Served = NOT_SAID
  #isError = false

  constructor(family: Family, media: ReadonlySet<string>, generates: boolean) {
    this.#family = family
    this.#media = media
    this.#generates = generates
    this.#roles = rolesOf(family.answerFields)
    this.#tools = family.countTools?.() ?? null
  }

  take(captured: ReadonlyMap<string, string>, textBytes: number): void {
    let choiceUsage: string | null = null
    let hasTools = false
    for (const [path, text] of captured) {
      if (text === 'null') continue
      const role = this.#roles.get(path)
      if (role === 'usage' || role === 'opening') this.#takeReport(text, textBytes, role === 'opening')
      else if (role === 'choice') choiceUsage = text
      else if (role === 'tool') hasTools = true
      else this.#takeWord(role, text, path)
    }
    if (choiceUsage !== null) this.#takeChoices(choiceUsage, textBytes)
    if (hasTools) this.#tools?.take(captured, this.#type)
  }

  read(textBytes: number): Reading {
    const believed = this.#reports.read(textBytes, !this.#generates || this.#media.size > 0)
    const tools = this.#tools?.read() ?? { webSearches: 0, unpriced: [] }
    const webSearches = Math.max(this.#reports.webSearches(), tools.webSearches)
    return {
      ...believed,
      usage: believed.usage === null ? null : { ...NO_USAGE, ...believed.usage, webSearches },
      webSearches,
      model: this.#model,
      served: this.#served,
      unpriced: [...this.#unpriced.values(), ...tools.unpriced],
      isError: this.#isError,
      textBytes,
    }
  }

  #takeWord(role: Role | undefined, text: string, path: string): void {
    if (role === 'index') this.#choiceIndex = text
    else if (role === 'error') this.#isError ||= text !== 'false'
    else {
      const value = parseJson(text)
      if (typeof value !== 'string') return
      if (role === 'model') this.#model = value
      else if (role === 'tier') this.#served = { ...this.#served, serviceTier: value }
      else {
        this.#isError ||= value === 'error'
        if (path === this.#family.answerFields.type[0]) this.#type = value
      }
    }
  }

  #takeReport(text: string, textBytes: number, opens: boolean): void {
    const report = parseJson(text)
    if (!isObject(report)) return
    this.#served = { ...this.#served, ...this.#family.readServed(report) }
    const whole = this.#family.completeReport(report, this.#earlier)
    const read = this.#family.readReport(whole, this.#media)
    this.#note(read)
    const taken = this.#reports.take(read, textBytes, opens)
    if (taken.prompt) this.#earlier.prompt = whole
    if (taken.output) this.#earlier.output = whole
  }

  /**
   * One document reports either several choices, in the order of the choices, or the one choice whose index it names.
   */
  #takeChoices(text: string, textBytes: number): void {
    const list = parseJson(`[${text}]`)
    if (!Array.isArray(list)) return
    const reports = (list as readonly unknown[]).filter((report) => report !== null)
    this.#choices ??= new Map()
    for (const [position, report] of reports.entries()) {
      if (!isObject(report)) continue
      const index = reports.length > 1 ? position : Number(this.#choiceIndex.split(',').at(-1))
      this.#served = { ...this.#served, ...this.#family.readServed(report) }
      this.#choices.set(index, this.#family.readReport(report, this.#media))
    }
    const sum = sumOfChoices(this.#choices.values())
    this.#note(sum)
    this.#reports.take(sum, textBytes, false)
  }

  #note({ unpriced }: Report): void {
    for (const one of unpriced) this.#unpriced.set(`${one.kind} ${one.name}`, one)
  }
}
