/**
 * Organizations, members, virtual keys and limits in the store: what admins manage. Nothing here stands on the path of
 * a call. All of it rejects with StoreUnavailable where the store does; expected outcomes are values.
 */
import type { RedisClient } from './connection.ts'
import { createChannelDirectory, type ChannelDirectory } from './directory/channels.ts'
import { createMemberDirectory, type MemberDirectory } from './directory/members.ts'
import { createOrgDirectory, type OpenPeriod, type OrgDirectory } from './directory/orgs.ts'
import { createOwnUseDirectory, type OwnUseDirectory } from './directory/own-use.ts'
import { createSessionDirectory, type SessionDirectory } from './directory/sessions.ts'
import { createUserLimitDirectory, type UserLimitDirectory } from './directory/user-limits.ts'
import { createUseDirectory, type UseDirectory } from './directory/users-by-use.ts'
import { createKeyDirectory, type KeyDirectory } from './directory/virtual-keys.ts'

export type Directory = OrgDirectory &
  MemberDirectory &
  KeyDirectory &
  UserLimitDirectory &
  UseDirectory &
  OwnUseDirectory &
  SessionDirectory &
  ChannelDirectory

export interface DirectoryOptions {
  readonly redis: RedisClient
  readonly openPeriod: OpenPeriod
}

export function createDirectory({ redis, openPeriod }: DirectoryOptions): Directory {
  return {
    ...createOrgDirectory(redis, openPeriod),
    ...createMemberDirectory(redis),
    ...createKeyDirectory(redis),
    ...createUserLimitDirectory(redis),
    ...createUseDirectory(redis),
    ...createOwnUseDirectory(redis),
    ...createSessionDirectory(redis),
    ...createChannelDirectory(redis),
  }
}
