/** The alert on each user's usage (U): fields of the organization's hash, which every charge reads. */
import type { UserAlerts } from '../core/policy.ts'
import { storeCall } from '../store/connection.ts'
import type { Change, Tagged } from '../store/changes.ts'
import { configure, type SaveResult, type SavingStore } from './configure.ts'
import type { VersionedUserAlerts } from '../store/org-record.ts'
import { readOrg, resourceTag } from './org-record.ts'

export interface UserAlertDirectory {
  getUserAlerts(org: string): Promise<Tagged<VersionedUserAlerts> | null>
  /** Replaces the whole setting; `before` is the version that was read. Another threshold raises the version (U4). */
  setUserAlerts(
    org: string,
    before: Tagged<VersionedUserAlerts>,
    after: UserAlerts,
    change: Change,
  ): Promise<Exclude<SaveResult, { status: 'saved' }> | { readonly status: 'saved'; readonly tag: string }>
}

export function createUserAlertDirectory(store: SavingStore): UserAlertDirectory {
  return {
    getUserAlerts: (org) =>
      storeCall(async () => {
        const record = await readOrg(store.redis, org)
        return record === null ? null : { ...record.alerts, tag: record.tags.userAlerts }
      }),
    setUserAlerts: (org, before, after, change) =>
      storeCall(async () => {
        const version = before.threshold === after.threshold ? before.version : before.version + 1
        const values = {
          alert_on: after.enabled ? '1' : '0',
          alert_mark: String(after.threshold),
          alert_version: String(version),
          alert_recipients: JSON.stringify(after.recipients),
          alert_notify_user: after.notifyUser ? '1' : '0',
        }
        const save = { expected: before.tag, change }
        const saved = await configure(store, org, 'userAlerts', values, after.recipients, save)
        return saved.status === 'saved' ? { ...saved, tag: resourceTag(values, 'userAlerts') } : saved
      }),
  }
}
