/** Calls of hosted tools in answers of the Responses API, which its usage report leaves out. */
import { parseJson } from '../../core/text.ts'
import type { Unpriced } from '../../core/reports.ts'
import { count } from '../counts.ts'
import type { ToolCounter } from '../family.ts'
import { isObject, type JsonObject } from '../request-body.ts'

const TOOL_USAGE = ['tool_usage', 'response.tool_usage']
/** Items of a whole answer, and of the event that completes a stream. */
const ITEMS = ['output.*.type', 'response.output.*.type']
const ACTIONS = ['output.*.action.type', 'response.output.*.action.type']
/** The item of the event that completes it. */
const ITEM = 'item.type'
const ITEM_ACTION = 'item.action.type'
export const TOOL_FIELDS: readonly string[] = [...TOOL_USAGE, ...ITEMS, ...ACTIONS, ITEM, ITEM_ACTION]

/** What a search call does that is not billed: it goes on with a page that a search found. */
const FREE_ACTIONS: ReadonlySet<unknown> = new Set(['open_page', 'find', 'find_in_page'])
/** Hosted tools beside the search of the web, whose requests are refused unless they have a price. */
const OTHER_CALLS: ReadonlySet<unknown> = new Set([
  'file_search_call',
  'code_interpreter_call',
  'image_generation_call',
])

/** Events that repeat the response before anything ran, with counts of zero. */
const BEGINNINGS: ReadonlySet<string | null> = new Set([
  'response.created',
  'response.queued',
  'response.in_progress',
])

/** Values of one path, of several elements of an array. */
function valuesOf(captured: ReadonlyMap<string, string>, path: string): readonly unknown[] {
  const text = captured.get(path)
  const values = text === undefined ? null : parseJson(`[${text}]`)
  return Array.isArray(values) ? (values as readonly unknown[]) : []
}

/**
 * Searches are what `tool_usage` bills. An answer without it has its items counted: those of the stream as they are completed, or all
 * of them at the end, whichever are more.
 */
export function createToolCounter(): ToolCounter {
  let billed: number | null = null
  let streamed = 0
  let listed = 0
  const unpriced = new Map<string, Unpriced>()

  function note(name: string): void {
    unpriced.set(name, { kind: 'server_tool', name })
  }
  function searchesAmong(types: readonly unknown[], actions: readonly unknown[]): number {
    for (const type of types) if (OTHER_CALLS.has(type)) note(String(type))
    const searches = types.filter((type) => type === 'web_search_call').length
    return Math.max(0, searches - actions.filter((action) => FREE_ACTIONS.has(action)).length)
  }
  function takeUsage(usage: JsonObject): void {
    for (const [name, tool] of Object.entries(usage)) {
      if (!isObject(tool)) continue
      const requests = count(tool['num_requests']) ?? 0
      if (name === 'web_search') billed = Math.max(billed ?? 0, requests)
      else if (requests > 0 || (count(tool['total_tokens']) ?? 0) > 0) note(name)
    }
  }

  return {
    take(captured, type) {
      for (const path of BEGINNINGS.has(type) ? [] : TOOL_USAGE) {
        const [usage] = valuesOf(captured, path)
        if (isObject(usage)) takeUsage(usage)
      }
      if (type === 'response.output_item.done') {
        streamed += searchesAmong(valuesOf(captured, ITEM), valuesOf(captured, ITEM_ACTION))
      }
      for (const [at, path] of ITEMS.entries()) {
        if (!captured.has(path)) continue
        listed = Math.max(
          listed,
          searchesAmong(valuesOf(captured, path), valuesOf(captured, ACTIONS[at] ?? '')),
        )
      }
    },
    read: () => ({ webSearches: billed ?? Math.max(streamed, listed), unpriced: [...unpriced.values()] }),
  }
}
