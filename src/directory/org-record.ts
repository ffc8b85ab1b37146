/** An organization's hash, read: settings, policy, and the billing period that is current now. */
import { periodAfter } from '../core/period.ts'
import type {
  Admission,
  BillingPeriod,
  BillingSchedule,
  Explanation,
  Recipients,
  UserAlerts,
  UserLimits,
} from '../core/policy.ts'
import type { Microcredits, UnixMs } from '../core/units.ts'
import type { RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import type { OrgField } from '../store/org-fields.ts'
import { readStoreTime } from '../store/clock.ts'
import { tagOf } from '../store/changes.ts'

export interface OrgSettings {
  readonly name: string
  readonly allowance: Microcredits
  readonly admission: Admission
  readonly autoEnroll: boolean
  readonly maxMembers: number
  readonly billing: BillingSchedule
}

export interface VersionedUserAlerts extends UserAlerts {
  /** Rises only with the threshold: users who fired at an earlier one fire again (U4). */
  readonly version: number
}

export interface OrgRecord extends OrgSettings {
  readonly id: string
  /** The schedule that takes over when the current period ends (P4). */
  readonly billingNext: BillingSchedule | null
  /** The period that is current by the store's clock, also where nobody called since it began (P2). */
  readonly period: BillingPeriod
  readonly limits: UserLimits
  readonly alerts: VersionedUserAlerts
  readonly revision: number
  readonly createdAt: UnixMs
  /** The versions of what is saved on its own (A2). */
  readonly tags: Readonly<Record<Resource, string>>
}

/** The fields of the hash that make up each resource that admins save on its own; their order makes its tag. */
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

export type OrgHash = { readonly [Field in OrgField]?: string | undefined }

/** Null for an organization that does not exist, or is being deleted: then its hash has no period. */
export async function readOrg(redis: RedisClient, id: string): Promise<OrgRecord | null> {
  const [hash, now] = await Promise.all([redis.hgetall(keys.org(id)), readStoreTime(redis)])
  return parseOrg(id, hash, now)
}

export async function orgExists(redis: RedisClient, id: string): Promise<boolean> {
  return (await redis.hexists(keys.org(id), 'period_no' satisfies OrgField)) === 1
}

function parseOrg(id: string, hash: OrgHash, now: UnixMs): OrgRecord | null {
  if (hash.period_no === undefined) return null
  const billing = parse<BillingSchedule>(hash.billing, { every: 'month', anchor: 1, timezone: 'UTC' })
  const changes = hash.billing_next !== hash.billing
  const billingNext = changes ? parse<BillingSchedule | null>(hash.billing_next, null) : null
  const stored: BillingPeriod = {
    no: whole(hash.period_no),
    start: whole(hash.period_start) as UnixMs,
    end: whole(hash.period_end) as UnixMs,
  }
  const ended = now >= stored.end
  const current = billingNext ?? billing
  // What a roll will make of the hash (P4), so that opening the period is no change to who read before it.
  const rolls = ended && hash.billing_next !== undefined && hash.billing_next !== ''
  const texts = rolls ? { ...hash, billing: hash.billing_next, billing_next: '' } : hash
  return {
    id,
    name: hash.name ?? id,
    allowance: whole(hash.allowance) as Microcredits,
    admission: hash.admission === 'strict' ? 'strict' : 'straddle',
    autoEnroll: hash.auto_enroll === '1',
    maxMembers: whole(hash.max_members),
    billing: ended ? current : billing,
    billingNext: ended ? null : billingNext,
    period: ended ? { no: stored.no + 1, ...periodAfter(current, stored.end, now) } : stored,
    limits: parseLimits(hash),
    alerts: parseAlerts(hash),
    revision: whole(hash.revision),
    createdAt: whole(hash.created_at) as UnixMs,
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

function parseLimits(hash: OrgHash): UserLimits {
  return {
    enabled: hash.limit_on === '1',
    default: whole(hash.limit_default) as Microcredits,
    recipients: parse<Recipients>(hash.limit_recipients, 'all'),
    exclude: {
      agent_deployment: hash.exclude_agent_deployment === '1',
      workflow: hash.exclude_workflow === '1',
    },
    explanation: parse<Explanation>(hash.explanation, { text: null, contact: null, hideAmounts: false }),
  }
}

function parseAlerts(hash: OrgHash): VersionedUserAlerts {
  return {
    enabled: hash.alert_on === '1',
    threshold: whole(hash.alert_mark) as Microcredits,
    recipients: parse<Recipients>(hash.alert_recipients, 'all'),
    notifyUser: hash.alert_notify_user === '1',
    version: whole(hash.alert_version),
  }
}

function whole(text: string | undefined): number {
  return text === undefined ? 0 : Number(text)
}

function parse<T>(text: string | undefined, otherwise: T): T {
  return text === undefined || text === '' ? otherwise : (JSON.parse(text) as T)
}
