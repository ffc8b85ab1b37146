/**
 * Virtual keys: the store has their SHA-256 and nothing else of their secret. A key is listed before it works and stops
 * working before it is unlisted, so that whatever breaks off in between leaves no key that works and cannot be seen.
 */
import { createHash, randomBytes } from 'node:crypto'
import { isSource, type Source } from '../../core/policy.ts'
import type { UnixMs } from '../../core/units.ts'
import { keyHint, mintKey, randomBase62 } from '../../core/virtual-key.ts'
import { storeCall, type RedisClient } from '../connection.ts'
import * as keys from '../keys.ts'
import { orgExists, storeTime } from './org-record.ts'
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

export interface KeyDirectory {
  /** The key's user, where it has one, must be a member. */
  createKey(org: string, draft: KeyDraft): Promise<CreateKeyResult>
  /** In the order in which they were made; null for an unknown organization. */
  listKeys(org: string, page: PageRequest): Promise<Page<KeyRecord> | null>
  /** Revokes on every gateway; false where there is no such key. */
  revokeKey(org: string, id: string): Promise<boolean>
}

/** The hex SHA-256 of a virtual key, under which it is stored. */
export function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex')
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
    createKey: (org, draft) => storeCall(() => createKey(redis, org, draft)),
    listKeys: (org, page) =>
      storeCall(async () =>
        (await orgExists(redis, org))
          ? pageOfHash(redis, keys.orgKeys(org), page, (id, json) =>
              toRecord(id, JSON.parse(json) as StoredKey),
            )
          : null,
      ),
    revokeKey: (org, id) =>
      storeCall(async () => {
        const json = await redis.hget(keys.orgKeys(org), id)
        if (json === null) return false
        await revoke(redis, org, id, JSON.parse(json) as StoredKey)
        return true
      }),
  }
}

async function createKey(redis: RedisClient, org: string, draft: KeyDraft): Promise<CreateKeyResult> {
  if (!(await orgExists(redis, org))) return { status: 'no_org' }
  if (draft.user !== null && (await redis.hexists(keys.members(org), draft.user)) === 0) {
    return { status: 'no_member' }
  }
  const key = mintKey(randomBytes)
  const sha256 = hashKey(key)
  const createdAt = await storeTime(redis)
  const id = keyId(createdAt)
  const stored: StoredKey = { ...draft, hint: keyHint(key), createdAt, sha256 }
  await redis.hset(keys.orgKeys(org), id, JSON.stringify(stored))
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
    await revoke(redis, org, id, stored)
    return { status: 'no_org' }
  }
  return { status: 'created', record: toRecord(id, stored), key }
}

/** Ids sort by the time at which they were made. */
function keyId(createdAt: UnixMs): string {
  return `key_${createdAt.toString(36).padStart(9, '0')}${randomBase62(7, randomBytes)}`
}

function toRecord(id: string, { name, user, app, sources, scope, hint, createdAt }: StoredKey): KeyRecord {
  return { id, name, user, app, sources, scope, hint, createdAt }
}

/** The listing goes last: as long as it is there, revoking can be asked again, and tells every gateway again. */
async function revoke(redis: RedisClient, org: string, id: string, { sha256 }: StoredKey): Promise<void> {
  await redis.del(keys.virtualKey(sha256))
  await redis.publish(keys.KEY_INVALIDATIONS, sha256)
  await redis.hdel(keys.orgKeys(org), id)
}

export async function revokeAllKeys(redis: RedisClient, org: string): Promise<void> {
  for await (const [id, json] of entriesOf(redis, keys.orgKeys(org))) {
    await revoke(redis, org, id, JSON.parse(json) as StoredKey)
  }
}
