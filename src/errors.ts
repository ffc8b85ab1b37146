/**
 * The catalogue of everything that Tollgate refuses or fails with. Codes are part of the contract: they are never
 * renamed and never used for anything else.
 */
import type { Microcredits, UnixMs } from './core/units.ts'

interface ErrorKind {
  readonly status: number
  /** Seconds for `retry-after`; absent where asking again would not help. */
  readonly retryAfter?: number
}

export const ERRORS = {
  invalid_api_key: { status: 401 },
  user_required: { status: 400 },
  unknown_user: { status: 403 },
  user_not_allowed: { status: 403 },
  source_not_allowed: { status: 403 },
  user_credit_limit_reached: { status: 402 },
  request_exceeds_credit_limit: { status: 402 },
  credits_in_flight: { status: 429, retryAfter: 1 },
  model_not_priced: { status: 400 },
  unsupported_option: { status: 400 },
  unbounded_request: { status: 400 },
  invalid_request: { status: 400 },
  body_too_large: { status: 413 },
  unsupported_encoding: { status: 415 },
  route_not_allowed: { status: 404 },
  credit_store_unavailable: { status: 503, retryAfter: 1 },
  identity_unavailable: { status: 503, retryAfter: 1 },
  overloaded: { status: 503, retryAfter: 1 },
  shutting_down: { status: 503, retryAfter: 1 },
  internal_error: { status: 500 },
  upstream_unreachable: { status: 502 },
  upstream_timeout: { status: 504 },
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

/** Why the process cannot run: a message of one line, and the exit code that the contract gives it. */
export class StartupError extends Error {
  override readonly name = 'StartupError'
  readonly exitCode: 1 | 2
  constructor(message: string, exitCode: 1 | 2) {
    super(message)
    this.exitCode = exitCode
  }
}
