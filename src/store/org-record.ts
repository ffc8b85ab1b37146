/** Decodes an organization's hash: the only place that knows each field's format, and the default for a missing one. */
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
import type { RedisClient } from './connection.ts'
import * as keys from './keys.ts'
import type { OrgField } from './org-fields.ts'

export type OrgHash = { readonly [Field in OrgField]?: string | undefined }

export interface VersionedUserAlerts extends UserAlerts {
  /** Rises only with the threshold: users who fired at an earlier one fire again (U4). */
  readonly version: number
}

/** As stored: its period may have ended since, and then its next schedule applies (P4). */
export interface StoredOrg {
  readonly name: string
  readonly allowance: Microcredits
  readonly admission: Admission
  readonly autoEnroll: boolean
  readonly maxMembers: number
  readonly billing: BillingSchedule
  readonly billingNext: BillingSchedule | null
  readonly period: BillingPeriod
  readonly limits: UserLimits
  readonly alerts: VersionedUserAlerts
  readonly revision: number
  readonly createdAt: UnixMs
}

/** Null for an organization that does not exist, or is being deleted: then its hash has no period. */
export function decodeOrg(id: string, hash: OrgHash): StoredOrg | null {
  if (hash.period_no === undefined) return null
  return {
    name: hash.name ?? id,
    allowance: whole(hash.allowance) as Microcredits,
    admission: hash.admission === 'strict' ? 'strict' : 'straddle',
    autoEnroll: hash.auto_enroll === '1',
    maxMembers: whole(hash.max_members),
    billing: parse<BillingSchedule>(hash.billing, { every: 'month', anchor: 1, timezone: 'UTC' }),
    billingNext: parse<BillingSchedule | null>(hash.billing_next, null),
    period: {
      no: whole(hash.period_no),
      start: whole(hash.period_start) as UnixMs,
      end: whole(hash.period_end) as UnixMs,
    },
    limits: {
      enabled: hash.limit_on === '1',
      default: whole(hash.limit_default) as Microcredits,
      recipients: parse<Recipients>(hash.limit_recipients, 'all'),
      exclude: {
        agent_deployment: hash.exclude_agent_deployment === '1',
        workflow: hash.exclude_workflow === '1',
      },
      explanation: parse<Explanation>(hash.explanation, { text: null, contact: null, hideAmounts: false }),
    },
    alerts: {
      enabled: hash.alert_on === '1',
      threshold: whole(hash.alert_mark) as Microcredits,
      recipients: parse<Recipients>(hash.alert_recipients, 'all'),
      notifyUser: hash.alert_notify_user === '1',
      version: whole(hash.alert_version),
    },
    revision: whole(hash.revision),
    createdAt: whole(hash.created_at) as UnixMs,
  }
}

export function readOrgHash(redis: RedisClient, id: string): Promise<OrgHash> {
  return redis.hgetall(keys.org(id))
}

export async function orgExists(redis: RedisClient, id: string): Promise<boolean> {
  return (await redis.hexists(keys.org(id), 'period_no' satisfies OrgField)) === 1
}

function whole(text: string | undefined): number {
  return text === undefined ? 0 : Number(text)
}

function parse<T>(text: string | undefined, otherwise: T): T {
  return text === undefined || text === '' ? otherwise : (JSON.parse(text) as T)
}
