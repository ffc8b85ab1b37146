/** What the admin API answers, as far as the page reads it. */
export interface Page<T> {
  readonly items: readonly T[]
  readonly next: string | null
}

export interface Session {
  readonly org: string
  readonly user: string
  readonly name: string | null
  readonly role: 'admin' | 'member'
  readonly csrf: string
  readonly expiresAt: string
}

export interface Period {
  readonly start: string
  readonly end: string
}

export interface Org {
  readonly id: string
  readonly name: string
  readonly allowance: number
  readonly billing: {
    readonly every: 'month' | 'week' | { readonly days: number }
    readonly anchor: number
    readonly timezone: string
  }
  readonly period: Period
  readonly used: number
  readonly held: number
}

/** Everybody who is an admin when it is delivered, or some admins by id. */
export type Recipients = 'all' | readonly string[]

export interface AlertDraft {
  readonly type: 'percentage' | 'absolute'
  readonly threshold: number
  readonly recipients: Recipients
}

export interface Alert extends AlertDraft {
  readonly id: string
  /** Credits at which it fires in this period; null for a percentage of an allowance of 0. */
  readonly mark: number | null
  readonly firedAt: string | null
}

export interface UserAlerts {
  readonly enabled: boolean
  readonly threshold: number | null
  readonly recipients: Recipients
  readonly notifyUser: boolean
}

export interface UserLimits {
  readonly enabled: boolean
  readonly default: number
  readonly recipients: Recipients
  readonly exclude: { readonly agent_deployment: boolean; readonly workflow: boolean }
  readonly explanation: {
    readonly text: string | null
    readonly contact: string | null
    readonly hideAmounts: boolean
  }
}

export interface CustomLimit {
  readonly user: string
  readonly limit: number | null
}

export interface UserUse {
  readonly user: string
  readonly name: string | null
  readonly used: number
  readonly counted: number
  readonly held: number
  readonly limit: number | null
  readonly exceeding: boolean
}

export interface Member {
  readonly user: string
  readonly email: string | null
  readonly name: string | null
  readonly role: 'admin' | 'member'
}

export interface UsageSum {
  readonly credits: number
  readonly calls: number
  readonly inputTokens: number
  readonly outputTokens: number
}

export interface UsageItem extends UsageSum {
  /** A user, a source, a model, or a day such as `2026-12-01`. */
  readonly key: string
}

export interface UsagePage extends Page<UsageItem> {
  readonly from: string
  readonly to: string
  readonly total: UsageSum
}

export type UsageGroup = 'user' | 'source' | 'model' | 'day'

export interface BillingPeriod extends Period {
  readonly no: number
  /** First and last day, as the usage takes them. */
  readonly from: string
  readonly to: string
  readonly used: number
}

export interface Me {
  readonly user: string
  readonly org: string
  readonly name: string | null
  readonly role: 'admin' | 'member'
  readonly period: Period & { readonly timezone: string }
  readonly amountsHidden: boolean
  readonly used?: number
  readonly counted?: number
  readonly held?: number
  readonly limit?: number | null
  readonly remaining?: number | null
  readonly days?: readonly UsageItem[]
}

export interface VirtualKey {
  readonly id: string
  readonly name: string
  readonly user: string | null
  readonly app: boolean
  readonly sources: readonly string[]
  readonly scope: 'traffic' | 'admin'
  readonly hint: string
  readonly createdAt: string
}

export interface Channel {
  readonly id: string
  readonly kind: 'webhook' | 'slack'
  readonly name: string | null
  /** Of Slack's only its host and its end. */
  readonly url: string
  readonly enabled: boolean
}

/** The secret comes with the answer that makes it, and never again. */
export type ChannelWithSecret = Channel & { readonly secret?: string }

export interface Delivery {
  readonly channel: 'email' | 'webhook' | 'slack'
  readonly recipient: string | null
  readonly state: 'queued' | 'sent' | 'failed' | 'parked' | 'no_recipients'
  readonly attempts: number
  readonly error: string | null
  readonly at: string
}

export interface Notification {
  readonly id: string
  readonly type: 'org.alert.crossed' | 'user.alert.crossed' | 'user.limit.reached'
  readonly user: string | null
  readonly thresholdType: 'percentage' | 'absolute' | null
  readonly threshold: number
  readonly mark: number
  readonly used: number
  readonly occurredAt: string
  readonly deliveries: readonly Delivery[]
}

export interface AuditEntry {
  readonly at: string
  readonly actor: string
  readonly action: string
  readonly target: string | null
  readonly before: unknown
  readonly after: unknown
}
