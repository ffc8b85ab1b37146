/**
 * The log of notifications as admins read it (N4): newest first, page by page, by state and type; and the deliveries of
 * one notice, of which there may be thousands.
 */
import type { Crossing, CrossingType } from '../core/crossing.ts'
import { storeCall, type RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import {
  DELIVERY_STATES,
  readDelivery,
  readMember,
  type Delivery,
  type DeliveryState,
} from '../outbox/notice-log.ts'
import { pipelined } from '../store/pipelined.ts'
import { membersOf } from './members.ts'
import { orgExists } from '../store/org-record.ts'
import { pageOfHash, type Page, type PageRequest } from './page.ts'

export interface NoticeFilter {
  /**
   * Matches notices that have a delivery in this state. A notice whose deliveries are not planned yet counts as
   * `queued`.
   */
  readonly state: DeliveryState | null
  readonly type: CrossingType | null
}

/** A notice, with as many of its deliveries as were requested. */
export interface ShownNotice {
  readonly crossing: Crossing
  /** The user's current name; null for a user without a name or membership, and for the organization. */
  readonly name: string | null
  /** Counts of all deliveries by state; empty until the recipients are decided. */
  readonly counts: Readonly<Record<DeliveryState, number>>
  readonly deliveries: readonly Delivery[]
}

export interface ShownDelivery extends Delivery {
  /** The current name of the user who gets the mail; null for a user without a name or membership, and for channels. */
  readonly name: string | null
}

export interface NoticeDirectory {
  /**
   * Null for an unknown organization. If few notices have the type, a page may have fewer items than requested, or
   * none, and still have a next page: no request scans more than a few thousand notices. `most` limits the deliveries
   * per notice.
   */
  listNotices(
    org: string,
    page: PageRequest & NoticeFilter & { readonly most: number },
  ): Promise<Page<ShownNotice> | null>
  getNotice(org: string, id: string, most: number): Promise<ShownNotice | null>
  /** In the order of channel and recipient, see `pageOfHash`; null if there is no such notice. */
  listDeliveries(
    org: string,
    id: string,
    page: PageRequest & Pick<NoticeFilter, 'state'>,
  ): Promise<Page<ShownDelivery> | null>
}

const CHUNK = 1_000
const MOST_CHUNKS = 5
/** The number of other fields in a notice's hash, which a scan for deliveries also returns. */
const OTHER_FIELDS = 20
const COUNTS = DELIVERY_STATES.map((state) => `n:${state}`)

type Scanned = readonly [cursor: string, flat: readonly string[]]

export function createNoticeDirectory(redis: RedisClient): NoticeDirectory {
  return {
    listNotices: (org, page) =>
      storeCall(async () => ((await orgExists(redis, org)) ? listNotices(redis, org, page) : null)),
    getNotice: (org, id, most) =>
      storeCall(async () => (await readNotices(redis, org, [id], most))[0] ?? null),
    listDeliveries: (org, id, page) => storeCall(() => listDeliveries(redis, org, id, page)),
  }
}

async function listNotices(
  redis: RedisClient,
  org: string,
  { limit, after, state, type, most }: PageRequest & NoticeFilter & { readonly most: number },
): Promise<Page<ShownNotice>> {
  const index = keys.notices(org, state ?? 'all')
  const members: string[] = []
  let at = after
  let next: string | null = null
  for (let chunk = 0; chunk < MOST_CHUNKS && members.length < limit; chunk += 1) {
    const max = at === null ? '+' : `(${at}`
    const size = type === null ? limit + 1 : CHUNK
    const found = await redis.zrange(index, max, '-', 'BYLEX', 'REV', 'LIMIT', 0, size)
    const wanted = found.filter((member) => readMember(member, type).isWanted)
    members.push(...wanted.slice(0, limit - members.length))
    // A short batch is the last one, unless some of what was found does not fit into this page.
    const isLast = found.length < size
    at = members.length === limit ? (members.at(-1) ?? null) : (found.at(-1) ?? at)
    next = isLast && (members.length < limit || at === found.at(-1)) ? null : at
    if (isLast) break
  }
  const ids = members.map((member) => readMember(member, type).id)
  return { items: await readNotices(redis, org, ids, most), next }
}

/** In the order given. A notice that has just expired is left out, although an index may still list it. */
async function readNotices(
  redis: RedisClient,
  org: string,
  ids: readonly string[],
  most: number,
): Promise<ShownNotice[]> {
  const count = 2 * most + OTHER_FIELDS
  const replies = await pipelined(redis, [
    ...ids.map((id) => ['hmget', keys.notice(org, id), 'crossing', ...COUNTS] as const),
    ...(most === 0 ? [] : ids).map(
      (id) => ['hscan', keys.notice(org, id), '0', 'MATCH', 'd:*', 'COUNT', count] as const,
    ),
  ])
  const notices: Omit<ShownNotice, 'name'>[] = []
  for (const [i, id] of ids.entries()) {
    const [crossing, ...counts] = replies[i] as (string | null)[]
    if (crossing === null || crossing === undefined) continue
    notices.push({
      crossing: JSON.parse(crossing) as Crossing,
      counts: countsOf(counts),
      deliveries:
        most === 0 ? [] : await someDeliveries(redis, org, id, most, replies[ids.length + i] as Scanned),
    })
  }
  const users = new Set(notices.flatMap(({ crossing: { user } }) => (user === undefined ? [] : [user])))
  const members = await membersOf(redis, org, [...users])
  return notices.map((notice) => ({
    ...notice,
    name: members.get(notice.crossing.user ?? '')?.name ?? null,
  }))
}

function countsOf(texts: readonly (string | null)[]): ShownNotice['counts'] {
  const entries = DELIVERY_STATES.map((state, i) => [state, Number(texts[i] ?? 0)])
  return Object.fromEntries(entries) as Record<DeliveryState, number>
}

/**
 * All deliveries in order if there are at most `most`. Otherwise any of them, because finding the first ones would mean
 * reading all.
 */
async function someDeliveries(
  redis: RedisClient,
  org: string,
  id: string,
  most: number,
  first: Scanned,
): Promise<Delivery[]> {
  const found = new Map<string, string>()
  let [cursor, flat] = first
  for (;;) {
    for (let at = 0; at + 1 < flat.length; at += 2) found.set((flat[at] ?? '').slice(2), flat[at + 1] ?? '')
    if (cursor === '0' || found.size >= most) break
    ;[cursor, flat] = await redis.hscan(keys.notice(org, id), cursor, 'MATCH', 'd:*', 'COUNT', most)
  }
  return [...found]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, most)
    .map(([name, text]) => readDelivery(name, text))
}

async function listDeliveries(
  redis: RedisClient,
  org: string,
  id: string,
  { state, ...page }: PageRequest & Pick<NoticeFilter, 'state'>,
): Promise<Page<ShownDelivery> | null> {
  const key = keys.notice(org, id)
  if ((await redis.hexists(key, 'crossing')) === 0) return null
  const { items, next } = await pageOfHash(redis, key, page, (field, text) => {
    if (!field.startsWith('d:')) return null
    const delivery = readDelivery(field.slice(2), text)
    return state === null || delivery.state === state ? delivery : null
  })
  const users = items.flatMap(({ channel, target }) =>
    channel === 'email' && target !== null ? [target] : [],
  )
  const members = await membersOf(redis, org, users)
  const nameOf = ({ channel, target }: Delivery): string | null =>
    channel === 'email' ? (members.get(target ?? '')?.name ?? null) : null
  return { items: items.map((delivery) => ({ ...delivery, name: nameOf(delivery) })), next }
}
