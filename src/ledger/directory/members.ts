/** Members of an organization. Reserve reads the same hash in the same step as it decides, so removing one works at once (A4). */
import { storeCall, type RedisClient } from '../connection.ts'
import * as keys from '../keys.ts'
import { orgExists } from './org-record.ts'
import { entriesOf, pageOfHash, type Page, type PageRequest } from './page.ts'

export const ROLES = ['admin', 'member'] as const
export type Role = (typeof ROLES)[number]

export interface Member {
  readonly user: string
  /** Null for a user whom an app's key enrolled. */
  readonly email: string | null
  readonly name: string | null
  readonly role: Role
}

/** `last_admin`: refused, because the organization would have no admin left (A1). */
export type PutMemberResult = 'created' | 'replaced' | 'no_org' | 'last_admin'
export type RemoveMemberResult = 'removed' | 'no_member' | 'last_admin'

export interface MemberDirectory {
  getMember(org: string, user: string): Promise<Member | null>
  /** In order of their ids; `q` is looked for in id, name and email, in any case. Null for an unknown organization. */
  listMembers(org: string, page: PageRequest & { readonly q: string | null }): Promise<Page<Member> | null>
  /** Adds or replaces. `mayLeaveNoAdmin` is the operator's privilege. */
  putMember(
    org: string,
    member: Member,
    options: { readonly mayLeaveNoAdmin: boolean },
  ): Promise<PutMemberResult>
  /**
   * Removes; what the user used, custom limit and keys stay, so that who is added again goes on with the same counters.
   */
  removeMember(
    org: string,
    user: string,
    options: { readonly mayLeaveNoAdmin: boolean },
  ): Promise<RemoveMemberResult>
  /** Those of the users who are not admins of the organization right now (O7). */
  notAdmins(org: string, users: readonly string[]): Promise<string[]>
}

export function createMemberDirectory(redis: RedisClient): MemberDirectory {
  return {
    getMember: (org, user) => storeCall(() => getMember(redis, org, user)),
    listMembers: (org, { q, ...page }) =>
      storeCall(async () => {
        if (!(await orgExists(redis, org))) return null
        return pageOfHash(redis, keys.members(org), page, (user, json) => {
          const member = parseMember(user, json)
          return q === null || matches(member, q) ? member : null
        })
      }),
    putMember: (org, member, options) =>
      storeCall(() => putMember(redis, org, member, options.mayLeaveNoAdmin)),
    removeMember: (org, user, options) =>
      storeCall(() => removeMember(redis, org, user, options.mayLeaveNoAdmin)),
    notAdmins: (org, users) =>
      storeCall(async () => {
        const found = await membersOf(redis, org, users)
        return users.filter((user) => found.get(user)?.role !== 'admin')
      }),
  }
}

async function getMember(redis: RedisClient, org: string, user: string): Promise<Member | null> {
  const json = await redis.hget(keys.members(org), user)
  return json === null ? null : parseMember(user, json)
}

/** The memberships of some users, by user; who is no member is not in it. */
export async function membersOf(
  redis: RedisClient,
  org: string,
  users: readonly string[],
): Promise<Map<string, Member>> {
  const found = new Map<string, Member>()
  if (users.length === 0) return found
  const values = await redis.hmget(keys.members(org), ...users)
  for (const [index, user] of users.entries()) {
    const json = values[index]
    if (json !== null && json !== undefined) found.set(user, parseMember(user, json))
  }
  return found
}

export function matches(member: Member, q: string): boolean {
  const wanted = q.toLowerCase()
  return [member.user, member.name, member.email].some(
    (text) => text?.toLowerCase().includes(wanted) ?? false,
  )
}

export function parseMember(user: string, json: string): Member {
  const { email = null, name = null, role } = JSON.parse(json) as Partial<Omit<Member, 'user'>>
  return { user, email, name, role: role === 'admin' ? 'admin' : 'member' }
}

async function putMember(
  redis: RedisClient,
  org: string,
  { user, email, name, role }: Member,
  mayLeaveNoAdmin: boolean,
): Promise<PutMemberResult> {
  if (!(await orgExists(redis, org))) return 'no_org'
  const before = await redis.hget(keys.members(org), user)
  const demotes = role !== 'admin' && before !== null && parseMember(user, before).role === 'admin'
  const write = (): Promise<number> =>
    redis.hset(keys.members(org), user, JSON.stringify({ email, name, role }))
  if (demotes && !mayLeaveNoAdmin) {
    if (!(await keepsAnAdmin(redis, org, user, before, write))) return 'last_admin'
  } else {
    await write()
  }
  await redis.srem(keys.removedMembers(org), user)
  // The organization may have been deleted since the look: then nothing of it may be left behind.
  if (!(await orgExists(redis, org))) {
    await redis.hdel(keys.members(org), user)
    return 'no_org'
  }
  return before === null ? 'created' : 'replaced'
}

async function removeMember(
  redis: RedisClient,
  org: string,
  user: string,
  mayLeaveNoAdmin: boolean,
): Promise<RemoveMemberResult> {
  const before = await redis.hget(keys.members(org), user)
  if (before === null) return 'no_member'
  // Marked first: between the two writes nobody may be enrolled again.
  const write = async (): Promise<number> => {
    await redis.sadd(keys.removedMembers(org), user)
    return redis.hdel(keys.members(org), user)
  }
  if (parseMember(user, before).role !== 'admin' || mayLeaveNoAdmin) {
    await write()
    return 'removed'
  }
  return (await keepsAnAdmin(redis, org, user, before, write)) ? 'removed' : 'last_admin'
}

/**
 * Takes an admin's role away, unless nobody would be left; false when it was not done. Two admins may do that to each
 * other at the same time, and each look would still find the other: so it is looked again after the write, and the write
 * taken back when it left nobody. Whichever way they interleave, one admin remains.
 */
async function keepsAnAdmin(
  redis: RedisClient,
  org: string,
  user: string,
  before: string,
  write: () => Promise<number>,
): Promise<boolean> {
  if (!(await hasOtherAdmin(redis, org, user))) return false
  await write()
  if (await hasOtherAdmin(redis, org, user)) return true
  await redis.hset(keys.members(org), user, before)
  return false
}

async function hasOtherAdmin(redis: RedisClient, org: string, user: string): Promise<boolean> {
  for await (const [other, json] of entriesOf(redis, keys.members(org))) {
    if (other !== user && parseMember(other, json).role === 'admin') return true
  }
  return false
}
