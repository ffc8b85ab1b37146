/**
 * Sessions of the page. The store has the SHA-256 of a session's token and nothing else of it, and a session is worth what
 * its key and its user are worth: both are read anew each time, so that it ends with either of them (A4).
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
  /** Since the last request. */
  readonly idleMs: number
  /** Since signing in, whatever happens. */
  readonly absoluteMs: number
}

export interface Session {
  readonly org: string
  readonly member: Member
  /** The key that it was opened with. */
  readonly keyId: string
  /** When it ends unless a request comes before that; at last when its absolute lifetime is over. */
  readonly expiresAt: UnixMs
}

export interface SessionDirectory {
  /** A new session for the owner of a key of scope admin; null for any other key. The token is never to be had again. */
  openSession(
    key: string,
    life: SessionLife,
  ): Promise<{ readonly token: string; readonly session: Session } | null>
  /** Counts as a request. Null once it is over, its key was revoked, or its user is no member any more. */
  readSession(token: string, life: Pick<SessionLife, 'idleMs'>): Promise<Session | null>
  closeSession(token: string): Promise<void>
}

interface StoredSession {
  readonly org: string
  readonly user: string
  /** SHA-256 of the key, under which the store knows it. */
  readonly key: string
  readonly endsAt: number
}

const TOKEN_BYTES = 32
/** What `TOKEN_BYTES` are in base64url. */
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
  // A request moves the end of the idle time; the absolute end stands in the session itself.
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

/** Past every cache: who revokes a key expects that nobody goes on with it. */
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
