/** Anthropic's Messages API. */
import { ERRORS, type Refusal } from '../../errors.ts'
import { messageReader } from './requests.ts'
import { completeReport, readReport, readServed } from './usage.ts'
import type { Family, RefusalBody } from '../family.ts'
import { factsOf } from '../problem.ts'

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

function refusalBody(refusal: Refusal, requestId: string): RefusalBody {
  const { code, message, param, facts } = refusal
  const details = {
    error_code: code,
    ...(param === null ? {} : { param }),
    ...(facts === null ? {} : { scope: 'user' }),
    ...factsOf(refusal),
  }
  const type = ERROR_TYPES[ERRORS[code].status] ?? 'api_error'
  return {
    contentType: 'application/json',
    body: JSON.stringify({ type: 'error', error: { type, message, details }, request_id: requestId }),
  }
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
      reader: messageReader,
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
  answerFields: {
    usage: ['usage'],
    openingUsage: ['message.usage'],
    choiceUsage: null,
    model: ['model', 'message.model'],
    serviceTier: [],
    error: ['error'],
    type: ['type'],
    tools: [],
  },
  // Tool blocks have this key; in whole answers their arguments are not text.
  mediaKeys: ['input'],
  completeReport,
  readReport,
  readServed,
  countTools: null,
  isUsageEvent: () => false,
}
