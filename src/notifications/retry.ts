/**
 * The retry policy: what happens after each attempt to deliver a webhook, a Slack message or a mail. All of it is here, as
 * constants and pure functions, which the other files call. Values in parentheses are the defaults of settings.
 *
 * - **Attempt.** A worker sends the message once (delivery.ts), for at most 10 s by HTTP and 60 s by SMTP. The recipient is
 *   looked up each time. If there is none any more, the delivery ends as `no_recipients`.
 * - **Success.** HTTP 2xx, or a mail server that accepts the mail, ends the delivery as `sent`.
 * - **Permanent failure.** The delivery is parked at once: HTTP 410 from a webhook; 400, 403, 404 or 410 from Slack; SMTP 5xx
 *   about the mail itself; a target that the gateway must not call; a channel without a secret; an address that cannot be mailed to.
 * - **Temporary failure.** Everything else, redirects and time-outs included. The delivery is `failed` and is retried, with
 *   `attempts` (15) in all. The wait after the first is `backoffSeconds` (5 s) and doubles each time up to `maxBackoffSeconds`
 *   (1 h), less a random part of up to half. `Retry-After` of a 429 or 503 makes it longer, up to a day. The failure of the last
 *   attempt parks the delivery.
 * - **Parked.** It is not retried by itself. The log shows it with its error, and an admin can redeliver it, which starts a new
 *   round at attempt 1.
 * - **Circuit breaker.** Each process has one per receiver (the mail server, or the origin of a URL), for all organizations.
 *   Three consecutive attempts without a usable answer open it for `backoffSeconds`, and each further one for twice as long, up to
 *   a minute. While it is open, a delivery that falls due fails without being sent, and does not wait for a time-out. That
 *   counts as an attempt, so that the deliveries of a receiver that stays down end as parked. When the time is over, one delivery
 *   is sent as a probe. Any answer, even a refusal, closes the circuit. The last attempt of a delivery is sent although the circuit
 *   is open: nothing is parked untried.
 * - **Concurrency limit.** A delivery goes back into the queue while `perDestination` (4) others are in flight to its receiver or
 *   for its organization (concurrency-limit.ts). That is no attempt.
 * - **Crash.** Another worker takes over the job of a dead one when its lock expires (`lockSeconds`, 30). So a delivery happens at
 *   least once, and a repeat has the same id. A store that fails in the middle of an attempt ends it like a temporary failure.
 *
 * Jobs of `tollgate-notices` are not deliveries, and others may consume them, so BullMQ's own backoff applies (queue.ts).
 */
import type { UnixMs } from '../core/units.ts'
import type { ChannelKind } from '../directory/channels.ts'
import type { Delivery, DeliveryState } from '../outbox/notice-log.ts'
import { failed, type SendResult } from './channels/channel.ts'

/** `notifications.attempts`, `.backoffSeconds` and `.maxBackoffSeconds` of the configuration. */
export interface RetrySettings {
  /** In one round, the first included. */
  readonly attempts: number
  readonly backoffMs: number
  readonly maxBackoffMs: number
}

// --- what an answer means -------------------------------------------------------------------------------------------

/**
 * HTTP statuses that a retry does not change. A webhook's receiver may answer 400 or 404 while it is misconfigured; 410 says that
 * it is gone. Slack's four are about the message or the hook: `no_service`, `channel_is_archived`, `invalid_token`.
 */
const PERMANENT_STATUSES: Readonly<Record<ChannelKind, readonly number[]>> = {
  webhook: [410],
  slack: [400, 403, 404, 410],
}

export function isPermanentStatus(kind: ChannelKind, status: number): boolean {
  return PERMANENT_STATUSES[kind].includes(status)
}

const MAX_RETRY_AFTER_MS = 86_400_000

/** The wait that a 429 or 503 asks for, in seconds or as a date (RFC 9110, 10.2.3), at most a day; null where there is none. */
export function retryAfterMs(
  status: number,
  header: string | string[] | undefined,
  nowMs: number,
): number | null {
  if ((status !== 429 && status !== 503) || typeof header !== 'string') return null
  const isSeconds = /^\d{1,9}$/.test(header)
  if (!isSeconds && !/^[A-Z][a-z]{2}, .* GMT$/.test(header)) return null
  const ms = isSeconds ? Number(header) * 1_000 : Date.parse(header) - nowMs
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS)
}

/** Replies to these commands are about the mail; others are about the connection or the login. */
const MAIL_COMMANDS = ['MAIL FROM', 'RCPT TO', 'DATA']
/** The server wants another login or encryption: the mail can be sent once an operator has corrected the configuration. */
const LOGIN_CODES = [530, 534, 535, 538]
/** The server shuts down, and accepts no mail from anyone (RFC 5321, 3.8). */
const SHUTTING_DOWN = 421

/** A 5xx about the mail itself is permanent (RFC 5321, 4.2.1). A server that is full or greylists answers 4xx. */
export function smtpFailure(command: string, code: number): { permanent: boolean; isUnavailable: boolean } {
  const isAboutMail = MAIL_COMMANDS.includes(command) && !LOGIN_CODES.includes(code)
  return { permanent: code >= 500 && isAboutMail, isUnavailable: code === SHUTTING_DOWN || !isAboutMail }
}

