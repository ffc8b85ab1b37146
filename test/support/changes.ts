/** Saves of the directory without an admin plane: based on the current version, made by the operator. */
import type { UserLimits } from '../../src/core/policy.ts'
import type { Change, Save } from '../../src/store/changes.ts'
import { NO_TAG } from '../../src/store/changes.ts'
import type { Directory } from '../../src/directory/directory.ts'
import type { Member } from '../../src/directory/members.ts'
import type { OrgChanges } from '../../src/directory/orgs.ts'
import type { CustomLimit } from '../../src/directory/user-limits.ts'
import type { SaveResult } from '../../src/directory/configure.ts'

export const CHANGE: Change = {
  actor: 'operator',
  action: 'org.update',
  target: 'target',
  before: { was: 1 },
  after: { is: 2 },
}

/** A save based on this tag, or for null on the absence of the entity. */
export function saveOf(expected: string | null | undefined): Save {
  return { expected: expected ?? NO_TAG, change: CHANGE }
}

export async function changeOrg(directory: Directory, org: string, changes: OrgChanges): Promise<SaveResult> {
  return directory.changeOrg(org, changes, saveOf((await directory.getOrg(org))?.tags.settings))
}

export async function putMember(
  directory: Directory,
  org: string,
  member: Member,
  mayLeaveNoAdmin = true,
): Promise<string> {
  const before = await directory.getMember(org, member.user)
  const { status } = await directory.putMember(org, member, { ...saveOf(before?.tag), mayLeaveNoAdmin })
  if (status !== 'saved') return status
  return before === null ? 'created' : 'replaced'
}

export async function removeMember(
  directory: Directory,
  org: string,
  user: string,
  mayLeaveNoAdmin = true,
): Promise<string> {
  const before = await directory.getMember(org, user)
  if (before === null) return 'no_member'
  return directory.removeMember(org, user, { ...saveOf(before.tag), mayLeaveNoAdmin })
}

export async function setUserLimits(directory: Directory, org: string, limits: UserLimits): Promise<string> {
  const save = saveOf((await directory.getUserLimits(org))?.tag)
  return (await directory.setUserLimits(org, limits, save)).status
}

export async function putCustomLimit(
  directory: Directory,
  org: string,
  custom: CustomLimit,
): Promise<string> {
  const save = saveOf((await directory.getCustomLimit(org, custom.user))?.tag)
  return (await directory.putCustomLimit(org, custom, save)).status
}

/** Resolves to whether there was a limit. */
export async function deleteCustomLimit(directory: Directory, org: string, user: string): Promise<boolean> {
  const before = await directory.getCustomLimit(org, user)
  if (before === null) return false
  return (await directory.deleteCustomLimit(org, user, saveOf(before.tag))) === 'deleted'
}

export async function deleteOrg(directory: Directory, org: string): Promise<string> {
  return directory.deleteOrg(org, saveOf((await directory.getOrg(org))?.tags.settings))
}
