/**
 * The catalogue of everything that Tollgate refuses or fails with. Clients rely on the codes: they are never
 * renamed and never used for anything else.
 */
import type { Microcredits, UnixMs } from './core/units.ts'

interface ErrorKind {
  readonly status: number
  /** Seconds for `retry-after`; absent where asking again would not help. */
  readonly retryAfter?: number
  /** When it is answered, in a sentence. With `advice` it makes docs/errors.md. */
  readonly when: string
  /** What the caller can do about it. */
  readonly advice: string
}

export const ERRORS = {
  invalid_api_key: {
    status: 401,
    when: 'The request has no key, an unknown or revoked key, several different keys, a key for the admin plane, or a token (JWT) that is not accepted.',
    advice:
      'Send one valid key. The message says if it is a provider’s key, or has a typing error. Ask an admin for a new one.',
  },
  user_required: {
    status: 400,
    when: 'The key belongs to an app, and the call names no user.',
    advice: 'Name the user in `x-tollgate-user`.',
  },
  unknown_user: {
    status: 403,
    when: 'The organization has no such member, or has removed it.',
    advice: 'Have an admin add the user, or the operator let apps and tokens enroll users (`autoEnroll`).',
  },
  user_not_allowed: {
    status: 403,
    when: 'The key belongs to one user, and the call names another.',
    advice: 'Omit `x-tollgate-user`, or use an app’s key.',
  },
  source_not_allowed: {
    status: 403,
    when: '`x-tollgate-source` is not among the key’s sources.',
    advice: 'Omit it to use the key’s default, or ask for a key that has this source.',
  },
  user_credit_limit_reached: {
    status: 402,
    when: 'The user’s counted usage has reached the limit of this billing period.',
    advice: 'Wait for the reset that the message names, or ask the contact for a higher limit. Do not retry.',
  },
  request_exceeds_credit_limit: {
    status: 402,
    when: 'The organization’s admission is strict, and the call may cost more than is left.',
    advice: 'Lower `max_tokens` (the message names the largest that fits), or shorten the prompt.',
  },
  credits_in_flight: {
    status: 429,
    retryAfter: 1,
    when: 'Calls in flight hold the remaining credits, and may free some of them.',
    advice: 'Retry after `retry-after` seconds; the SDKs do.',
  },
  model_not_priced: {
    status: 400,
    when: 'The model has no price, so its cost cannot be known.',
    advice:
      'Use the model that the message suggests or another one, or have the operator price it under `prices.models`.',
  },
  unsupported_option: {
    status: 400,
    when: 'The request uses an option without a price: a service tier, a beta, a tool that runs at the provider, a paid search, a background response.',
    advice: 'Omit the option that `param` names. The message names the switch of the client, if it is known.',
  },
  unbounded_request: {
    status: 400,
    when: 'The organization’s admission is strict, and the cost has no bound: no `max_tokens`, stored context, remote media.',
    advice: 'Set the field that the message names; send media and context inline.',
  },
  invalid_request: {
    status: 400,
    when: 'The request cannot be read: bad JSON, a broken compressed body, a priced field that is there twice, a wrong content type, bad HTTP.',
    advice: 'Correct what the message names.',
  },
  body_too_large: {
    status: 413,
    when: 'The body is larger than `limits.bodyBytes`, after unpacking.',
    advice: 'Send less, or have the operator raise the limit.',
  },
  unsupported_encoding: {
    status: 415,
    when: 'The request’s body has a `content-encoding` other than gzip, deflate, br or zstd, or more than one.',
    advice: 'Send it plain, or in one of these encodings.',
  },
  websocket_not_supported: {
    status: 426,
    when: 'The client asks for a WebSocket.',
    advice: 'Send the request as POST over HTTP. Codex falls back to it by itself.',
  },
  route_not_allowed: {
    status: 404,
    when: 'The path has no price and is not known to be free.',
    advice:
      'Check path and method: with a valid key, the message names the base URL that was meant. An operator can allow the route at a flat price (`routes`).',
  },
  credit_store_unavailable: {
    status: 503,
    retryAfter: 1,
    when: 'The store cannot be reached, so the gateway cannot check the limit.',
    advice: 'Retry; the operator checks `/readyz` and `tollgate_store_up`.',
  },
  identity_unavailable: {
    status: 503,
    retryAfter: 1,
    when: 'The call has a token (JWT), and the keys of its issuer cannot be fetched.',
    advice: 'Retry; the operator checks `auth.jwt` and the issuer.',
  },
  overloaded: {
    status: 503,
    retryAfter: 1,
    when: 'The gateway has reached `limits.concurrent` calls in flight, `limits.bufferedBytes` of request bodies, or the bound of look-ups of new keys.',
    advice: 'Retry; the operator adds gateways or raises the limit.',
  },
  shutting_down: {
    status: 503,
    retryAfter: 1,
    when: 'This gateway is stopping.',
    advice: 'Retry: the load balancer chooses another one.',
  },
  internal_error: {
    status: 500,
    when: 'The gateway failed on the request because of a bug, or because counters in the store do not add up.',
    advice: 'Report it with the request id.',
  },
  upstream_unreachable: {
    status: 502,
    when: 'The provider cannot be reached, its certificate is not trusted, or it closed the connection before it responded.',
    advice: 'Retry later; the operator checks `upstreams.*.url` and `ca`.',
  },
  upstream_timeout: {
    status: 504,
    when: 'The provider did not respond within the configured time.',
    advice: 'Retry, or have the operator raise `timeouts`.',
  },
} as const satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof ERRORS

/** The facts behind a refusal for credits, as they stand in its fields (E3). Absent where an org hides amounts. */
export interface RefusalFacts {
  readonly limit: Microcredits
  readonly used: Microcredits
  readonly counted: Microcredits
  readonly held: Microcredits
  readonly required: Microcredits
}

/** A call that is not forwarded: an expected outcome, hence a value and not an exception. */
export interface Refusal {
  readonly refused: true
  readonly code: ErrorCode
  readonly message: string
  /** The field of the request that is at fault, where it is one. */
  readonly param: string | null
  readonly resetsAt: UnixMs | null
  readonly facts: RefusalFacts | null
  readonly retryAfterSeconds: number | null
}

/** Makes a refusal; `details` adds what is not the same for every refusal of this code. */
export function refuse(
  code: ErrorCode,
  message: string,
  details: Partial<Pick<Refusal, 'param' | 'resetsAt' | 'facts' | 'retryAfterSeconds'>> = {},
): Refusal {
  const kind: ErrorKind = ERRORS[code]
  return {
    refused: true,
    code,
    message,
    param: details.param ?? null,
    resetsAt: details.resetsAt ?? null,
    facts: details.facts ?? null,
    retryAfterSeconds: details.retryAfterSeconds ?? kind.retryAfter ?? null,
  }
}

export function isRefusal(value: object): value is Refusal {
  return 'refused' in value
}

/** Why the process cannot run: a message of one line, and an exit code. */
export class StartupError extends Error {
  override readonly name = 'StartupError'
  readonly exitCode: 1 | 2
  constructor(message: string, exitCode: 1 | 2) {
    super(message)
    this.exitCode = exitCode
  }
}
