/**
 * The log of notifications (N4): each crossing that was relayed, and what became of it on its way to each recipient. It
 * stands in the organization's slot and is written by scripts, so that the counts by state are always those of the
 * deliveries. It is also what makes delivery happen once: an id that was relayed, planned or sent before is known here for
 * longer than any queue remembers its jobs.
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
/** `failed` is tried again, `parked` is not; `no_recipients`: there is nobody, or no address, to send it to. */
export type DeliveryState = (typeof DELIVERY_STATES)[number]

export type DeliveryChannel = 'email' | 'webhook' | 'slack'

/** Where one delivery goes. `target` is a user's id for email, else a channel's; null where nobody is to get it. */
export interface Destination {
  readonly channel: DeliveryChannel
  readonly target: string | null
}

export interface Delivery extends Destination {
  readonly state: DeliveryState
  /** In this round. */
  readonly attempts: number
  /** Counts up when an admin has it sent again. */
  readonly round: number
  readonly at: UnixMs
  readonly error: string | null
}

export interface PlannedDelivery extends Destination {
  /** Why nobody can get it; null where it can be sent. */
  readonly nobody: string | null
}

export interface LoggedNotice {
  readonly crossing: Crossing
  /** When the queue had it; null while it does not. */
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

/** Everything here rejects as its connection does. */
export interface NoticeLog {
  /** Writes crossings of one organization that are not there yet, and says which a queue had before. */
  open(orgCreatedAt: string, crossings: readonly Crossing[]): Promise<'other_org' | readonly OpenedNotice[]>
  /** A queue has these: takes them out of the outbox. */
  relayed(org: string, entries: readonly { readonly entryId: string; readonly id: string }[]): Promise<void>
  /**
   * Decides once where a notice goes, some deliveries at a time until the last of them, and answers what stands in the log
   * of these. `planned`: that was decided before. `gone`: there is no such notice any more.
   */
  plan(
    of: Of,
    deliveries: readonly PlannedDelivery[],
    isLast: boolean,
  ): Promise<'gone' | 'planned' | readonly Delivery[]>
  /** All that was decided, some deliveries at a time; one may come twice. */
  planned(org: string, id: string): AsyncIterable<readonly Delivery[]>
  /** `stale`: it was sent before, or is being sent again since. `gone`: there is no such delivery any more. */
  attempted(of: Of, to: Destination, attempt: Attempt): Promise<'logged' | 'gone' | 'stale'>
  /** A notice with one of its deliveries; null where either is gone. */
  find(org: string, id: string, to: Destination): Promise<{ crossing: Crossing; delivery: Delivery } | null>
  get(org: string, id: string): Promise<LoggedNotice | null>
  /**
   * Puts what reached nobody back in line, and the wish into the outbox: the number of the round that begins. With `only`,
   * that delivery alone, if it failed or was parked.
   */
  redeliver(of: Of, change: Change, only?: Destination): Promise<number | 'nothing' | 'gone'>
}

/** What became of a wish to send again. `off`: somebody else delivers. `nothing`: it was sent, or is still in line. */
export type Redelivery = 'again' | 'nothing' | 'gone' | 'off'

export type OpenedNotice = 'new' | 'known' | 'relayed'

const LETTERS: Readonly<Record<CrossingType, string>> = {
  'org.alert.crossed': 'o',
  'user.alert.crossed': 'u',
  'user.limit.reached': 'l',
}

/** In the indexes: sorts by time, and says enough to pick by type without a look at the notice. */
export function memberOf({ id, type, occurredAt }: Of): string {
  return `${String(Date.parse(occurredAt)).padStart(15, '0')} ${LETTERS[type]} ${id}`
}

/** The id, and whether it is of the type, of a member of the indexes. */
export function readMember(member: string, type: CrossingType | null): { id: string; isWanted: boolean } {
  const [, letter, id = ''] = member.split(' ')
  return { id, isWanted: type === null || LETTERS[type] === letter }
}

// Counted from the crossing, whose time is the store's: a gateway whose clock is ahead must not forget the log.
const life = ({ occurredAt }: Pick<Of, 'occurredAt'>) => ({
  life_ms: NOTICE_LIFE_MS,
  oldest: String(Date.parse(occurredAt) - NOTICE_LIFE_MS).padStart(15, '0'),
})

/** The notice, and the indexes of the states. */
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

/** Of a delivery within its notice; neither users' nor channels' ids hold a space. */
function nameOf({ channel, target }: Destination): string {
  return `${channel} ${target ?? ''}`
}

/** A delivery by its name within the notice, and as a script wrote it. */
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
