/**
 * An organization as admins see it: the stored settings as they apply now, with the versions on which saves are based.
 */
import { periodAfter } from '../core/period.ts'
import type { BillingSchedule } from '../core/policy.ts'
import type { UnixMs } from '../core/units.ts'
import { tagOf } from '../store/changes.ts'
import { readStoreTime } from '../store/clock.ts'
import type { RedisClient } from '../store/connection.ts'
import type { OrgField } from '../store/org-fields.ts'
import { decodeOrg, readOrgHash, type OrgHash, type StoredOrg } from '../store/org-record.ts'

export type OrgSettings = Pick<
  StoredOrg,
  'name' | 'allowance' | 'admission' | 'autoEnroll' | 'maxMembers' | 'billing'
>

/** `period` is the current one by the store's clock, even if there was no call since it began (P2). */
export interface OrgRecord extends StoredOrg {
  readonly id: string
  /** The schedule that takes effect when the current period ends (P4). */
  readonly billingNext: BillingSchedule | null
  /** The versions of the resources, each of which is saved separately (A2). */
  readonly tags: Readonly<Record<Resource, string>>
}

/** The fields of the hash that form each resource; the tag depends on their order. */
export const RESOURCES = {
  settings: ['name', 'allowance', 'admission', 'auto_enroll', 'max_members', 'billing', 'billing_next'],
  userLimits: [
    'limit_on',
    'limit_default',
    'limit_recipients',
    'exclude_workflow',
    'exclude_agent_deployment',
    'explanation',
  ],
  userAlerts: ['alert_on', 'alert_mark', 'alert_version', 'alert_recipients', 'alert_notify_user'],
} as const satisfies Record<string, readonly OrgField[]>
export type Resource = keyof typeof RESOURCES

/** Null for an organization that does not exist or is being deleted: then its hash has no period. */
export async function readOrg(redis: RedisClient, id: string): Promise<OrgRecord | null> {
  const [hash, now] = await Promise.all([readOrgHash(redis, id), readStoreTime(redis)])
  return currentOrg(id, hash, now)
}

function currentOrg(id: string, hash: OrgHash, now: UnixMs): OrgRecord | null {
  const stored = decodeOrg(id, hash)
  if (stored === null) return null
  const { billing, period } = stored
  const billingNext = hash.billing_next === hash.billing ? null : stored.billingNext
  const ended = now >= period.end
  const current = billingNext ?? billing
  // The hash as it will be after the period rolls (P4), so that opening the period does not invalidate tags that were
  // read before.
  const rolls = ended && hash.billing_next !== undefined && hash.billing_next !== ''
  const texts = rolls ? { ...hash, billing: hash.billing_next, billing_next: '' } : hash
  return {
    ...stored,
    id,
    billing: ended ? current : billing,
    billingNext: ended ? null : billingNext,
    period: ended ? { no: period.no + 1, ...periodAfter(current, period.end, now) } : period,
    tags: {
      settings: resourceTag(texts, 'settings'),
      userLimits: resourceTag(texts, 'userLimits'),
      userAlerts: resourceTag(texts, 'userAlerts'),
    },
  }
}

export function resourceTag(hash: OrgHash, resource: Resource): string {
  return tagOf(RESOURCES[resource].map((field) => hash[field] ?? '').join('\n'))
}
