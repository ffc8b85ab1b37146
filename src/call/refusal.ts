/** Writes a refusal to the client in the format of the API that was called (E2). */
import type { ServerResponse } from 'node:http'
import { ERRORS, type ErrorCode, type Refusal } from '../errors.ts'
import type { Family } from '../families/family.ts'
import type { Outcome } from './call.ts'
import type { RequestOutcome } from './call-metrics.ts'

/** Writes the headers and body of a refusal. A 402 tells SDKs not to retry, and names no time to retry after. */
export function writeRefusal(
  response: ServerResponse,
  family: Pick<Family, 'refusalBody'>,
  refusal: Refusal,
  ownHeaders: readonly string[],
  requestId: string,
): void {
  if (response.headersSent || response.destroyed) return
  const { contentType, body } = family.refusalBody(refusal, requestId)
  const { status } = ERRORS[refusal.code]
  const headers = [
    'content-type',
    contentType,
    'content-length',
    String(Buffer.byteLength(body)),
    'cache-control',
    'no-store',
    ...ownHeaders,
  ]
  if (refusal.retryAfterSeconds !== null) headers.push('retry-after', String(refusal.retryAfterSeconds))
  if (status === 402) headers.push('x-should-retry', 'false')
  // A reason phrase of the upstream that HTTP does not allow stays on the response after it was rejected, and would be
  // rejected again.
  response.statusMessage = ''
  response.writeHead(status, headers)
  response.end(body)
}

/** The outcome under which a call that the provider answered is counted. */
export function outcomeOfStatus(status: number): RequestOutcome {
  return status >= 500 ? 'upstream_error' : 'ok'
}

/** The outcome under which a refused call is counted. */
export function outcomeOf(code: ErrorCode): RequestOutcome {
  switch (code) {
    case 'user_credit_limit_reached':
    case 'request_exceeds_credit_limit':
      return 'denied'
    case 'credits_in_flight':
    // Temporary, and not the caller's fault.
    case 'identity_unavailable':
    case 'overloaded':
    case 'shutting_down':
      return 'busy'
    case 'invalid_api_key':
    case 'user_required':
    case 'unknown_user':
    case 'user_not_allowed':
    case 'source_not_allowed':
      return 'unauthorized'
    case 'credit_store_unavailable':
      return 'store_down'
    case 'upstream_unreachable':
    case 'upstream_timeout':
      return 'upstream_error'
    case 'model_not_priced':
    case 'unsupported_option':
    case 'unbounded_request':
    case 'invalid_request':
    case 'body_too_large':
    case 'unsupported_encoding':
    case 'websocket_not_supported':
    case 'route_not_allowed':
    case 'internal_error':
      return 'rejected'
  }
}

export function outcomeOfExchange(outcome: Outcome): RequestOutcome {
  if (outcome.clientGone) return 'client_gone'
  if (outcome.failure !== null) return 'upstream_error'
  return outcomeOfStatus(outcome.status ?? 500)
}
