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
  /** Has a delivery in this state; `queued` also where none was planned yet. */
  readonly state: DeliveryState | null
  readonly type: CrossingType | null
}

/** A notice, with no more of its deliveries than were asked for. */
export interface ShownNotice {
  readonly crossing: Crossing
  /** What its user is called now; null for who has no name or is no member any more, and for the organization. */
  readonly name: string | null
  /** Of all its deliveries; nothing before it was decided who is told. */
  readonly counts: Readonly<Record<DeliveryState, number>>
  readonly deliveries: readonly Delivery[]
}

export interface ShownDelivery extends Delivery {
  /** What the user is called now who gets the mail; null for who has no name or is no member any more, and for channels. */
  readonly name: string | null
}

export interface NoticeDirectory {
  /**
   * Null for an unknown organization. Where few notices are of the type, a page may have fewer than were asked for, or
   * none, and still have a next one: no request looks through more than a few thousand. `most` deliveries of each notice.
   */
  listNotices(
    org: string,
    page: PageRequest & NoticeFilter & { readonly most: number },
  ): Promise<Page<ShownNotice> | null>
  getNotice(org: string, id: string, most: number): Promise<ShownNotice | null>
  /** In order of channel and recipient, as `pageOfHash` has it; null where there is no such notice. */
  listDeliveries(
    org: string,
    id: string,
    page: PageRequest & Pick<NoticeFilter, 'state'>,
  ): Promise<Page<ShownDelivery> | null>
}

const CHUNK = 1_000
const MOST_CHUNKS = 5
/** Of a notice, beside its deliveries: what a scan for some of these comes across as well. */
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
    // Nothing behind it: that was the end, unless some of what was found does not fit into this page.
    const isLast = found.length < size
    at = members.length === limit ? (members.at(-1) ?? null) : (found.at(-1) ?? at)
    next = isLast && (members.length < limit || at === found.at(-1)) ? null : at
    if (isLast) break
  }
  const ids = members.map((member) => readMember(member, type).id)
  return { items: await readNotices(redis, org, ids, most), next }
}

/** In their order. One that has just come to its end is gone although an index still has it. */
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

/** All of them in order where there are not more than `most`; else any, since the first could only be told by reading all. */
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
