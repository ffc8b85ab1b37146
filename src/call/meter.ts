/** Reads usage from an answer as it passes (C2, C5): one pass, nothing is held back. */
import { EventStream } from '../core/event-stream.ts'
import { JsonFields } from '../json/fields.ts'
import { planFields, type FieldPlan } from '../json/names.ts'
import { kindOfStart } from '../core/stream-start.ts'
import type { Family, MeteredRoute, Reading } from '../families/family.ts'
import type { Meter } from './call.ts'
import { createDecoder } from './decode.ts'
import { collectAnswer, pathsOf, steadyPathsOf } from './answer.ts'

/**
 * A meter for an answer of this content type and encoding. The first bytes decide whether it is an event stream; the
 * content type decides only if they are inconclusive. Never throws: what cannot be read counts as missing. If a body
 * cannot be unpacked to its end, its usage counts as missing too.
 */
export function createMeter(
  family: Family,
  route: MeteredRoute,
  contentType: string,
  contentEncoding: string,
): Meter {
  const isLabelled = contentType.toLowerCase().includes('text/event-stream')
  let start: Buffer | null = Buffer.alloc(0)
  let reader: Reader | null = null

  function push(chunk: Buffer): void {
    if (reader !== null) {
      reader.push(chunk)
      return
    }
    start = start === null || start.length === 0 ? chunk : Buffer.concat([start, chunk])
    const kind = kindOfStart(start)
    if (kind !== null) begin(kind === 'unknown' ? isLabelled : kind === 'events')
  }
  function begin(isStream: boolean): Reader {
    reader = isStream ? readEvents(family, route) : readWhole(family, route)
    if (start !== null && start.length > 0) reader.push(start)
    start = null
    return reader
  }
  function end(): Reading {
    return (reader ?? begin(isLabelled)).end()
  }

  if (contentEncoding === 'identity') return { push, end }
  const decoder = createDecoder(contentEncoding, push)
  return {
    push: (chunk) => decoder.push(chunk),
    end: async () => {
      const isWhole = await decoder.end()
      const reading = end()
      return isWhole ? reading : { ...reading, ...UNREADABLE }
    },
  }
}

const UNREADABLE: Partial<Reading> = {
  usage: null,
  guessedPrompt: false,
  guessedOutput: 0,
  webSearches: 0,
  unpriced: [],
  isError: false,
}

interface Reader {
  push(chunk: Buffer): void
  end(): Reading
}

/** Reads one JSON text. If it is an array, each element is a document. */
function readWhole(family: Family, route: MeteredRoute): Reader {
  const { fields, endDocument, read } = readFields(family, route, false)
  return {
    push: (chunk) => fields.push(chunk, 0, chunk.length),
    end: () => {
      endDocument()
      return read()
    },
  }
}

function readEvents(family: Family, route: MeteredRoute): Reader {
  const { fields, endDocument, read } = readFields(family, route, true)
  const events = new EventStream({
    data: (chunk, from, to) => fields.push(chunk, from, to),
    end: () => {
      endDocument()
      fields.reset()
    },
  })
  return {
    push: (chunk) => events.push(chunk),
    end: () => {
      events.finish()
      return read()
    },
  }
}

function readFields(family: Family, route: MeteredRoute, isStream: boolean) {
  const fields = new JsonFields(planOf(family, route, isStream), endDocument)
  const { stream, whole } = route.textKeys
  const answer = collectAnswer(family, fields.signs, stream.length + whole.length > 0)

  function endDocument(): void {
    if (fields.captured.size === 0) return
    answer.take(fields.captured, fields.textBytes)
    fields.captured.clear()
  }
  return { fields, endDocument, read: () => answer.read(fields.textBytes) }
}

const plans = {
  stream: new WeakMap<MeteredRoute, FieldPlan>(),
  whole: new WeakMap<MeteredRoute, FieldPlan>(),
}

/** The fields to look for in the answers of a route, computed once per route. */
function planOf(family: Family, route: MeteredRoute, isStream: boolean): FieldPlan {
  const kind = isStream ? 'stream' : 'whole'
  let plan = plans[kind].get(route)
  if (plan === undefined) {
    plan = planFields({
      paths: pathsOf(family.answerFields),
      textKeys: route.textKeys[kind],
      signKeys: family.mediaKeys,
      steadyPaths: steadyPathsOf(family.answerFields),
    })
    plans[kind].set(route, plan)
  }
  return plan
}
