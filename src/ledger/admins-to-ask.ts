/** Finds the admins whom a refused user should ask: the organization's chosen recipients, by name (E3). */
import { parseJson } from '../core/text.ts'
import type { RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import type { OrgView } from './org-views.ts'

/** Admins can change without a new revision of the organization's settings, so names are cached only briefly. */
const REMEMBERED_MS = 10_000

export type AdminsToAsk = (view: OrgView) => Promise<readonly string[]>

/** Empty if any admin may be asked. Never rejects: the refusal is sent even if no one can be named. */
export function createAdminsToAsk(redis: RedisClient): AdminsToAsk {
  const known = new WeakMap<OrgView, { readonly at: number; readonly names: Promise<readonly string[]> }>()
  return (view) => {
    const { recipients, explanation } = view.limits
    if (explanation.contact !== null || recipients === 'all') return Promise.resolve([])
    const remembered = known.get(view)
    if (remembered !== undefined && performance.now() - remembered.at < REMEMBERED_MS) return remembered.names
    const names = readNames(redis, view.org, recipients).catch(() => [])
    known.set(view, { at: performance.now(), names })
    return names
  }
}

async function readNames(redis: RedisClient, org: string, users: readonly string[]): Promise<string[]> {
  if (users.length === 0) return []
  const members = await redis.hmget(keys.members(org), ...users)
  return users.flatMap((user, index) => {
    const member = parseJson(members[index] ?? 'null') as {
      readonly role?: string
      readonly name?: string | null
      readonly email?: string | null
    } | null
    // A recipient who is no longer an admin gets no notices, and should not be asked (O7).
    if (member === null || member.role !== 'admin') return []
    const { name = null, email = null } = member
    if (name !== null && email !== null) return [`${name} (${email})`]
    return [name ?? email ?? user]
  })
}
