/**
 * Organizations, members, virtual keys and limits in the store: what admins manage. No call of the data plane depends
 * on this module. Every function rejects with StoreUnavailable if the store is down; expected outcomes are values.
 */
import { createAdjustmentDirectory, type AdjustmentDirectory } from './adjustments.ts'
import { createAlertDirectory, type AlertDirectory } from './alerts.ts'
import { createAuditDirectory, type AuditDirectory } from './audit.ts'
import { createChannelDirectory, type ChannelDirectory } from './channels.ts'
import type { SavingStore } from './configure.ts'
import { createMemberDirectory, type MemberDirectory } from './members.ts'
import { createNoticeDirectory, type NoticeDirectory } from './notices.ts'
import { createOrgDirectory, type OrgDirectory } from './orgs.ts'
import { createOwnUseDirectory, type OwnUseDirectory } from './own-use.ts'
import { createSessionDirectory, type SessionDirectory } from './sessions.ts'
import { createUserAlertDirectory, type UserAlertDirectory } from './user-alerts.ts'
import { createUserLimitDirectory, type UserLimitDirectory } from './user-limits.ts'
import { createUseDirectory, type UseDirectory } from './users-by-use.ts'
import { createDriftDirectory, type DriftDirectory, type OnDrift } from './drift/check.ts'
import { createUsageDirectory, type UsageDirectory } from './usage/usage.ts'
import { createKeyDirectory, type KeyDirectory } from './virtual-keys.ts'

export type Directory = OrgDirectory &
  MemberDirectory &
  KeyDirectory &
  UserLimitDirectory &
  UseDirectory &
  UsageDirectory &
  OwnUseDirectory &
  SessionDirectory &
  AuditDirectory &
  AlertDirectory &
  UserAlertDirectory &
  AdjustmentDirectory &
  ChannelDirectory &
  NoticeDirectory &
  DriftDirectory

export interface DirectoryOptions extends SavingStore {
  /** How many days usage by user and day is kept (P5); 62 by default, as in the configuration. */
  readonly retentionDays?: number
  /** Receives the result of each check of counters. */
  readonly onDrift?: OnDrift
}

const RETENTION_DAYS = 62

export function createDirectory(options: DirectoryOptions): Directory {
  const { redis, retentionDays = RETENTION_DAYS } = options
  return {
    ...createOrgDirectory(options),
    ...createMemberDirectory(redis),
    ...createKeyDirectory(redis),
    ...createUserLimitDirectory(options),
    ...createUseDirectory(redis),
    ...createUsageDirectory(redis, retentionDays),
    ...createOwnUseDirectory(redis),
    ...createSessionDirectory(redis),
    ...createAuditDirectory(redis),
    ...createAlertDirectory(options),
    ...createUserAlertDirectory(options),
    ...createAdjustmentDirectory(options, retentionDays),
    ...createChannelDirectory(redis),
    ...createNoticeDirectory(redis),
    ...createDriftDirectory(options),
  }
}
