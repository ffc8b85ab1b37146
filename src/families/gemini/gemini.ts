/** Google's Gemini API. */
import { formatCredits } from '../../core/units.ts'
import { ERRORS, type Refusal } from '../../errors.ts'
import { factsOf } from '../problem.ts'
import type { Family, MeteredRoute, RefusalBody } from '../family.ts'
import { generateReader } from './requests.ts'
import { completeReport, readReport, readServed } from './usage.ts'

/** google.rpc.Code by HTTP status (google/rpc/code.proto). */
const RPC_STATUS: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  402: 'RESOURCE_EXHAUSTED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  413: 'INVALID_ARGUMENT',
  415: 'INVALID_ARGUMENT',
  429: 'RESOURCE_EXHAUSTED',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
}

/** Values of an ErrorInfo's metadata are text (google/rpc/error_details.proto). */
function refusalBody(refusal: Refusal, requestId: string): RefusalBody {
  const { code, message, param, facts } = refusal
  const { status } = ERRORS[code]
  const metadata = {
    ...(param === null ? {} : { param }),
    ...(facts === null ? {} : { scope: 'user' }),
    // Google's ErrorInfo has texts only.
    ...factsOf(refusal, formatCredits),
    request_id: requestId,
  }
  const info = {
    '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
    reason: code.toUpperCase(),
    domain: 'tollgate',
    metadata,
  }
  // The SDK encodes an error a second time unless it comes as application/json.
  return {
    contentType: 'application/json',
    body: JSON.stringify({
      error: { code: status, message, status: RPC_STATUS[status] ?? 'UNKNOWN', details: [info] },
    }),
  }
}

const VERSIONS = ['v1', 'v1beta', 'v1alpha']
const TEXT_KEYS = { stream: ['text'], whole: ['text'] }

/** The model stands in the path: `/v1beta/models/gemini-2.5-pro:generateContent`. */
function route(version: string, method: 'generateContent' | 'streamGenerateContent'): MeteredRoute {
  return {
    method: 'POST',
    url: `/${version}/models/:model(^[A-Za-z0-9._-]{1,200})::${method}`,
    takes: 'json',
    reader: generateReader(method === 'streamGenerateContent'),
    textKeys: TEXT_KEYS,
  }
}

export const gemini: Family = {
  name: 'gemini',
  priceProvider: 'google',
  metered: VERSIONS.flatMap((version) => [
    route(version, 'generateContent'),
    route(version, 'streamGenerateContent'),
  ]),
  free: [
    { method: 'GET', path: /^\/v1(?:beta|alpha)?\/models(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,199})?$/ },
    { method: 'POST', path: /^\/v1(?:beta|alpha)?\/models\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}:countTokens$/ },
  ],
  webSocketPaths: [],
  credential: (apiKey) => ['x-goog-api-key', apiKey],
  // The field mask could take the usage report out of the answer.
  removedHeaders: ['x-goog-user-project', 'x-goog-fieldmask'],
  refusalBody,
  // A stream without `alt=sse` is one JSON array, whose elements are what the events would be.
  answerFields: {
    usage: ['usageMetadata', '*.usageMetadata'],
    openingUsage: [],
    choiceUsage: null,
    model: ['modelVersion', '*.modelVersion'],
    serviceTier: [],
    error: ['error', '*.error'],
    type: [],
    tools: [],
  },
  mediaKeys: ['inlineData', 'functionCall', 'executableCode'],
  completeReport,
  readReport: (report, media) => readReport(report, media.has('inlineData')),
  readServed,
  countTools: null,
  isUsageEvent: () => false,
}
