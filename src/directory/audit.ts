/** Reads the audit log: newest first, in pages or whole (A3). The scripts that make the changes write it. */
import type { UnixMs } from '../core/units.ts'
import { storeCall, type RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import type { Page } from './page.ts'
import { orgExists } from '../store/org-record.ts'
import { readStoreTime } from '../store/clock.ts'
import { AUDIT_LIFE_MS } from '../store/lifetimes.ts'

export interface AuditEntry {
  readonly id: string
  readonly at: UnixMs
  readonly actor: string
  readonly action: string
  readonly target: string
  readonly before: unknown
  readonly after: unknown
}

/** Matches entries with all of these values; null matches any. */
export interface AuditFilter {
  readonly actor: string | null
  readonly action: string | null
  readonly target: string | null
}

export interface AuditQuery extends AuditFilter {
  readonly limit: number
  /** The id of the entry after which the page starts. */
  readonly after: string | null
}

export interface AuditDirectory {
  /**
   * Reads the log of an organization, or with null the operator's own. A page scans a bounded number of entries, so it
   * may hold fewer entries than `limit` and still have a `next`. Null for an unknown organization.
   */
  listAudit(org: string | null, query: AuditQuery): Promise<Page<AuditEntry> | null>
  /** All matching entries, newest first, read as they are consumed; null for an unknown organization. */
  exportAudit(org: string | null, filter: AuditFilter): Promise<AsyncIterable<AuditEntry> | null>
}

const BATCH = 500
/** The most entries that one page scans. */
const MOST_LOOKED_AT = 10_000
const ENTRY_ID = /^\d{1,15}-\d{1,15}$/

/** Whether a text can be the id of an entry. */
export function isAuditId(text: string): boolean {
  return ENTRY_ID.test(text)
}

export function createAuditDirectory(redis: RedisClient): AuditDirectory {
  return {
    listAudit: (org, query) =>
      storeCall(async () => {
        const key = await logOf(redis, org)
        return key === null ? null : listAudit(redis, key, query)
      }),
    exportAudit: (org, filter) =>
      storeCall(async () => {
        const key = await logOf(redis, org)
        return key === null ? null : matching(redis, key, filter)
      }),
  }
}

async function logOf(redis: RedisClient, org: string | null): Promise<string | null> {
  if (org === null) return keys.OPERATOR_AUDIT
  return (await orgExists(redis, org)) ? keys.audit(org) : null
}

async function listAudit(
  redis: RedisClient,
  key: string,
  { limit, after, ...filter }: AuditQuery,
): Promise<Page<AuditEntry>> {
  const items: AuditEntry[] = []
  let lookedAt = 0
  for await (const entry of entriesBefore(redis, key, after)) {
    // There is one more entry, so the page ends with its last item.
    if (items.length === limit) return { items, next: items.at(-1)?.id ?? null }
    lookedAt += 1
    if (matches(entry, filter)) items.push(entry)
    if (lookedAt === MOST_LOOKED_AT) return { items, next: entry.id }
  }
  return { items, next: null }
}

async function* matching(redis: RedisClient, key: string, filter: AuditFilter): AsyncGenerator<AuditEntry> {
  for await (const entry of entriesBefore(redis, key, null)) if (matches(entry, filter)) yield entry
}

/** From the newest entry, or from the one before `after`, to the oldest that is kept. */
async function* entriesBefore(
  redis: RedisClient,
  key: string,
  after: string | null,
): AsyncGenerator<AuditEntry> {
  const oldest = (await readStoreTime(redis)) - AUDIT_LIFE_MS
  let from = after === null ? '+' : `(${after}`
  for (;;) {
    const batch = await storeCall(() => redis.xrevrange(key, from, oldest, 'COUNT', BATCH))
    for (const [id, fields] of batch) yield parseEntry(id, fields)
    const last = batch.at(-1)
    if (last === undefined || batch.length < BATCH) return
    from = `(${last[0]}`
  }
}

function matches(entry: AuditEntry, filter: AuditFilter): boolean {
  return (['actor', 'action', 'target'] as const).every(
    (field) => filter[field] === null || filter[field] === entry[field],
  )
}

function parseEntry(id: string, flat: readonly string[]): AuditEntry {
  const fields = new Map<string, string>()
  for (let index = 0; index + 1 < flat.length; index += 2)
    fields.set(flat[index] ?? '', flat[index + 1] ?? '')
  const text = (name: string): string => fields.get(name) ?? ''
  return {
    id,
    at: Number(text('at')) as UnixMs,
    actor: text('actor'),
    action: text('action'),
    target: text('target'),
    before: JSON.parse(fields.get('before') ?? 'null') as unknown,
    after: JSON.parse(fields.get('after') ?? 'null') as unknown,
  }
}
