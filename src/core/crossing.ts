/** A threshold or limit that usage reached, as the queue, webhooks and the log of notifications show it. */

export const CROSSING_TYPES = ['org.alert.crossed', 'user.alert.crossed', 'user.limit.reached'] as const
export type CrossingType = (typeof CROSSING_TYPES)[number]

/** The `data` of an event, as docs/notifications.md shows it. Amounts are decimal credits, instants RFC 3339. */
export interface Crossing {
  /** The same crossing has the same id, however often it is delivered. */
  readonly id: string
  readonly type: CrossingType
  readonly org: string
  readonly user?: string
  readonly alert?: string
  readonly thresholdType?: 'percentage' | 'absolute'
  /** A whole percentage or credits, as `thresholdType` says; credits where it is absent. */
  readonly threshold: number
  /** The threshold in credits. */
  readonly mark: number
  readonly version: number
  readonly used: number
  readonly counted?: number
  readonly allowance?: number
  readonly limit?: number
  readonly period: { readonly start: string; readonly end: string }
  readonly occurredAt: string
}
