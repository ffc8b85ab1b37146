/** Anthropic's Messages API. */
import { rfc3339 } from '../core/text.ts'
import type { Usage } from '../core/tariff.ts'
import { toCredits } from '../core/units.ts'
import { ERRORS, type Refusal } from '../errors.ts'
import { messageShape } from './anthropic-requests.ts'
import { count, mergeCounts, optionalCount, raiseCounts } from './counts.ts'
import type { Family, RefusalBody } from './family.ts'
import { isObject, type JsonObject } from './request-body.ts'

/** Anthropic's own `type` for errors of a status (docs: API errors). */
const ERROR_TYPES: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  415: 'invalid_request_error',
  429: 'rate_limit_error',
  502: 'api_error',
  503: 'overloaded_error',
  504: 'timeout_error',
}

function refusalBody({ code, message, param, facts, resetsAt }: Refusal, requestId: string): RefusalBody {
  const details = {
    error_code: code,
    ...(param === null ? {} : { param }),
    ...(facts === null
      ? {}
      : {
          scope: 'user',
          limit: toCredits(facts.limit),
          used: toCredits(facts.used),
          counted: toCredits(facts.counted),
          held: toCredits(facts.held),
          required: toCredits(facts.required),
        }),
    ...(resetsAt === null ? {} : { resets_at: rfc3339(resetsAt) }),
  }
  const type = ERROR_TYPES[ERRORS[code].status] ?? 'api_error'
  return {
    contentType: 'application/json',
    body: JSON.stringify({ type: 'error', error: { type, message, details }, request_id: requestId }),
  }
}

/**
 * `usage` of a message, of `message_start` and of `message_delta`. The input stands beside what was read from and written
 * to the cache, not around it; output includes thinking. Writes are told apart by lifetime in `cache_creation`.
 */
function readUsage(report: unknown): Usage | null {
  if (!isObject(report)) return null
  const input = count(report['input_tokens'])
  const output = count(report['output_tokens'])
  const cachedInput = optionalCount(report['cache_read_input_tokens'])
  const written = optionalCount(report['cache_creation_input_tokens'])
  if (input === null || output === null || cachedInput === null || written === null) return null
  const byLifetime = isObject(report['cache_creation']) ? report['cache_creation'] : {}
  const written1h = count(byLifetime['ephemeral_1h_input_tokens']) ?? 0
  const written5m = count(byLifetime['ephemeral_5m_input_tokens']) ?? 0
  const tools = isObject(report['server_tool_use']) ? report['server_tool_use'] : {}
  return {
    input,
    cachedInput,
    // What the lifetimes leave over was written for the default one.
    cacheWrite: Math.max(written5m, written - written1h),
    cacheWrite1h: written1h,
    audioInput: 0,
    output,
    audioOutput: 0,
    webSearches: count(tools['web_search_requests']) ?? 0,
  }
}

/**
 * message_delta is cumulative: its figures replace those of message_start, and what it leaves out stays. A second
 * message_start, as of an answer that somebody has spliced into this one, takes nothing back.
 */
function mergeReports(earlier: JsonObject | null, later: unknown, path: string): JsonObject | null {
  return path === 'message.usage' ? raiseCounts(earlier, later) : mergeCounts(earlier, later)
}

const TEXT_KEYS = ['text', 'thinking', 'partial_json']

export const anthropic: Family = {
  name: 'anthropic',
  priceProvider: 'anthropic',
  metered: [
    {
      method: 'POST',
      url: '/v1/messages',
      takes: 'json',
      inspect: ({ body, headers }) => messageShape(body, headers),
      textKeys: { stream: TEXT_KEYS, whole: TEXT_KEYS },
    },
  ],
  free: [
    { method: 'GET', path: /^\/v1\/models(?:\/(?!\.{1,2}$)[A-Za-z0-9._:@-]{1,200})?$/ },
    { method: 'POST', path: /^\/v1\/messages\/count_tokens$/ },
  ],
  webSocketPaths: [],
  credential: (apiKey) => ['x-api-key', apiKey],
  removedHeaders: ['anthropic-workspace-id', 'anthropic-user-profile-id'],
  refusalBody,
  usagePaths: ['usage', 'message.usage'],
  modelPaths: ['model', 'message.model'],
  openingPaths: ['message.usage'],
  outputFigures: ['output_tokens'],
  mergeReports,
  readUsage,
  isUsageEvent: () => false,
}
