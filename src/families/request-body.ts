/** Reads a JSON request body as it arrives, such that the gateway and the provider cannot understand it differently. */
import type { Chunks } from '../core/chunks.ts'
import { LongText } from '../json/text.ts'
import type { JsonObject } from '../json/outline-builder.ts'
import { JsonOutline } from '../json/outline.ts'
import type { Place } from '../json/outline-problem.ts'
import type { PlannedValue } from '../json/outline-plan.ts'
import { isRefusal, refuse, type Refusal } from '../errors.ts'
import type { CallShape, RequestReader, RequestSeen } from './family.ts'

export type { JsonObject } from '../json/outline-builder.ts'

/** A body that was read to its end. */
export interface RequestBody {
  /** What the family's plan keeps of it. */
  readonly json: JsonObject
  /** Where values stand that may be replaced, by their names in the plan. */
  readonly places: ReadonlyMap<string, Place>
  /** The position behind the brace that opens it. */
  readonly open: number
  /** Whether parts of the prompt are nested so deep that they were not looked at. */
  readonly isTooDeep: boolean
  readonly chunks: Chunks
}

/** How a route reads requests: `begin` makes what the visits of one request add up to. */
export interface RequestPlan<Seen> {
  readonly plan: PlannedValue
  readonly begin: () => Seen
  readonly visit: (object: JsonObject, seen: Seen) => void
  readonly inspect: (body: RequestBody, seen: Seen, request: RequestSeen) => CallShape | Refusal
}

/** A reader for one request of a route. */
export function readerOf<Seen>({ plan, begin, visit, inspect }: RequestPlan<Seen>): () => RequestReader {
  return () => {
    const seen = begin()
    const outline = new JsonOutline(plan, (object) => visit(object, seen))
    return {
      push: (chunk) => outline.push(chunk),
      inspect: (request) => {
        const body = bodyOf(outline, request.body)
        return isRefusal(body) ? body : inspect(body, seen, request)
      },
    }
  }
}

function bodyOf(outline: JsonOutline, chunks: Chunks): RequestBody | Refusal {
  const problem = outline.end()
  if (problem !== null) return refuse('invalid_request', problem.message, { param: problem.param })
  const { json, places, open, isTooDeep } = outline
  return { json, places, open, isTooDeep, chunks }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof LongText)
}
