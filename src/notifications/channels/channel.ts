/** What a notice is, and the ports through which one goes out. Whoever delivers knows these and no channel. */
import type { Crossing } from '../../core/crossing.ts'
import type { Channel } from '../../directory/channels.ts'

export type { Crossing, CrossingType } from '../../core/crossing.ts'

/** A crossing with what its messages need beyond it. */
export interface Notice {
  readonly crossing: Crossing
  readonly orgName: string
  /** The organization's IANA zone. */
  readonly timezone: string
  /** The name of the crossing's user; null where it has none, or the event is not about a user. */
  readonly userName: string | null
  /** Where the page is (`publicUrl`); null: messages have no link. */
  readonly pageUrl: string | null
  /** Its reader is a member of an organization that hides amounts from its members (E3). */
  readonly hideAmounts?: boolean
  /** Sent by an admin to see whether it arrives: nothing was crossed, and the message says so. */
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
      /** One line for the log that admins read: no secret, no address of a machine. */
      readonly error: string
      /** To try again would not help. */
      readonly permanent: boolean
      /** What the other side asked for, at most a day; null where it asked for nothing. */
      readonly retryAfterMs: number | null
      /** There was no answer, or one that every message would get: it says nothing about this one. */
      readonly isUnavailable: boolean
    }

/** Never rejects: what went wrong is in the result. All mail goes to one place, a server or a folder. */
export interface EmailSender {
  send(notice: Notice, to: Recipient): Promise<SendResult>
  close(): Promise<void>
}

/** Where a webhook or a Slack message goes: a channel as it is stored. */
export type ChannelTarget = Channel

/** Webhook, Slack. Never rejects: what went wrong is in the result. */
export interface TargetSender {
  send(notice: Notice, target: ChannelTarget): Promise<SendResult>
}

/** Every way out. */
export interface Senders {
  readonly email: EmailSender
  /** Webhook or Slack, by the target's kind. */
  readonly target: TargetSender
}

/** A failure in one line of bounded length; a text from the other side may hold anything. */
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
