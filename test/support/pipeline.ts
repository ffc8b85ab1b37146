/** The whole path from a charge to a receiver in this process, on a real store, with the test's own senders. */
import type { Test } from 'tap'
import { wholeCredits } from '../../src/core/units.ts'
import { connect, type RedisClient } from '../../src/store/connection.ts'
import { createChannelDirectory } from '../../src/directory/channels.ts'
import * as keys from '../../src/store/keys.ts'
import { createNoticeLog, type Delivery } from '../../src/outbox/notice-log.ts'
import { createStoreClock } from '../../src/store/clock.ts'
import type { Senders } from '../../src/notifications/channels/channel.ts'
import { startNotices, type NoticesOptions } from '../../src/notifications/notifications.ts'
import { readMember } from '../../src/outbox/notice-log.ts'
import { CHANGE } from './changes.ts'
import { charge, createOrg, holdOf, openLedger, reservation, silent } from './ledger.ts'

export interface Pipeline {
  /** Creates an organization in which each user's first charge passes the alert; `admins` get mail. */
  createOrg(org: string, users: readonly string[], admins?: readonly string[]): Promise<void>
  addWebhook(org: string, url: string): Promise<void>
  /** Makes each of the users cross the alert. */
  cross(org: string, users: readonly string[]): Promise<void>
  /** Every delivery of every notice of the organization. */
  deliveries(org: string): Promise<readonly Delivery[]>
}

export const NOTICES_SETTINGS: NoticesOptions['settings'] = {
  mailDir: '',
  allowTargets: [],
  deliver: true,
  attempts: 15,
  backoffSeconds: 0.05,
  maxBackoffSeconds: 0.2,
  concurrency: 10,
  perDestination: 4,
  perSecond: 10_000,
  lockSeconds: 30,
  sweepSeconds: 1,
}

export async function startPipeline(
  t: Test,
  redis: RedisClient,
  url: string,
  senders: Senders,
  settings: Partial<NoticesOptions['settings']> = {},
): Promise<Pipeline> {
  const opened: RedisClient[] = []
  const notices = startNotices({
    store: {
      isUp: () => true,
      open(purpose) {
        const client = connect({ url }, purpose)
        client.on('error', () => undefined)
        opened.push(client)
        return client
      },
    },
    settings: { ...NOTICES_SETTINGS, ...settings },
    clock: createStoreClock(),
    publicUrl: null,
    senders,
    metrics: { notification: () => undefined },
    logger: silent,
  })
  const ledger = await openLedger(redis, { onCrossings: (org) => notices.wake(org) })
  t.teardown(async () => {
    ledger.close()
    // A delivery that hangs in a test never ends.
    await notices.stopDelivering(0)
    for (const client of opened) client.disconnect()
  })
  const log = createNoticeLog(redis)
  const channels = createChannelDirectory(redis)
  return {
    async createOrg(org, users, admins = []) {
      const fields = { alert_on: '1', alert_mark: String(wholeCredits(1)), alert_version: '1' }
      await createOrg(redis, org, { members: users, limit: null, fields })
      await addAdmins(redis, org, admins)
    },
    async addWebhook(org, target) {
      const draft = { kind: 'webhook', name: null, url: target, enabled: true } as const
      await channels.createChannel(org, draft, () => CHANGE)
    },
    async cross(org, users) {
      await Promise.all(
        users.map(async (user) =>
          ledger.settle(holdOf(await ledger.reserve(reservation(org, 2, { user }))), charge(2)),
        ),
      )
      await ledger.drained(10_000)
    },
    async deliveries(org) {
      const members = await redis.zrange(keys.notices(org, 'all'), 0, -1)
      const found = await Promise.all(members.map((member) => log.get(org, readMember(member, null).id)))
      return found.flatMap((notice) => notice?.deliveries ?? [])
    },
  }
}

/** Adds admins as the admin plane writes them, many at once. */
export async function addAdmins(redis: RedisClient, org: string, users: readonly string[]): Promise<void> {
  for (let from = 0; from < users.length; from += 500) {
    const some = users.slice(from, from + 500)
    const texts = some.map((user) => [
      user,
      JSON.stringify({ email: mailOf(org, user), name: null, role: 'admin' }),
    ])
    await redis.hset(keys.members(org), ...texts.flat())
    await redis.sadd(keys.admins(org), ...some)
  }
}

export const mailOf = (org: string, user: string): string => `${user}@${org}.example`
