/**
 * The log of notifications (N4): each relayed crossing, and the state of its delivery to each recipient. It is stored
 * in the organization's slot and written by scripts, so that the counts by state always match the deliveries. It also
 * prevents duplicate deliveries: it keeps each relayed, planned or sent id for longer than any queue keeps its jobs.
 */
import type { Crossing, CrossingType } from '../core/crossing.ts'
import type { UnixMs } from '../core/units.ts'
import type { RedisClient } from '../store/connection.ts'
import { changeArgs, type Change } from '../store/changes.ts'
import * as keys from '../store/keys.ts'
import { scanned } from '../store/scanning.ts'
import { runScript } from '../store/scripts.ts'
import { NOTICE_LIFE_MS } from '../store/lifetimes.ts'

/** Deliveries that are read at a time. */
const SCANNED = 500

export const DELIVERY_STATES = ['queued', 'sent', 'failed', 'parked', 'no_recipients'] as const
/** `failed` is retried, `parked` is not. `no_recipients`: there is no recipient, or none with an address. */
export type DeliveryState = (typeof DELIVERY_STATES)[number]

export type DeliveryChannel = 'email' | 'webhook' | 'slack'

/**
 * The destination of one delivery. `target` is a user's id for email, otherwise a channel's; null if there is no
 * recipient.
 */
export interface Destination {
  readonly channel: DeliveryChannel
  readonly target: string | null
}

export interface Delivery extends Destination {
  readonly state: DeliveryState
  /** Attempts in this round. */
  readonly attempts: number
  /** Increases when an admin sends the delivery again. */
  readonly round: number
  readonly at: UnixMs
  readonly error: string | null
}

export interface PlannedDelivery extends Destination {
  /** Why there is no recipient; null if the notification can be sent. */
  readonly nobody: string | null
}

export interface LoggedNotice {
  readonly crossing: Crossing
  /** When the crossing was added to the queue; null before that. */
  readonly relayedAt: UnixMs | null
  readonly deliveries: readonly Delivery[]
}

export interface Attempt {
  readonly round: number
  readonly state: DeliveryState
  readonly attempts: number
  readonly error: string | null
}

type Of = Pick<Crossing, 'id' | 'org' | 'type' | 'occurredAt'>

/** Every function rejects if its connection fails. */
export interface NoticeLog {
  /** Adds crossings of one organization that are not in the log yet, and says which of them a queue had before. */
  open(orgCreatedAt: string, crossings: readonly Crossing[]): Promise<'other_org' | readonly OpenedNotice[]>
  /** Removes entries from the outbox after a queue has accepted them. */
  relayed(org: string, entries: readonly { readonly entryId: string; readonly id: string }[]): Promise<void>
  /**
   * Decides once where a notification goes, in batches, the last of which ends the plan. Returns the deliveries as the
   * log has them. `planned`: they were decided before. `gone`: the notification is no longer in the log.
   */
  plan(
    of: Of,
    deliveries: readonly PlannedDelivery[],
    isLast: boolean,
  ): Promise<'gone' | 'planned' | readonly Delivery[]>
  /** All planned deliveries, in batches; one may come twice. */
  planned(org: string, id: string): AsyncIterable<readonly Delivery[]>
  /** `stale`: it was sent before, or is being sent again since. `gone`: the delivery is no longer in the log. */
  attempted(of: Of, to: Destination, attempt: Attempt): Promise<'logged' | 'gone' | 'stale'>
  /** A notification with one of its deliveries; null if either is gone. */
  find(org: string, id: string, to: Destination): Promise<{ crossing: Crossing; delivery: Delivery } | null>
  get(org: string, id: string): Promise<LoggedNotice | null>
  /**
   * Queues the deliveries again that reached no one, and writes the request into the outbox. Returns the number of the
   * new round. With `only`, that delivery alone, if it failed or was parked.
   */
  redeliver(of: Of, change: Change, only?: Destination): Promise<number | 'nothing' | 'gone'>
}

/**
 * The result of a request to send again. `off`: another process delivers. `nothing`: it was sent, or is still queued.
 */
export type Redelivery = 'again' | 'nothing' | 'gone' | 'off'

export type OpenedNotice = 'new' | 'known' | 'relayed'

const LETTERS: Readonly<Record<CrossingType, string>> = {
  'org.alert.crossed': 'o',
  'user.alert.crossed': 'u',
  'user.limit.reached': 'l',
}

/**
 * The member of the indexes: it sorts by time, and contains the type, so that a filter by type need not read the
 * notification.
 */
export function memberOf({ id, type, occurredAt }: Of): string {
  return `${String(Date.parse(occurredAt)).padStart(15, '0')} ${LETTERS[type]} ${id}`
}

/** Parses a member of the indexes: the id, and whether it has the type. */
export function readMember(member: string, type: CrossingType | null): { id: string; isWanted: boolean } {
  const [, letter, id = ''] = member.split(' ')
  return { id, isWanted: type === null || LETTERS[type] === letter }
}

// Lifetimes count from the crossing, whose time is the store's: a gateway with a fast clock must not expire the log
// early.
const life = ({ occurredAt }: Pick<Of, 'occurredAt'>) => ({
  life_ms: NOTICE_LIFE_MS,
  oldest: String(Date.parse(occurredAt) - NOTICE_LIFE_MS).padStart(15, '0'),
})

