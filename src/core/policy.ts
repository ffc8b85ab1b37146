/** An organization's settings for limits and alerts, shared by the ledger, the pipeline and the admin plane. */
import { toCredits, type Microcredits, type UnixMs } from './units.ts'

/** Where a call comes from: a person at work, a workflow, an agent that is deployed outside the organization. */
export const SOURCES = ['chat', 'workflow', 'agent_deployment'] as const
export type Source = (typeof SOURCES)[number]

/** C4: `strict` admits when the worst case fits, `straddle` while any credit is neither counted nor held. */
export const ADMISSIONS = ['strict', 'straddle'] as const
export type Admission = (typeof ADMISSIONS)[number]

export interface BillingSchedule {
  /** `month` with a day of the month 1–31 as anchor, `week` with an ISO weekday 1–7, or every N days. */
  readonly every: 'month' | 'week' | { readonly days: number }
  readonly anchor: number
  /** IANA zone, such as `Europe/Berlin`. */
  readonly timezone: string
}

/** A billing period, half-open in time: `[start, end)`. `no` increases by one with each period opened. */
export interface BillingPeriod {
  readonly no: number
  readonly start: UnixMs
  readonly end: UnixMs
}

/** One user's amounts in the current period. `limit` is null if nothing caps the user. */
export interface Standing {
  readonly used: Microcredits
  readonly counted: Microcredits
  readonly held: Microcredits
  readonly limit: Microcredits | null
}

/** What is left under the limit, never below zero; null where there is no limit. */
export function remainingOf({ limit, counted, held }: Omit<Standing, 'used'>): Microcredits | null {
  return limit === null ? null : (Math.max(0, limit - counted - held) as Microcredits)
}

/** A standing as the APIs show it, in credits; `limit` and `remaining` are null where there is no limit. */
export interface CreditFacts {
  readonly used: number
  readonly counted: number
  readonly held: number
  readonly limit: number | null
  readonly remaining: number | null
}

export function creditFacts(standing: Standing): CreditFacts {
  const { used, counted, held, limit } = standing
  const remaining = remainingOf(standing)
  return {
    used: toCredits(used),
    counted: toCredits(counted),
    held: toCredits(held),
    limit: limit === null ? null : toCredits(limit),
    remaining: remaining === null ? null : toCredits(remaining),
  }
}

/** An organization's own text for a refusal (E3). */
export interface Explanation {
  readonly text: string | null
  readonly contact: string | null
  readonly hideAmounts: boolean
}

export type Recipients = 'all' | readonly string[]

export const THRESHOLD_TYPES = ['percentage', 'absolute'] as const
export type ThresholdType = (typeof THRESHOLD_TYPES)[number]

/** O1: an alert on what an organization uses. */
export interface OrgAlert {
  readonly type: ThresholdType
  /** Per cent of the allowance, or credits (O2). */
  readonly threshold: number
  readonly recipients: Recipients
}

/** U1–U4: the one alert on what each user uses. */
export interface UserAlerts {
  readonly enabled: boolean
  readonly threshold: Microcredits
  readonly recipients: Recipients
  /** Whether the user who reached it is notified, too. */
  readonly notifyUser: boolean
}

/** L1–L5: the per-user limits of an organization. */
export interface UserLimits {
  readonly enabled: boolean
  readonly default: Microcredits
  readonly recipients: Recipients
  readonly exclude: { readonly agent_deployment: boolean; readonly workflow: boolean }
  readonly explanation: Explanation
}

const ORG_ID = /^[a-z0-9-]{1,63}$/
/** As identity providers write them: `auth0|5f7c8`, `repo:acme/app:ref:refs/heads/main`, `ada_corp.com#EXT#@tenant.example`, `o'brien@example.com`. */
const USER_ID = /^[A-Za-z0-9._@+|:#/'=!$&~^-]{1,128}$/

/** Whether a name may be an organization's id. Checked at the edge, because the id becomes part of Redis keys. */
export function isOrgId(value: string): boolean {
  return ORG_ID.test(value)
}

/** Whether a name may be a user's id. Braces and spaces are out: ids become parts of Redis keys, and of texts that spaces divide. */
export function isUserId(value: string): boolean {
  return USER_ID.test(value)
}

export function isSource(value: string): value is Source {
  return (SOURCES as readonly string[]).includes(value)
}
