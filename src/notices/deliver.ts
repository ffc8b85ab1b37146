/** One attempt to deliver a notice on one channel to one recipient, and what becomes of it. */
import type { Crossing } from '../core/crossing.ts'
import type { RedisClient } from '../ledger/connection.ts'
import type { ChannelDirectory } from '../ledger/directory/channels.ts'
import { membersOf } from '../ledger/directory/members.ts'
import type { DeliveryState, NoticeLog } from '../ledger/notice-log.ts'
import type { EmailSender, Notice, SendResult, TargetSender } from './channels/channel.ts'
import type { NoticeMetrics } from './notice-metrics.ts'
import type { DeliveryJob } from './queue.ts'
import { isRecipient, readAudience, type Audience } from './recipients.ts'

export interface Senders {
  readonly email: EmailSender
  /** Webhook or Slack, by the target's kind. */
  readonly target: TargetSender
}

export interface DeliverOptions {
  readonly redis: RedisClient
  readonly log: NoticeLog
  readonly channels: Pick<ChannelDirectory, 'getChannel'>
  readonly senders: Senders
  readonly metrics: NoticeMetrics
  /** Where the page is, without a slash at its end. */
  readonly pageUrl: string | null
}

/** `nobody`: there is no longer anybody to send it to. */
type Outcome = SendResult | { readonly status: 'nobody'; readonly reason: string }

/** What is left to do for whoever keeps the queue. */
export type Verdict =
  | { readonly status: 'done' }
  | { readonly status: 'again' | 'parked'; readonly error: string; readonly retryAfterMs: number | null }

const DONE: Verdict = { status: 'done' }

/** `attempt` counts from 1; `isLast` says that a failure of this one is final. Rejects only as the store does. */
export async function deliver(
  options: DeliverOptions,
  job: DeliveryJob,
  attempt: number,
  isLast: boolean,
): Promise<Verdict> {
  const { log, metrics } = options
  const found = await log.find(job.org, job.notice, job)
  // Deleted with its organization, delivered by a worker that died before it said so, or sent again under a new round.
  if (found === null || found.delivery.round !== job.round || isSettled(found.delivery.state)) return DONE
  const outcome = await send(options, found.crossing, job)
  const state = stateAfter(outcome, isLast)
  const error =
    outcome.status === 'sent' ? null : outcome.status === 'nobody' ? outcome.reason : outcome.error
  await log.attempted(found.crossing, job, { round: job.round, state, attempts: attempt, error })
  metrics.notification(job.channel, state)
  if (outcome.status !== 'failed') return DONE
  const { retryAfterMs } = outcome
  return { status: state === 'parked' ? 'parked' : 'again', error: outcome.error, retryAfterMs }
}

function isSettled(state: DeliveryState): boolean {
  return state === 'sent' || state === 'parked' || state === 'no_recipients'
}

function stateAfter(outcome: Outcome, isLast: boolean): DeliveryState {
  switch (outcome.status) {
    case 'sent':
      return 'sent'
    case 'nobody':
      return 'no_recipients'
    case 'failed':
      return outcome.permanent || isLast ? 'parked' : 'failed'
  }
}

async function send(options: DeliverOptions, crossing: Crossing, job: DeliveryJob): Promise<Outcome> {
  const { redis } = options
  const audience = await readAudience(redis, crossing)
  if (audience === null) return nobody('the organization was deleted')
  const { org, target } = job
  if (target === null) return nobody('no recipients')
  const users = [...(crossing.user === undefined ? [] : [crossing.user]), target]
  const members = await membersOf(redis, org, users)
  const notice: Notice = {
    crossing,
    orgName: audience.orgName,
    timezone: audience.timezone,
    userName: members.get(crossing.user ?? '')?.name ?? null,
    pageUrl: options.pageUrl,
  }
  if (job.channel !== 'email') return sendToTarget(options, notice, org, target)
  return sendMail(options, notice, audience, members.get(target))
}

async function sendMail(
  { senders }: DeliverOptions,
  notice: Notice,
  audience: Audience,
  member: Parameters<typeof isRecipient>[1] | undefined,
): Promise<Outcome> {
  if (member === undefined || !isRecipient(audience, member)) return nobody('no longer a recipient')
  const { user, name, email, role } = member
  if (email === null) return nobody('no e-mail address')
  const hideAmounts = audience.hidesAmounts && role !== 'admin'
  return senders.email.send({ ...notice, hideAmounts }, { user, name, email })
}

async function sendToTarget(
  { channels, senders }: DeliverOptions,
  notice: Notice,
  org: string,
  id: string,
): Promise<Outcome> {
  const channel = await channels.getChannel(org, id)
  if (channel === null) return nobody('the channel was deleted')
  if (!channel.enabled) return nobody('the channel is switched off')
  return senders.target.send(notice, channel)
}

function nobody(reason: string): Outcome {
  return { status: 'nobody', reason }
}
