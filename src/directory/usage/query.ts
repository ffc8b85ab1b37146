/** Queries for usage, and their results (C9, P5). */
import type { Day } from '../../core/units.ts'
import type { UsageSum } from './sums.ts'

export const USAGE_GROUPS = ['user', 'source', 'model', 'day'] as const
export type UsageGroup = (typeof USAGE_GROUPS)[number]

export interface UsageItem extends UsageSum {
  /** A user's id, a source, a model, or a day such as `2026-12-01`. */
  readonly key: string
}

/** The item after which a page starts. Days sort by date, ascending; all others by credits, then by key, descending. */
export interface UsageCursor {
  readonly credits: number
  readonly key: string
}

export interface UsageQuery {
  readonly by: UsageGroup
  readonly from: Day
  readonly to: Day
  /** Only the usage of this user. */
  readonly user: string | null
  /** With `by` user: searched in id, name and email address. */
  readonly q: string | null
}

/** An item of a page by user, with the user's name: null for a user without a name or membership. */
export interface UsagePageItem extends UsageItem {
  readonly name?: string | null
}

export interface UsagePage {
  readonly items: readonly UsagePageItem[]
  readonly next: UsageCursor | null
  /** The sum of the whole range, not only of the page; of one user if the query names one. */
  readonly total: UsageSum
}

/** `not_kept`: the range needs days by user that are older than `oldest`, the oldest day that is kept. */
export type UsageAnswer<T> =
  | ({ readonly status: 'ok' } & T)
  | { readonly status: 'no_org' }
  | { readonly status: 'not_kept'; readonly oldest: Day }

/** The days for which an organization's usage can be queried. */
export interface UsageFrame {
  readonly timezone: string
  readonly today: Day
  /** First and last day of the current billing period. */
  readonly current: { readonly first: Day; readonly last: Day }
  /** The oldest day that is kept for the organization. */
  readonly oldest: Day
}
