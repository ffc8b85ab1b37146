/** Reads usage off an answer as it goes by (C2, C5): one pass, nothing held back. */
import { EventStream } from '../core/event-stream.ts'
import { JsonFields } from '../core/json-fields.ts'
import { tokensOfText, type Usage } from '../core/tariff.ts'
import { parseJson } from '../core/text.ts'
import type { Family, MeteredRoute } from '../families/family.ts'
import type { JsonObject } from '../families/request-body.ts'
import type { Meter } from './call.ts'

/** A report that was made before the output: the text that came is the better figure, where it is more. */
function withText(usage: Usage, textBytes: number): Usage {
  return { ...usage, output: Math.max(usage.output, tokensOfText(textBytes)) }
}

/** A meter for an answer of this content type. Never throws: what cannot be read counts as missing. */
export function createMeter(family: Family, route: MeteredRoute, contentType: string): Meter {
  const isStream = contentType.includes('text/event-stream')
  const fields = new JsonFields({
    paths: [...family.usagePaths, ...family.modelPaths],
    textKeys: isStream ? route.textKeys.stream : route.textKeys.whole,
  })
  let report: JsonObject | null = null
  let hasOutput = false
  let model: string | null = null

  function take(): void {
    if (fields.captured.size === 0) return
    for (const path of family.usagePaths) {
      const found = fields.captured.get(path)
      if (found === undefined) continue
      report = family.mergeReports(report, parseJson(found))
      hasOutput ||= !family.openingPaths.includes(path)
    }
    for (const path of family.modelPaths) {
      const name = parseJson(fields.captured.get(path) ?? 'null')
      if (typeof name === 'string') model = name
    }
  }

  const events = new EventStream({
    data: (chunk, from, to) => fields.push(chunk, from, to),
    end: () => {
      take()
      fields.reset()
    },
  })

  return {
    push: (chunk) => {
      if (isStream) events.push(chunk)
      else fields.push(chunk, 0, chunk.length)
    },
    end: () => {
      if (isStream) events.finish()
      else take()
      const { textBytes } = fields
      const usage = family.readUsage(report)
      return { usage: usage === null || hasOutput ? usage : withText(usage, textBytes), model, textBytes }
    },
  }
}
