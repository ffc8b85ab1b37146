/** Reads usage off an answer as it goes by (C2, C5): one pass, nothing held back. */
import { EventStream } from '../core/event-stream.ts'
import { JsonFields } from '../core/json-fields.ts'
import { planFields, type FieldPlan } from '../core/json-names.ts'
import { tokensOfText, type Usage } from '../core/tariff.ts'
import { parseJson } from '../core/text.ts'
import type { Family, MeteredRoute, Reading } from '../families/family.ts'
import { isObject, type JsonObject } from '../families/request-body.ts'
import { count } from '../families/counts.ts'
import type { Meter } from './call.ts'
import { createDecoder } from './decode.ts'

/**
 * A meter for an answer of this content type and encoding. Never throws: what cannot be read counts as missing, and so
 * does all that stands in a body that cannot be unpacked to its end.
 */
export function createMeter(
  family: Family,
  route: MeteredRoute,
  contentType: string,
  contentEncoding: string,
): Meter {
  const isStream = contentType.toLowerCase().includes('text/event-stream')
  const reports = createReports(family)
  const fields = new JsonFields(planOf(family, route, isStream), endDocument)
  const events = isStream
    ? new EventStream({ data: (chunk, from, to) => fields.push(chunk, from, to), end: endEvent })
    : null

  function endDocument(): void {
    if (fields.captured.size === 0) return
    reports.take(fields.captured, fields.textBytes)
    fields.captured.clear()
  }
  function endEvent(): void {
    endDocument()
    fields.reset()
  }
  function push(chunk: Buffer): void {
    if (events === null) fields.push(chunk, 0, chunk.length)
    else events.push(chunk)
  }
  function end(): Reading {
    if (events === null) endDocument()
    else events.finish()
    return reports.read(fields.textBytes)
  }

  if (contentEncoding === 'identity') return { push, end }
  const decoder = createDecoder(contentEncoding, push)
  return {
    push: (chunk) => decoder.push(chunk),
    end: async () => {
      const isWhole = await decoder.end()
      const reading = end()
      return isWhole ? reading : { ...reading, usage: null, guessedOutput: 0 }
    },
  }
}

const plans = {
  stream: new WeakMap<MeteredRoute, FieldPlan>(),
  whole: new WeakMap<MeteredRoute, FieldPlan>(),
}

/** What to look for in the answers of a route: laid out once, not for each answer. */
function planOf(family: Family, route: MeteredRoute, isStream: boolean): FieldPlan {
  const kind = isStream ? 'stream' : 'whole'
  let plan = plans[kind].get(route)
  if (plan === undefined) {
    plan = planFields({ paths: [...family.usagePaths, ...family.modelPaths], textKeys: route.textKeys[kind] })
    plans[kind].set(route, plan)
  }
  return plan
}

interface Reports {
  /** Takes the fields of one document, at whose end so much text had come. */
  take(captured: ReadonlyMap<string, string>, textBytes: number): void
  read(textBytes: number): Reading
}

/** What an answer's documents report, one on top of the other. */
function createReports(family: Family): Reports {
  let report: JsonObject | null = null
  let usage: Usage | null = null
  let model: string | null = null
  let modelText = ''
  /** Text that had come when the last report was made that counts it, and what that one counted. */
  let countedBytes = 0
  let countedOutput = 0

  function takeReport(path: string, text: string, textBytes: number): void {
    const later = parseJson(text)
    const merged = family.mergeReports(report, later, path)
    if (merged === report) return
    report = merged
    usage = family.readUsage(report)
    if (family.openingPaths.includes(path) || !isObject(later)) return
    if (!family.outputFigures.some((name) => count(later[name]) !== null)) return
    countedBytes = textBytes
    countedOutput = usage === null ? 0 : usage.output
  }

  function takeModel(text: string): void {
    const name = parseJson(text)
    if (typeof name !== 'string') return
    model = name
    modelText = text
  }

  return {
    take: (captured, textBytes) => {
      for (const [path, text] of captured) {
        // What every event of a stream repeats.
        if (text === 'null' || text === modelText) continue
        if (family.modelPaths.includes(path)) takeModel(text)
        else takeReport(path, text, textBytes)
      }
    },
    read: (textBytes) => {
      if (usage === null) return { usage, guessedOutput: 0, model, textBytes }
      // No report counts the text that came after it: an answer that broke off is charged for that, too.
      const output = Math.max(usage.output, countedOutput + tokensOfText(textBytes - countedBytes))
      return { usage: { ...usage, output }, guessedOutput: output - usage.output, model, textBytes }
    },
  }
}