// --- what happens after an attempt ----------------------------------------------------------------------------------

/** `no_recipient`: nothing was sent, because the recipient is gone. */
export type Outcome = SendResult | { readonly status: 'no_recipient'; readonly reason: string }

/** The state of a delivery after an attempt. Only `failed` is retried. */
export type AfterAttempt =
  | { readonly state: 'sent'; readonly error: null }
  | { readonly state: 'no_recipients' | 'parked'; readonly error: string }
  | { readonly state: 'failed'; readonly error: string; readonly retryAfterMs: number | null }

export function afterAttempt(outcome: Outcome, isLast: boolean): AfterAttempt {
  switch (outcome.status) {
    case 'sent':
      return { state: 'sent', error: null }
    case 'no_recipient':
      return { state: 'no_recipients', error: outcome.reason }
    case 'failed': {
      const { error, permanent, retryAfterMs } = outcome
      return permanent || isLast ? { state: 'parked', error } : { state: 'failed', error, retryAfterMs }
    }
  }
}

/** Whether a round is over: its job has nothing left to do. */
export function isFinal(state: DeliveryState): boolean {
  return state === 'sent' || state === 'parked' || state === 'no_recipients'
}

/**
 * How long to wait after attempt number `attempt`: between half and all of the doubled backoff, so that deliveries that failed
 * together are not retried together, or as long as the receiver asked for, if that is longer. `random` is from 0 to 1.
 */
export function retryDelayMs(
  settings: RetrySettings,
  attempt: number,
  askedMs: number | null,
  random = Math.random(),
): number {
  return Math.round(Math.max(shortestDelayMs(settings, attempt) * (1 + random), askedMs ?? 0))
}

function shortestDelayMs({ backoffMs, maxBackoffMs }: RetrySettings, attempt: number): number {
  return Math.floor(Math.min(doubled(backoffMs, attempt - 1), maxBackoffMs) / 2)
}

/** The exponent is bounded, so that the result stays finite. */
function doubled(ms: number, times: number): number {
  return ms * 2 ** Math.min(times, 30)
}

/**
 * The earliest time of the next attempt by the store's clock; null: at once. The queue uses the clock of each worker, and two
 * workers, one with a clock that is ahead and one with a clock that is behind, would otherwise use up all attempts at once.
 */
export function notBefore(
  settings: RetrySettings,
  { state, attempts, at }: Pick<Delivery, 'state' | 'attempts' | 'at'>,
): UnixMs | null {
  return state === 'failed' ? ((at + shortestDelayMs(settings, attempts)) as UnixMs) : null
}

/** How often a job is taken over from a dead worker. After that it is parked, since the job may be what kills them. */
export const MAX_TAKEOVERS = 10

// --- the circuit breaker of a receiver ------------------------------------------------------------------------------

export interface Circuit {
  /** Consecutive attempts that got no usable answer (`isUnavailable`). */
  readonly failures: number
  /** When a probe may be sent, by the clock of `nowMs`. */
  readonly openUntilMs: number
  readonly lastError: string
}

export const CLOSED: Circuit = { failures: 0, openUntilMs: 0, lastError: '' }

const FAILURES_TO_OPEN = 3
const MAX_OPEN_MS = 60_000

export function isOpen({ failures }: Circuit): boolean {
  return failures >= FAILURES_TO_OPEN
}

/** The circuit after an attempt that was sent; `wasOpen` says whether it was open when that attempt began. */
export function circuitAfter(
  settings: RetrySettings,
  circuit: Circuit,
  result: SendResult,
  { wasOpen, nowMs }: { readonly wasOpen: boolean; readonly nowMs: number },
): Circuit {
  if (result.status === 'sent' || !result.isUnavailable) return CLOSED
  // Attempts that were in flight when the circuit opened say nothing new, and must not lengthen the pause.
  if (isOpen(circuit) && !wasOpen) return circuit
  const failures = circuit.failures + 1
  const pauseMs = doubled(settings.backoffMs, failures - FAILURES_TO_OPEN)
  const openMs = Math.min(pauseMs, settings.maxBackoffMs, MAX_OPEN_MS)
  return { failures, openUntilMs: nowMs + openMs, lastError: result.error }
}

/**
 * The failure of a delivery that is not sent because the circuit is open; null: send it. `othersInFlight` counts deliveries to
 * the same receiver.
 */
export function failFast(circuit: Circuit, othersInFlight: number, nowMs: number): SendResult | null {
  if (!isOpen(circuit)) return null
  const leftMs = circuit.openUntilMs - nowMs
  const isProbe = leftMs <= 0 && othersInFlight === 0
  if (isProbe) return null
  const retryAfterMs = Math.max(0, Math.ceil(leftMs))
  return failed(`${circuit.lastError}; not tried again so soon`, { retryAfterMs, isUnavailable: true })
}
