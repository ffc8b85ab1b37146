/** The admins whom a refused user should ask: those who were chosen to hear of it, by name (E3). */
import { parseJson } from '../core/text.ts'
import type { RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import type { OrgView } from './org-views.ts'

/** Who is an admin may change without the organization's settings: what was read is remembered only briefly. */
const REMEMBERED_MS = 10_000

export type AdminsToAsk = (view: OrgView) => Promise<readonly string[]>

/** Empty where any admin may be asked. Never rejects: a refusal stands, also when nobody can be named. */
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
    // One who stopped being an admin hears of nothing, and is not to be asked (O7).
    if (member === null || member.role !== 'admin') return []
    const { name = null, email = null } = member
    if (name !== null && email !== null) return [`${name} (${email})`]
    return [name ?? email ?? user]
  })
}
