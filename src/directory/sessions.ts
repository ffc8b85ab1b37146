/**
 * Sessions of the page. The store has only the SHA-256 of a session's token. Each request reads the session's key and
 * user from the store, so that the session ends with either of them (A4).
 */
import { createHash, randomBytes } from 'node:crypto'
import type { UnixMs } from '../core/units.ts'
import { isWellFormedKey } from '../core/virtual-key.ts'
import { storeCall, type RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import { parseMember, type Member } from './members.ts'
import { readStoreTime } from '../store/clock.ts'
import { hashKey, parseIdentity, type KeyIdentity } from './virtual-keys.ts'

export interface SessionLife {
  /** Lifetime since the last request. */
  readonly idleMs: number
  /** Lifetime since signing in, regardless of requests. */
  readonly absoluteMs: number
}

export interface Session {
  readonly org: string
  readonly member: Member
  /** The key that it was opened with. */
  readonly keyId: string
  /** When the session ends unless a request comes before that; never later than its absolute lifetime. */
  readonly expiresAt: UnixMs
}

export interface SessionDirectory {
  /**
   * Opens a session for the owner of a key of scope admin; null for any other key. The token cannot be read again
   * later.
   */
  openSession(
    key: string,
    life: SessionLife,
  ): Promise<{ readonly token: string; readonly session: Session } | null>
  /** Counts as a request. Null if the session is over, its key was revoked, or its user is no longer a member. */
  readSession(token: string, life: Pick<SessionLife, 'idleMs'>): Promise<Session | null>
  closeSession(token: string): Promise<void>
}

interface StoredSession {
  readonly org: string
  readonly user: string
  /** The SHA-256 of the key, under which the store has it. */
  readonly key: string
  readonly endsAt: number
}

const TOKEN_BYTES = 32
/** The base64url form of `TOKEN_BYTES` bytes. */
const TOKEN = /^[A-Za-z0-9_-]{43}$/

export function createSessionDirectory(redis: RedisClient): SessionDirectory {
  return {
    openSession: (key, life) => storeCall(() => openSession(redis, key, life)),
    readSession: (token, { idleMs }) => storeCall(() => readSession(redis, token, idleMs)),
    closeSession: (token) =>
      storeCall(async () => {
        await redis.del(keyOf(token))
      }),
  }
}

function keyOf(token: string): string {
  return keys.session(createHash('sha256').update(token).digest('hex'))
}

async function openSession(
  redis: RedisClient,
  key: string,
  { idleMs, absoluteMs }: SessionLife,
): Promise<{ token: string; session: Session } | null> {
  if (!isWellFormedKey(key)) return null
  const sha256 = hashKey(key)
  const identity = await readKey(redis, sha256)
  if (identity === null || identity.scope !== 'admin' || identity.user === null) return null
  const { org, user, keyId } = identity
  const [member, now] = await Promise.all([readMember(redis, org, user), readStoreTime(redis)])
  if (member === null) return null
  const token = randomBytes(TOKEN_BYTES).toString('base64url')
  const stored: StoredSession = { org, user, key: sha256, endsAt: now + absoluteMs }
  await redis.set(keyOf(token), JSON.stringify(stored), 'PX', Math.min(idleMs, absoluteMs))
  return { token, session: { org, member, keyId, expiresAt: expiry(stored, now, idleMs) } }
}

async function readSession(redis: RedisClient, token: string, idleMs: number): Promise<Session | null> {
  if (!TOKEN.test(token)) return null
  const at = keyOf(token)
  // A request extends the idle time; the session itself holds its absolute end.
  const [json, now] = await Promise.all([redis.getex(at, 'PX', idleMs), readStoreTime(redis)])
  if (json === null) return null
  const stored = JSON.parse(json) as StoredSession
  const { org, user } = stored
  const [identity, member] = await Promise.all([readKey(redis, stored.key), readMember(redis, org, user)])
  if (identity === null || member === null || now >= stored.endsAt) {
    await redis.del(at)
    return null
  }
  return { org, member, keyId: identity.keyId, expiresAt: expiry(stored, now, idleMs) }
}

/** Bypasses every cache, because a revoked key must end its sessions at once. */
async function readKey(redis: RedisClient, sha256: string): Promise<KeyIdentity | null> {
  return parseIdentity(await redis.hgetall(keys.virtualKey(sha256)))
}

async function readMember(redis: RedisClient, org: string, user: string): Promise<Member | null> {
  const json = await redis.hget(keys.members(org), user)
  return json === null ? null : parseMember(user, json)
}

function expiry({ endsAt }: StoredSession, now: UnixMs, idleMs: number): UnixMs {
  return Math.min(now + idleMs, endsAt) as UnixMs
}
