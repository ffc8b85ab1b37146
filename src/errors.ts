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
    when: 'The request has no key, one that is unknown or revoked, several that differ, a key for the admin plane, or a token (JWT) that is not accepted.',
    advice:
      'Send one valid key. The message says so where it is a provider’s key, or has a typing error. Ask an admin for a new one.',
  },
  user_required: {
    status: 400,
    when: 'The key belongs to an app, and the call names no user.',
    advice: 'Name the user in `x-tollgate-user`.',
  },
  unknown_user: {
    status: 403,
    when: 'The organization has no such member, or not any more.',
    advice: 'An admin adds the user; or the operator lets apps and tokens enroll users (`autoEnroll`).',
  },
  user_not_allowed: {
    status: 403,
    when: 'The key belongs to one user, and the call names another.',
    advice: 'Leave `x-tollgate-user` out, or use an app’s key.',
  },
  source_not_allowed: {
    status: 403,
    when: '`x-tollgate-source` is not among the key’s sources.',
    advice: 'Leave it out for the key’s default, or ask for a key that has this source.',
  },
  user_credit_limit_reached: {
    status: 402,
    when: 'The user’s counted usage has reached the limit of this billing period.',
    advice:
      'Wait for the reset that the message names, or ask the contact for a higher limit. Do not try again.',
  },
  request_exceeds_credit_limit: {
    status: 402,
    when: 'The organization admits strictly, and the call may cost more than is left.',
    advice: 'Lower `max_tokens` (the message names the largest that fits), or shorten the prompt.',
  },
  credits_in_flight: {
    status: 429,
    retryAfter: 1,
    when: 'Only calls in flight are in the way: what they hold may come back.',
    advice: 'Try again after `retry-after` seconds; the SDKs do.',
  },
  model_not_priced: {
    status: 400,
    when: 'The model has no price, so its cost cannot be known.',
    advice:
      'Use the model that the message suggests or another one, or have the operator price it under `prices.models`.',
  },
  unsupported_option: {
    status: 400,
    when: 'The request asks for something without a price: a service tier, a beta, a tool that runs at the provider, a paid search, work in the background.',
    advice:
      'Leave out the option that `param` names. The message names the switch of the client, where it is known.',
  },
  unbounded_request: {
    status: 400,
    when: 'The organization admits strictly, and nothing bounds the cost: no `max_tokens`, stored context, remote media.',
    advice: 'Set the field that the message names; send media and context inline.',
  },
  invalid_request: {
    status: 400,
    when: 'The request cannot be read: bad JSON, a compressed body that is broken, a field that prices and stands twice, a wrong content type, bad HTTP.',
    advice: 'Correct what the message names.',
  },
  body_too_large: {
    status: 413,
    when: 'The body, unpacked where it came compressed, is larger than `limits.bodyBytes`.',
    advice: 'Send less, or have the operator raise the limit.',
  },
  unsupported_encoding: {
    status: 415,
    when: 'The request’s body has a `content-encoding` other than gzip, deflate, br or zstd, or more than one.',
    advice: 'Send it plain, or in one of these.',
  },
  websocket_not_supported: {
    status: 426,
    when: 'The client asks to go on by WebSocket.',
    advice: 'Send the request as POST over HTTP. Codex falls back to it by itself.',
  },
  route_not_allowed: {
    status: 404,
    when: 'The path is neither priced nor known to be free.',
    advice:
      'Check path and method: with a valid key, the message says which base URL was meant. An operator can allow it at a flat price (`routes`).',
  },
  credit_store_unavailable: {
    status: 503,
    retryAfter: 1,
    when: 'The store cannot be reached, so nobody can say whether the call may pass.',
    advice: 'Try again; the operator looks at `/readyz` and `tollgate_store_up`.',
  },
  identity_unavailable: {
    status: 503,
    retryAfter: 1,
    when: 'The call brings a token (JWT), and the keys of its issuer cannot be fetched.',
    advice: 'Try again; the operator checks `auth.jwt` and the issuer.',
  },
  overloaded: {
    status: 503,
    retryAfter: 1,
    when: 'More calls are in flight here than `limits.concurrent`, or more request bodies in memory than `limits.bufferedBytes`.',
    advice: 'Try again; the operator adds gateways or raises the limit.',
  },
  shutting_down: {
    status: 503,
    retryAfter: 1,
    when: 'This gateway is stopping.',
    advice: 'Try again: the load balancer chooses another one.',
  },
  internal_error: {
    status: 500,
    when: 'The gateway failed on the request: a fault of ours.',
    advice: 'Report it with the request id.',
  },
  upstream_unreachable: {
    status: 502,
    when: 'The provider cannot be reached, its certificate is not trusted, or it broke off before it answered.',
    advice: 'Try again later; the operator checks `upstreams.*.url` and `ca`.',
  },
  upstream_timeout: {
    status: 504,
    when: 'The provider did not answer within the configured time.',
    advice: 'Try again, or have the operator raise `timeouts`.',
  },
} as const satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof ERRORS

/** The facts behind a refusal for credits, as they stand in its fields (E3). Absent where an org hides amounts. */
export interface CreditFacts {
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
  readonly facts: CreditFacts | null
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
