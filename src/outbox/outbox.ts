/** The outbox of an organization: crossings in the order in which the scripts recorded them, until a queue has them (N1). */
import type { UnixMs } from '../core/units.ts'
import type { RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import type { OrgField } from '../store/org-fields.ts'
import { scanned } from '../store/scanning.ts'
import { takeTurn } from '../store/turn.ts'

export interface OutboxEntry {
  /** Of the stream; it begins with the time at which it was recorded. */
  readonly entryId: string
  readonly fields: Readonly<Record<string, string>>
}

export interface OutboxPage {
  /** When the organization was created whose entries these are, in digits as stored. */
  readonly orgCreatedAt: string
  readonly entries: readonly OutboxEntry[]
}

const CREATED_AT = 'created_at' satisfies OrgField

/** The oldest entries behind `after` (null: from the start); null where the organization does not exist any more. */
export async function readOutbox(
  redis: RedisClient,
  org: string,
  after: string | null,
  count: number,
): Promise<OutboxPage | null> {
  // In one step: entries of an organization that was deleted must not pass for those of one made anew under its id.
  const replies = await redis
    .multi()
    .hget(keys.org(org), CREATED_AT)
    .xrange(keys.outbox(org), after === null ? '-' : `(${after}`, '+', 'COUNT', count)
    .exec()
  const [[createdError, createdAt], [entriesError, entries]] = (replies ?? []) as [
    [Error | null, string | null],
    [Error | null, [string, string[]][]],
  ]
  if (createdError !== null) throw createdError
  if (entriesError !== null) throw entriesError
  if (createdAt === null) return null
  return {
    orgCreatedAt: createdAt,
    entries: entries.map(([entryId, flat]) => ({ entryId, fields: fieldsOf(flat) })),
  }
}

/** Takes out entries that need no mark of their own. */
export async function dropFromOutbox(
  redis: RedisClient,
  org: string,
  entryIds: readonly string[],
): Promise<void> {
  if (entryIds.length > 0) await redis.xdel(keys.outbox(org), ...entryIds)
}

function fieldsOf(flat: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {}
  for (let i = 0; i + 1 < flat.length; i += 2) fields[flat[i] ?? ''] = flat[i + 1] ?? ''
  return fields
}

/** When the oldest entry was recorded; null where there is none. */
export async function oldestInOutbox(redis: RedisClient, org: string): Promise<UnixMs | null> {
  const [first] = await redis.xrange(keys.outbox(org), '-', '+', 'COUNT', 1)
  return first === undefined ? null : recordedAt(first[0])
}

export function recordedAt(entryId: string): UnixMs {
  return Number(entryId.slice(0, entryId.indexOf('-'))) as UnixMs
}

/** Ids of all organizations, some at a time: what a sweep goes through. */
export function registeredOrgs(redis: RedisClient): AsyncGenerator<readonly string[]> {
  return scanned((cursor) => redis.sscan(keys.ORGS, cursor, 'COUNT', 200))
}

/**
 * Lets one gateway at a time look through all outboxes: true for the one whose turn it is for `ms`. What it finds in the
 * end, the time of the oldest entry that it had to leave, is left here for the others.
 */
export function takeSweep(redis: RedisClient, ms: number): Promise<boolean> {
  return takeTurn(redis, keys.OUTBOX_SWEEP, ms)
}

export async function reportSweep(redis: RedisClient, oldest: UnixMs | null): Promise<void> {
  // A sweep may have taken longer than its turn: made anew here, the key would live for ever, and nobody would sweep again.
  await redis.call('SET', keys.OUTBOX_SWEEP, String(oldest ?? 0), 'XX', 'KEEPTTL')
}

/** What the last sweep had to leave; undefined where none has ended yet. */
export async function lastSweep(redis: RedisClient): Promise<UnixMs | null | undefined> {
  const text = await redis.get(keys.OUTBOX_SWEEP)
  if (text === null || text === '') return undefined
  return text === '0' ? null : (Number(text) as UnixMs)
}
