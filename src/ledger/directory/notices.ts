/** The log of notifications as admins read it (N4): newest first, page by page, by state and type. */
import type { CrossingType } from '../../core/crossing.ts'
import { storeCall, type RedisClient } from '../connection.ts'
import * as keys from '../keys.ts'
import { readMember, readNotice, type DeliveryState, type LoggedNotice } from '../notice-log.ts'
import { orgExists } from './org-record.ts'
import type { Page, PageRequest } from './page.ts'

export interface NoticeFilter {
  /** Has a delivery in this state; `queued` also where none was planned yet. */
  readonly state: DeliveryState | null
  readonly type: CrossingType | null
}

export interface NoticeDirectory {
  /**
   * Null for an unknown organization. Where few notices are of the type, a page may have fewer than were asked for, or
   * none, and still have a next one: no request looks through more than a few thousand.
   */
  listNotices(org: string, page: PageRequest & NoticeFilter): Promise<Page<LoggedNotice> | null>
  getNotice(org: string, id: string): Promise<LoggedNotice | null>
}

const CHUNK = 1_000
const MOST_CHUNKS = 5

export function createNoticeDirectory(redis: RedisClient): NoticeDirectory {
  return {
    listNotices: (org, page) =>
      storeCall(async () => ((await orgExists(redis, org)) ? listNotices(redis, org, page) : null)),
    getNotice: (org, id) => storeCall(() => readNotice(redis, org, id)),
  }
}

async function listNotices(
  redis: RedisClient,
  org: string,
  { limit, after, state, type }: PageRequest & NoticeFilter,
): Promise<Page<LoggedNotice>> {
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
  const notices = await Promise.all(
    members.map((member) => readNotice(redis, org, readMember(member, type).id)),
  )
  // One that has just come to its end is gone although the index still has it.
  return { items: notices.filter((notice) => notice !== null), next }
}
