/** The outbox of an organization: crossings in the order in which the scripts recorded them, until a queue has them (N1). */
import type { UnixMs } from '../core/units.ts'
import type { RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import type { OrgField } from '../store/org-fields.ts'
import { scanned } from '../store/scanning.ts'
import { takeTurn } from '../store/turn.ts'

export interface OutboxEntry {
  /** The id in the stream; it begins with the time of recording. */
  readonly entryId: string
  readonly fields: Readonly<Record<string, string>>
}

export interface OutboxPage {
  /** When the organization that owns the entries was created, as stored. */
  readonly orgCreatedAt: string
  readonly entries: readonly OutboxEntry[]
}

const CREATED_AT = 'created_at' satisfies OrgField

/** The oldest entries after `after` (null: from the start); null if the organization no longer exists. */
export async function readOutbox(
  redis: RedisClient,
  org: string,
  after: string | null,
  count: number,
): Promise<OutboxPage | null> {
  // One step, because entries of a deleted organization must not be attributed to a new one with the same id.
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

/** Removes entries that need no record in the log. */
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

/** When the oldest entry was recorded; null if there is none. */
export async function oldestInOutbox(redis: RedisClient, org: string): Promise<UnixMs | null> {
  const [first] = await redis.xrange(keys.outbox(org), '-', '+', 'COUNT', 1)
  return first === undefined ? null : recordedAt(first[0])
}

export function recordedAt(entryId: string): UnixMs {
  return Number(entryId.slice(0, entryId.indexOf('-'))) as UnixMs
}

/** The ids of all organizations, in batches, for a sweep. */
export function registeredOrgs(redis: RedisClient): AsyncGenerator<readonly string[]> {
  return scanned((cursor) => redis.sscan(keys.ORGS, cursor, 'COUNT', 200))
}

/**
 * Elects the gateway that sweeps all outboxes: true for one gateway per `ms`. The sweep stores its result, the time of
 * the oldest entry that it could not relay, for the other gateways.
 */
export function takeSweep(redis: RedisClient, ms: number): Promise<boolean> {
  return takeTurn(redis, keys.OUTBOX_SWEEP, ms)
}

export async function reportSweep(redis: RedisClient, oldest: UnixMs | null): Promise<void> {
  // A sweep may have taken longer than its turn. If this call created the key anew, it would never expire, and no
  // gateway would sweep again.
  await redis.call('SET', keys.OUTBOX_SWEEP, String(oldest ?? 0), 'XX', 'KEEPTTL')
}

/** The result of the last sweep; undefined if none has ended yet. */
export async function lastSweep(redis: RedisClient): Promise<UnixMs | null | undefined> {
  const text = await redis.get(keys.OUTBOX_SWEEP)
  if (text === null || text === '') return undefined
  return text === '0' ? null : (Number(text) as UnixMs)
}
