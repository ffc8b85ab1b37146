/**
 * Virtual keys: the store has their SHA-256 and nothing else of their secret. A key is listed before it works and stops
 * working before it is unlisted, so that whatever breaks off in between leaves no key that works and cannot be seen.
 */
import { hash, randomBytes } from 'node:crypto'
import { isSource, type Source } from '../core/policy.ts'
import type { UnixMs } from '../core/units.ts'
import { keyHint, mintKey } from '../core/virtual-key.ts'
import { storeCall, type RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import { NO_TAG, tagOf, type Change } from '../store/changes.ts'
import { saveEntry } from './entries.ts'
import { timedId } from './ids.ts'
import { orgExists } from '../store/org-record.ts'
import { readStoreTime } from '../store/clock.ts'
import { entriesOf, pageOfHash, type Page, type PageRequest } from './page.ts'

export const SCOPES = ['traffic', 'admin'] as const
export type Scope = (typeof SCOPES)[number]

/** Whom a key speaks for. */
export interface KeyIdentity {
  readonly keyId: string
  readonly org: string
  /** The owner; null for an app's key that has none. */
  readonly user: string | null
  /** Whether the key is an app's, which names its user per call. */
  readonly app: boolean
  readonly sources: readonly Source[]
  readonly scope: Scope
}

/** What a key is made from. */
export interface KeyDraft {
  readonly name: string
  readonly user: string | null
  readonly app: boolean
  /** At least one; the first is the default of a call. */
  readonly sources: readonly Source[]
  readonly scope: Scope
}

/** A key as lists show it. */
export interface KeyRecord extends KeyDraft {
  readonly id: string
  /** The key's first characters, such as `tg_Ab3d…`. */
  readonly hint: string
  readonly createdAt: UnixMs
}

interface StoredKey extends Omit<KeyRecord, 'id'> {
  readonly sha256: string
}

export type CreateKeyResult =
  | {
      readonly status: 'created'
      readonly record: KeyRecord
      /** Never to be had again. */ readonly key: string
    }
  | { readonly status: 'no_org' }
  | { readonly status: 'no_member' }

/** What the audit log says of a key that is made or revoked, given its public part. */
export type ChangeOfKey = (record: KeyRecord) => Change

export interface KeyDirectory {
  /** The key's user, where it has one, must be a member. */
  createKey(org: string, draft: KeyDraft, by: ChangeOfKey): Promise<CreateKeyResult>
  /** In the order in which they were made; null for an unknown organization. */
  listKeys(org: string, page: PageRequest): Promise<Page<KeyRecord> | null>
  /** Revokes on every gateway; false where there is no such key. */
  revokeKey(org: string, id: string, by: ChangeOfKey): Promise<boolean>
}

/** The hex SHA-256 of a virtual key, under which it is stored. */
export function hashKey(key: string): string {
  return hash('sha256', key, 'hex')
}

/** Whom the hash of a look-up names; null for an empty one, as an unknown key's is. */
export function parseIdentity(fields: Readonly<Record<string, string>>): KeyIdentity | null {
  const { id, org, user, app, sources, scope } = fields
  if (id === undefined || org === undefined) return null
  return {
    keyId: id,
    org,
    user: user === undefined || user === '' ? null : user,
    app: app === '1',
    sources: (sources ?? '').split(',').filter(isSource),
    scope: scope === 'admin' ? 'admin' : 'traffic',
  }
}

export function createKeyDirectory(redis: RedisClient): KeyDirectory {
  return {
    createKey: (org, draft, by) => storeCall(() => createKey(redis, org, draft, by)),
    listKeys: (org, page) =>
      storeCall(async () =>
        (await orgExists(redis, org))
          ? pageOfHash(redis, keys.orgKeys(org), page, (id, json) =>
              toRecord(id, JSON.parse(json) as StoredKey),
            )
          : null,
      ),
    revokeKey: (org, id, by) => storeCall(() => revokeKey(redis, org, id, by)),
  }
}

async function createKey(
  redis: RedisClient,
  org: string,
  draft: KeyDraft,
  by: ChangeOfKey,
): Promise<CreateKeyResult> {
  const key = mintKey(randomBytes)
  const sha256 = hashKey(key)
  const createdAt = await readStoreTime(redis)
  const id = timedId('key', createdAt)
  const stored: StoredKey = { ...draft, hint: keyHint(key), createdAt, sha256 }
  const record = toRecord(id, stored)
  const text = JSON.stringify(stored)
  // Without a user it is an app's, which needs nobody.
  const entry = { hash: keys.orgKeys(org), field: id, text, member: draft.user ?? '' }
  const saved = await saveEntry(redis, org, entry, { expected: NO_TAG, change: by(record) })
  if (saved === 'no_org' || saved === 'no_member') return { status: saved }
  if (saved === 'conflict') throw new Error(`the id ${id} was made twice`)
  await redis.hset(keys.virtualKey(sha256), {
    id,
    org,
    user: draft.user ?? '',
    app: draft.app ? '1' : '0',
    sources: draft.sources.join(','),
    scope: draft.scope,
  })
  // Deleted since the look: a later organization of this id must not find a key of this one.
  if (!(await orgExists(redis, org))) {
    await disable(redis, stored)
    await redis.hdel(keys.orgKeys(org), id)
    return { status: 'no_org' }
  }
  return { status: 'created', record, key }
}

function toRecord(id: string, { name, user, app, sources, scope, hint, createdAt }: StoredKey): KeyRecord {
  return { id, name, user, app, sources, scope, hint, createdAt }
}

/** The listing goes last: as long as it is there, revoking can be asked again, and tells every gateway again. */
async function revokeKey(redis: RedisClient, org: string, id: string, by: ChangeOfKey): Promise<boolean> {
  const text = await redis.hget(keys.orgKeys(org), id)
  if (text === null) return false
  const stored = JSON.parse(text) as StoredKey
  await disable(redis, stored)
  const change = by(toRecord(id, stored))
  // A key never changes, so a conflict says that somebody else has revoked it meanwhile, as does an organization that is gone.
  await saveEntry(
    redis,
    org,
    { hash: keys.orgKeys(org), field: id, text: null },
    { expected: tagOf(text), change },
  )
  return true
}

/** From here on the key opens nothing, on any gateway. */
async function disable(redis: RedisClient, { sha256 }: StoredKey): Promise<void> {
  await redis.del(keys.virtualKey(sha256))
  await redis.publish(keys.KEY_INVALIDATIONS, sha256)
}

/** As the organization goes: its listing goes with everything else of it. */
export async function disableAllKeys(redis: RedisClient, org: string): Promise<void> {
  for await (const [, json] of entriesOf(redis, keys.orgKeys(org)))
    await disable(redis, JSON.parse(json) as StoredKey)
}
