/**
 * Virtual keys. The store has only the SHA-256 of a key. A key is listed before it works, and stops working before it
 * is removed from the list. So an interruption in between never leaves a working key that is not listed.
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

/** The identity that a key stands for. */
export interface KeyIdentity {
  readonly keyId: string
  readonly org: string
  /** The owner; null for an app's key without one. */
  readonly user: string | null
  /** Whether the key belongs to an app, which names the user in each call. */
  readonly app: boolean
  readonly sources: readonly Source[]
  readonly scope: Scope
}

/** What a key is made from. */
export interface KeyDraft {
  readonly name: string
  readonly user: string | null
  readonly app: boolean
  /** At least one; the first is the default source of a call. */
  readonly sources: readonly Source[]
  readonly scope: Scope
}

/** A key as lists show it, without its secret. */
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
      /** The key itself, which cannot be read again later. */ readonly key: string
    }
  | { readonly status: 'no_org' }
  | { readonly status: 'no_member' }

/** Makes the audit log entry of a created or revoked key from its public part. */
export type ChangeOfKey = (record: KeyRecord) => Change

export interface KeyDirectory {
  /** The key's user, if it has one, must be a member. */
  createKey(org: string, draft: KeyDraft, by: ChangeOfKey): Promise<CreateKeyResult>
  /** In the order of their creation; null for an unknown organization. */
  listKeys(org: string, page: PageRequest): Promise<Page<KeyRecord> | null>
  /** Revokes the key on every gateway; false if there is no such key. */
  revokeKey(org: string, id: string, by: ChangeOfKey): Promise<boolean>
}

/** The hex SHA-256 of a virtual key, under which it is stored. */
export function hashKey(key: string): string {
  return hash('sha256', key, 'hex')
}

/** The identity in the fields of a looked-up hash; null for an empty hash, which an unknown key has. */
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
  // A key without a user belongs to an app and requires no member.
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
  // The organization was deleted meanwhile: a later organization with this id must not get a key of this one.
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

/** The list entry is removed last. While it exists, revoking can be repeated, and notifies every gateway again. */
async function revokeKey(redis: RedisClient, org: string, id: string, by: ChangeOfKey): Promise<boolean> {
  const text = await redis.hget(keys.orgKeys(org), id)
  if (text === null) return false
  const stored = JSON.parse(text) as StoredKey
  await disable(redis, stored)
  const change = by(toRecord(id, stored))
  // A key never changes. So a conflict means that someone else revoked it meanwhile, or that the organization was
  // deleted.
  await saveEntry(
    redis,
    org,
    { hash: keys.orgKeys(org), field: id, text: null },
    { expected: tagOf(text), change },
  )
  return true
}

/** After this, no gateway accepts the key. */
async function disable(redis: RedisClient, { sha256 }: StoredKey): Promise<void> {
  await redis.del(keys.virtualKey(sha256))
  await redis.publish(keys.KEY_INVALIDATIONS, sha256)
}

/** Disables all keys of a deleted organization; their list entries are deleted with the organization's other data. */
export async function disableAllKeys(redis: RedisClient, org: string): Promise<void> {
  for await (const [, json] of entriesOf(redis, keys.orgKeys(org)))
    await disable(redis, JSON.parse(json) as StoredKey)
}