/** The key of the notification, and those of the indexes by state. */
const keysOf = ({ org, id }: Of) => ({
  notice: keys.notice(org, id),
  queued: keys.notices(org, 'queued'),
  sent: keys.notices(org, 'sent'),
  failed: keys.notices(org, 'failed'),
  parked: keys.notices(org, 'parked'),
  no_recipients: keys.notices(org, 'no_recipients'),
})

export function createNoticeLog(redis: RedisClient): NoticeLog {
  return {
    async open(orgCreatedAt, crossings) {
      const [first] = crossings
      if (first === undefined) return []
      const { org } = first
      return (await runScript(redis, 'open-notices', {
        keys: { org: keys.org(org), all: keys.notices(org, 'all'), queued: keys.notices(org, 'queued') },
        keyLists: { notices: crossings.map(({ id }) => keys.notice(org, id)) },
        args: { org_created_at: orgCreatedAt, ...life(first) },
        items: crossings.map((one) => ({ member: memberOf(one), crossing: JSON.stringify(one) })),
      })) as 'other_org' | OpenedNotice[]
    },
    async relayed(org, entries) {
      if (entries.length === 0) return
      await runScript(redis, 'relayed', {
        keys: { outbox: keys.outbox(org) },
        keyLists: { notices: entries.map(({ id }) => keys.notice(org, id)) },
        lists: { entries: entries.map(({ entryId }) => entryId) },
      })
    },
    async plan(of, deliveries, isLast) {
      const reply = await runScript(redis, 'plan-deliveries', {
        keys: keysOf(of),
        args: { member: memberOf(of), ...life(of), is_last: isLast ? '1' : '' },
        items: deliveries.map((delivery) => ({
          name: nameOf(delivery),
          state: delivery.nobody === null ? 'queued' : 'no_recipients',
          reason: delivery.nobody ?? '',
        })),
      })
      if (reply === 'gone' || reply === 'planned') return reply
      const texts = reply as readonly string[]
      return deliveries.map((delivery, i) => readDelivery(nameOf(delivery), texts[i] ?? ''))
    },
    planned: (org, id) => readDeliveries(redis, org, id),
    async attempted(of, to, { round, state, attempts, error }) {
      const outcome = { name: nameOf(to), round, state, attempts, error: error ?? '' }
      return (await runScript(redis, 'log-delivery', {
        keys: keysOf(of),
        args: { member: memberOf(of), ...life(of), ...outcome },
      })) as 'logged' | 'gone' | 'stale'
    },
    async find(org, id, to) {
      const [crossing, text] = await redis.hmget(keys.notice(org, id), 'crossing', `d:${nameOf(to)}`)
      if (crossing === null || crossing === undefined || text === null || text === undefined) return null
      return { crossing: JSON.parse(crossing) as Crossing, delivery: readDelivery(nameOf(to), text) }
    },
    get: (org, id) => readNotice(redis, org, id),
    async redeliver(of, change, only) {
      const wanted = { id: of.id, only: only === undefined ? '' : nameOf(only) }
      const answer = await runScript(redis, 'redeliver', {
        keys: { ...keysOf(of), audit: keys.audit(of.org), outbox: keys.outbox(of.org) },
        args: { member: memberOf(of), ...life(of), ...wanted, ...changeArgs(change) },
      })
      const reply = String(answer)
      return reply === 'nothing' || reply === 'gone' ? reply : Number(reply)
    },
  }
}

async function* readDeliveries(
  redis: RedisClient,
  org: string,
  id: string,
): AsyncGenerator<readonly Delivery[]> {
  const key = keys.notice(org, id)
  for await (const flat of scanned((cursor) => redis.hscan(key, cursor, 'MATCH', 'd:*', 'COUNT', SCANNED)))
    yield flat.flatMap((name, i) => (i % 2 === 0 ? [readDelivery(name.slice(2), flat[i + 1] ?? '')] : []))
}

export async function readNotice(redis: RedisClient, org: string, id: string): Promise<LoggedNotice | null> {
  const hash = await redis.hgetall(keys.notice(org, id))
  const { crossing, relayed } = hash
  if (crossing === undefined) return null
  return {
    crossing: JSON.parse(crossing) as Crossing,
    relayedAt: relayed === undefined ? null : (Number(relayed) as UnixMs),
    deliveries: Object.entries(hash)
      .filter(([name]) => name.startsWith('d:'))
      .map(([name, text]) => readDelivery(name.slice(2), text))
      .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)),
  }
}

/** The name of a delivery within its notification; ids of users and channels contain no spaces. */
function nameOf({ channel, target }: Destination): string {
  return `${channel} ${target ?? ''}`
}

/** Parses a delivery from its name and the text that a script wrote. */
export function readDelivery(name: string, text: string): Delivery {
  const [channel = '', target = ''] = name.split(' ')
  const [state = '', attempts, round, at, ...error] = text.split(' ')
  return {
    channel: channel as DeliveryChannel,
    target: target === '' ? null : target,
    state: state as DeliveryState,
    attempts: Number(attempts),
    round: Number(round),
    at: Number(at) as UnixMs,
    error: error.length === 0 || error[0] === '' ? null : error.join(' '),
  }
}
