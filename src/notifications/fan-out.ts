/** Plans and queues a delivery of a crossing for each recipient and channel. The recipients are decided once. */
import type { Crossing } from '../core/crossing.ts'
import type { NotificationMetrics } from './metrics.ts'
import type { RedisClient } from '../store/connection.ts'
import type { ChannelDirectory } from '../directory/channels.ts'
import type { Member } from '../directory/members.ts'
import type { Delivery, NoticeLog, PlannedDelivery } from '../outbox/notice-log.ts'
import type { Queues } from './queue.ts'
import { readAudience, recipientsOf } from './recipients.ts'

export interface FanOutOptions {
  readonly redis: RedisClient
  readonly log: NoticeLog
  readonly channels: Pick<ChannelDirectory, 'listEnabled'>
  readonly queues: Queues
  readonly metrics: NotificationMetrics
}

/** Recipients that are planned and queued in one step, so that thousands of them do not block the store. */
const CHUNK = 500

/**
 * Idempotent: after a crash in the middle, or when a crossing comes twice, the planned deliveries stay as they are, and only
 * those in state `queued` are queued again, under the same ids.
 */
export async function fanOut(options: FanOutOptions, crossing: Crossing): Promise<void> {
  const { log, metrics } = options
  const all = await planOf(options, crossing)
  for (let from = 0; from < all.length; from += CHUNK) {
    const chunk = all.slice(from, from + CHUNK)
    const deliveries = await log.plan(crossing, chunk, from + CHUNK >= all.length)
    // The organization is gone, and its log with it.
    if (deliveries === 'gone') return
    if (deliveries === 'planned') return queueAgain(options, crossing)
    for (const { channel, state } of deliveries) {
      if (state === 'queued' || state === 'no_recipients') metrics.notification(channel, state)
    }
    await queue(options, crossing, deliveries)
  }
}

async function queueAgain(options: FanOutOptions, crossing: Crossing): Promise<void> {
  for await (const deliveries of options.log.planned(crossing.org, crossing.id)) {
    await queue(options, crossing, deliveries)
  }
}

async function queue(
  { queues }: FanOutOptions,
  { org, id }: Crossing,
  deliveries: readonly Delivery[],
): Promise<void> {
  await queues.addDeliveries(
    deliveries
      .filter(({ state }) => state === 'queued')
      .map(({ channel, target, round }) => ({ org, notice: id, channel, target, round })),
  )
}

/** A delivery for each current recipient and each enabled channel. */
async function planOf({ redis, channels }: FanOutOptions, crossing: Crossing): Promise<PlannedDelivery[]> {
  const audience = await readAudience(redis, crossing)
  if (audience === null) return []
  const recipients = await recipientsOf(redis, crossing.org, audience)
  const mails = oneOfEachMailbox(recipients).map(({ user, email }): PlannedDelivery => {
    return { channel: 'email', target: user, nobody: email === null ? 'no e-mail address' : null }
  })
  if (mails.length === 0) {
    const nobody =
      audience.recipients === null ? 'the alert was deleted' : 'none of the recipients is an admin'
    mails.push({ channel: 'email', target: null, nobody })
  }
  const targets = await channels.listEnabled(crossing.org)
  return [...mails, ...targets.map(({ kind, id }) => ({ channel: kind, target: id, nobody: null }))]
}

const rank = (role: Member['role']): number => (role === 'admin' ? 0 : 1)

/**
 * Admins may share a mailbox, which gets one mail. Admins come first, because their mails show amounts. The order is always the
 * same, because a plan that was interrupted is made again.
 */
function oneOfEachMailbox(recipients: readonly Member[]): Member[] {
  const known = new Set<string>()
  return [...recipients]
    .sort((a, b) => rank(a.role) - rank(b.role) || (a.user < b.user ? -1 : 1))
    .filter(({ email }) => {
      if (email === null) return true
      const mailbox = email.toLowerCase()
      const isNew = !known.has(mailbox)
      known.add(mailbox)
      return isNew
    })
}
