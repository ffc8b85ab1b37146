/**
 * Members of an organization. The reserve script reads the same hash in the step that decides, so a removal takes
 * effect at once (A4).
 */
import { storeCall, type RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import { scanned } from '../store/scanning.ts'
import { runScript } from '../store/scripts.ts'
import { changeArgs, tagOf, type Save, type Tagged } from '../store/changes.ts'
import { orgExists } from '../store/org-record.ts'
import { type Page, pageOf, pageOfHash, type PageRequest } from './page.ts'

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
export type PutMemberResult =
  | { readonly status: 'saved'; readonly tag: string }
  | { readonly status: 'conflict' | 'last_admin' | 'no_org' }
export type RemoveMemberResult = 'removed' | 'conflict' | 'last_admin'

/** Only the operator may leave an organization without an admin. */
export interface MemberSave extends Save {
  readonly mayLeaveNoAdmin: boolean
}

export interface MemberQuery extends PageRequest {
  readonly q: string | null
  /** Only members with this role. Admins have an index, so that they are found quickly among many members. */
  readonly role?: Role | null
}

export interface MemberDirectory {
  getMember(org: string, user: string): Promise<Tagged<Member> | null>
  /**
   * In the order of their ids; `q` is searched in id, name and email, ignoring case. Null for an unknown organization.
   */
  listMembers(org: string, page: MemberQuery): Promise<Page<Member> | null>
  /** Adds or replaces. */
  putMember(org: string, member: Member, save: MemberSave): Promise<PutMemberResult>
  /**
   * Removes the membership. The user's usage, custom limit and keys remain, so a user who is added again continues with
   * the same counters.
   */
  removeMember(org: string, user: string, save: MemberSave): Promise<RemoveMemberResult>
  /** The current admins, in the order of their ids (O7). */
  listAdmins(org: string): Promise<readonly Member[]>
  /** Those of the users who are not currently admins of the organization (O7). */
  notAdmins(org: string, users: readonly string[]): Promise<string[]>
}

export function createMemberDirectory(redis: RedisClient): MemberDirectory {
  return {
    getMember: (org, user) => storeCall(() => getMember(redis, org, user)),
    listMembers: (org, query) => storeCall(() => listMembers(redis, org, query)),
    putMember: (org, member, save) => storeCall(() => putMember(redis, org, member, save)),
    removeMember: (org, user, save) => storeCall(() => removeMember(redis, org, user, save)),
    listAdmins: (org) => storeCall(() => listAdmins(redis, org)),
    notAdmins: (org, users) =>
      storeCall(async () => {
        if (users.length === 0) return []
        const found = await redis.smismember(keys.admins(org), ...users)
        return users.filter((_user, index) => found[index] !== 1)
      }),
  }
}

async function listMembers(
  redis: RedisClient,
  org: string,
  { q, role = null, ...page }: MemberQuery,
): Promise<Page<Member> | null> {
  if (!(await orgExists(redis, org))) return null
  const isWanted = (member: Member): boolean =>
    (q === null || matches(member, q)) && (role === null || member.role === role)
  if (role === 'admin') {
    const rest = (await listAdmins(redis, org)).filter(
      (member) => isWanted(member) && (page.after === null || member.user > page.after),
    )
    return pageOf(rest, page.limit, ({ user }) => user)
  }
  return pageOfHash(redis, keys.members(org), page, (user, json) => {
    const member = parseMember(user, json)
    return isWanted(member) ? member : null
  })
}

async function listAdmins(redis: RedisClient, org: string): Promise<Member[]> {
  const users = (await redis.smembers(keys.admins(org))).sort()
  return [...(await membersOf(redis, org, users)).values()]
}

/** The ids of the current admins, in batches; an id may come twice. */
export function adminIds(redis: RedisClient, org: string): AsyncGenerator<readonly string[]> {
  return scanned((cursor) => redis.sscan(keys.admins(org), cursor, 'COUNT', 1_000))
}

async function getMember(redis: RedisClient, org: string, user: string): Promise<Tagged<Member> | null> {
  const json = await redis.hget(keys.members(org), user)
  return json === null ? null : { ...parseMember(user, json), tag: tagOf(json) }
}

/** The memberships of some users, by user; users who are not members are left out. */
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
  { expected, change, mayLeaveNoAdmin }: MemberSave,
): Promise<PutMemberResult> {
  const text = JSON.stringify({ email, name, role })
  const status = (await runScript(redis, 'put-member', {
    keys: { ...memberKeys(org), org: keys.org(org) },
    args: {
      tag: expected,
      ...changeArgs(change),
      user,
      member: text,
      role,
      may_leave_no_admin: mayLeaveNoAdmin ? '1' : '0',
    },
  })) as PutMemberResult['status']
  return status === 'saved' ? { status, tag: tagOf(text) } : { status }
}

async function removeMember(
  redis: RedisClient,
  org: string,
  user: string,
  { expected, change, mayLeaveNoAdmin }: MemberSave,
): Promise<RemoveMemberResult> {
  return (await runScript(redis, 'remove-member', {
    keys: memberKeys(org),
    args: {
      tag: expected,
      ...changeArgs(change),
      user,
      may_leave_no_admin: mayLeaveNoAdmin ? '1' : '0',
    },
  })) as RemoveMemberResult
}

function memberKeys(org: string) {
  return {
    members: keys.members(org),
    removed_members: keys.removedMembers(org),
    admins: keys.admins(org),
    audit: keys.audit(org),
  }
}
