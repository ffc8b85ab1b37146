/** One attempt to deliver a notice on one channel to one recipient, and what becomes of it. */
import type { Crossing } from '../core/crossing.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { RedisClient } from '../store/connection.ts'
import type { ChannelDirectory } from '../directory/channels.ts'
import { membersOf } from '../directory/members.ts'
import type { Delivery, DeliveryState, NoticeLog } from '../outbox/notice-log.ts'
import { readStoreTime } from '../store/clock.ts'
import type { Notice, Senders } from './channels/channel.ts'
import type { Receivers, Turn } from './receivers.ts'
import { shortestBackoff, type DeliveryJob, type Retries } from './queue.ts'
import { isRecipient, readAudience, type Audience } from './recipients.ts'

export interface DeliverOptions {
  readonly redis: RedisClient
  readonly log: NoticeLog
  readonly channels: Pick<ChannelDirectory, 'getChannel'>
  readonly senders: Senders
  readonly receivers: Receivers
  readonly retries: Retries
  readonly metrics: Pick<Metrics, 'notification'>
  /** Where the page is, without a slash at its end. */
  readonly pageUrl: string | null
}

/** `nobody`: there is no longer anybody to send it to. */
type Outcome = Turn | { readonly status: 'nobody'; readonly reason: string }

/** What is left to do for whoever keeps the queue. `later`: it was not tried, and that is no attempt. */
export type Verdict =
  | { readonly status: 'done' }
  | { readonly status: 'later'; readonly waitMs: number }
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
  const earlyMs = await earlyBy(options, found.delivery)
  if (earlyMs > 0) return { status: 'later', waitMs: earlyMs }
  const outcome = await send(options, found.crossing, job, isLast)
  if (outcome.status === 'full') return { status: 'later', waitMs: outcome.waitMs }
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

/**
 * The queue goes by the clock of whichever worker looks, and one that is ahead finds every wait over: together with one
 * that is behind it would use up all attempts at once. The log goes by the store's clock.
 */
async function earlyBy(
  { redis, retries }: DeliverOptions,
  { state, attempts, at }: Delivery,
): Promise<number> {
  if (state !== 'failed') return 0
  return at + shortestBackoff(retries, attempts) - (await readStoreTime(redis))
}

function stateAfter(outcome: Exclude<Outcome, { status: 'full' }>, isLast: boolean): DeliveryState {
  switch (outcome.status) {
    case 'sent':
      return 'sent'
    case 'nobody':
      return 'no_recipients'
    case 'failed':
      return outcome.permanent || isLast ? 'parked' : 'failed'
  }
}

async function send(
  options: DeliverOptions,
  crossing: Crossing,
  job: DeliveryJob,
  isLast: boolean,
): Promise<Outcome> {
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
  if (job.channel !== 'email') return sendToTarget(options, notice, org, target, isLast)
  return sendMail(options, notice, audience, members.get(target), isLast)
}

async function sendMail(
  { senders, receivers }: DeliverOptions,
  notice: Notice,
  audience: Audience,
  member: Parameters<typeof isRecipient>[1] | undefined,
  isLast: boolean,
): Promise<Outcome> {
  if (member === undefined || !isRecipient(audience, member)) return nobody('no longer a recipient')
  const { user, name, email, role } = member
  if (email === null) return nobody('no e-mail address')
  const hideAmounts = audience.hidesAmounts && role !== 'admin'
  return receivers.deliver({ receiver: 'mail', org: null }, isLast, () =>
    senders.email.send({ ...notice, hideAmounts }, { user, name, email }),
  )
}

async function sendToTarget(
  { channels, senders, receivers }: DeliverOptions,
  notice: Notice,
  org: string,
  id: string,
  isLast: boolean,
): Promise<Outcome> {
  const channel = await channels.getChannel(org, id)
  if (channel === null) return nobody('the channel was deleted')
  if (!channel.enabled) return nobody('the channel is switched off')
  const { origin } = new URL(channel.url)
  return receivers.deliver({ receiver: origin, org }, isLast, () => senders.target.send(notice, channel))
}

function nobody(reason: string): Outcome {
  return { status: 'nobody', reason }
}
