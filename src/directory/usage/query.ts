/** What can be asked of usage, and what comes back (C9, P5). */
import type { Day } from '../../core/units.ts'
import type { UsageSum } from './sums.ts'

export const USAGE_GROUPS = ['user', 'source', 'model', 'day'] as const
export type UsageGroup = (typeof USAGE_GROUPS)[number]

export interface UsageItem extends UsageSum {
  /** A user's id, a source, a model, or a day as `2026-12-01`. */
  readonly key: string
}

/** After which item a page goes on: days by their date, all others by credits and key, both downwards. */
export interface UsageCursor {
  readonly credits: number
  readonly key: string
}

export interface UsageQuery {
  readonly by: UsageGroup
  readonly from: Day
  readonly to: Day
  /** Only this user's. */
  readonly user: string | null
  /** With `by` user: looked for in id, name and e-mail address. */
  readonly q: string | null
}

/** Of a page by user, with the name of the user: null for who has none, or is no member any more. */
export interface UsagePageItem extends UsageItem {
  readonly name?: string | null
}

export interface UsagePage {
  readonly items: readonly UsagePageItem[]
  readonly next: UsageCursor | null
  /** Of the whole range, not only of the page; of the one user where the query names one. */
  readonly total: UsageSum
}

/** `not_kept`: the range needs days by user that are older than `oldest`, the oldest which is kept. */
export type UsageAnswer<T> =
  | ({ readonly status: 'ok' } & T)
  | { readonly status: 'no_org' }
  | { readonly status: 'not_kept'; readonly oldest: Day }

/** The days that an organization's usage can be asked of. */
export interface UsageFrame {
  readonly timezone: string
  readonly today: Day
  /** First and last day of the current billing period. */
  readonly current: { readonly first: Day; readonly last: Day }
  /** The oldest day that is kept of the organization. */
  readonly oldest: Day
}
