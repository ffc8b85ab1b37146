/** One attempt to deliver a notice to one recipient on one channel. What follows from its outcome is decided in retry.ts. */
import type { Crossing } from '../core/crossing.ts'
import type { NotificationMetrics } from './metrics.ts'
import type { RedisClient } from '../store/connection.ts'
import type { ChannelDirectory } from '../directory/channels.ts'
import { membersOf } from '../directory/members.ts'
import type { NoticeLog } from '../outbox/notice-log.ts'
import { readStoreTime } from '../store/clock.ts'
import type { Notice, Senders } from './channels/channel.ts'
import type { DeliveryJob } from './queue.ts'
import type { Deferred, Receivers } from './receivers.ts'
import { isRecipient, readAudience, type Audience } from './recipients.ts'
import {
  afterAttempt,
  isFinal,
  notBefore,
  type AfterAttempt,
  type Outcome,
  type RetrySettings,
} from './retry.ts'

export interface DeliverOptions {
  readonly redis: RedisClient
  readonly log: NoticeLog
  readonly channels: Pick<ChannelDirectory, 'getChannel'>
  readonly senders: Senders
  readonly receivers: Receivers
  readonly retry: RetrySettings
  readonly metrics: NotificationMetrics
  /** The URL of the page, without a trailing slash. */
  readonly pageUrl: string | null
}

/** `deferred`: nothing was attempted. `over`: the delivery needs no attempt any more. */
export type Delivered = AfterAttempt | { readonly state: 'deferred'; readonly delayMs: number } | typeof OVER

const OVER = { state: 'over' } as const

/** `attempt` counts from 1; `isLast` says that a failure of this one is final. Rejects only as the store does. */
export async function deliver(
  options: DeliverOptions,
  job: DeliveryJob,
  attempt: number,
  isLast: boolean,
): Promise<Delivered> {
  const { redis, log, metrics, retry } = options
  const found = await log.find(job.org, job.notice, job)
  // Deleted with its organization, delivered by a worker that died before it said so, or redelivered in a new round.
  if (found === null || found.delivery.round !== job.round || isFinal(found.delivery.state)) return OVER
  const from = notBefore(retry, found.delivery)
  const earlyMs = from === null ? 0 : from - (await readStoreTime(redis))
  if (earlyMs > 0) return { state: 'deferred', delayMs: earlyMs }
  const outcome = await send(options, found.crossing, job, isLast)
  if (outcome.status === 'deferred') return { state: 'deferred', delayMs: outcome.delayMs }
  const after = afterAttempt(outcome, isLast)
  const { state, error } = after
  await log.attempted(found.crossing, job, { round: job.round, state, attempts: attempt, error })
  metrics.notification(job.channel, state)
  return after
}

async function send(
  options: DeliverOptions,
  crossing: Crossing,
  job: DeliveryJob,
  isLast: boolean,
): Promise<Outcome | Deferred> {
  const { redis } = options
  const audience = await readAudience(redis, crossing)
  if (audience === null) return noRecipient('the organization was deleted')
  const { org, target } = job
  if (target === null) return noRecipient('no recipients')
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
): Promise<Outcome | Deferred> {
  if (member === undefined || !isRecipient(audience, member)) return noRecipient('no longer a recipient')
  const { user, name, email, role } = member
  if (email === null) return noRecipient('no e-mail address')
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
): Promise<Outcome | Deferred> {
  const channel = await channels.getChannel(org, id)
  if (channel === null) return noRecipient('the channel was deleted')
  if (!channel.enabled) return noRecipient('the channel is switched off')
  const { origin } = new URL(channel.url)
  return receivers.deliver({ receiver: origin, org }, isLast, () => senders.target.send(notice, channel))
}

function noRecipient(reason: string): Outcome {
  return { status: 'no_recipient', reason }
}
