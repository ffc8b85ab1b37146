/** A notice, and the interfaces of its senders. The delivery knows these, and no channel. */
import type { Crossing } from '../../core/crossing.ts'
import type { Channel } from '../../directory/channels.ts'

export type { Crossing, CrossingType } from '../../core/crossing.ts'

/** A crossing with what else its messages need. */
export interface Notice {
  readonly crossing: Crossing
  readonly orgName: string
  /** The organization's IANA zone. */
  readonly timezone: string
  /** The name of the crossing's user; null if the user has none, or the event is not about a user. */
  readonly userName: string | null
  /** The URL of the page (`publicUrl`); null: messages have no link. */
  readonly pageUrl: string | null
  /** The recipient is a member of an organization that hides amounts from members (E3). */
  readonly hideAmounts?: boolean
  /** A test that an admin sends: nothing was crossed, and the message says so. */
  readonly test?: boolean
}

export interface Recipient {
  readonly user: string
  readonly name: string | null
  readonly email: string
}

export type SendResult =
  | { readonly status: 'sent' }
  | {
      readonly status: 'failed'
      /** One line for the log that admins read, without secrets and without addresses of machines. */
      readonly error: string
      /** A retry would not help. */
      readonly permanent: boolean
      /** The wait that the receiver asked for, at most a day; null if it asked for none. */
      readonly retryAfterMs: number | null
      /** There was no answer, or one that does not depend on the message. Several in a row open the circuit breaker. */
      readonly isUnavailable: boolean
    }

/** Never rejects: failures are in the result. All mail goes to one server or folder. */
export interface EmailSender {
  send(notice: Notice, to: Recipient): Promise<SendResult>
  close(): Promise<void>
}

/** Where a webhook or a Slack message goes: a channel as it is stored. */
export type ChannelTarget = Channel

/** Webhook or Slack. Never rejects: failures are in the result. */
export interface TargetSender {
  send(notice: Notice, target: ChannelTarget): Promise<SendResult>
}

/** The senders of all channels. */
export interface Senders {
  readonly email: EmailSender
  /** Webhook or Slack, by the target's kind. */
  readonly target: TargetSender
}

/** A failure. Its error becomes one line of bounded length, since text of the receiver may contain anything. */
export function failed(
  error: string,
  {
    permanent = false,
    retryAfterMs = null,
    isUnavailable = false,
  }: { permanent?: boolean; retryAfterMs?: number | null; isUnavailable?: boolean } = {},
): SendResult {
  const line = error.replace(/[\p{Cc}\u2028\u2029\s]+/gu, ' ').trim()
  return { status: 'failed', error: line.slice(0, MAX_ERROR_LENGTH), permanent, retryAfterMs, isUnavailable }
}

const MAX_ERROR_LENGTH = 300
