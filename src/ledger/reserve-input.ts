/** Builds the input of the reserve script, and the hold that results. */
import type { Hold } from '../core/hold.ts'
import type { Microcredits } from '../core/units.ts'
import { bucketOf } from './hold-ids.ts'
import { KeyGroup } from './key-group.ts'
import * as keys from '../store/keys.ts'
import type { Reservation } from './ledger.ts'
import type { OrgView } from './org-views.ts'
import type { InputOf } from '../store/scripts.ts'
import { PERIOD_LIFE_MS } from '../store/lifetimes.ts'

/** The input for a batch of one organization; each user's hash and each bucket is declared once. */
export function reserveInput(
  view: OrgView,
  batch: readonly { readonly id: string; readonly reservation: Reservation }[],
  leaseMs: number,
): InputOf<'reserve'> {
  const { org, period, day } = view
  const users = new KeyGroup<string>((user) => keys.user(org, period.no, user))
  const buckets = new KeyGroup<number>((bucket) => keys.resolved(org, bucket))
  const items = batch.map(({ id, reservation }) => ({
    hold_id: id,
    user: users.place(reservation.user),
    bucket: buckets.place(bucketOf(id)),
    source: reservation.source,
    worst_case: reservation.worstCase,
    strict_worst_case: reservation.strictWorstCase ?? '',
    prompt_price: reservation.promptPrice,
    model: reservation.model,
    may_enroll: reservation.mayEnroll ? 1 : 0,
  }))
  return {
    keys: {
      org: keys.org(org),
      members: keys.members(org),
      custom_limits: keys.customLimits(org),
      total: keys.total(org, period.no),
      leases: keys.leases(org),
      outbox: keys.outbox(org),
      removed_members: keys.removedMembers(org),
    },
    keyLists: { users: users.keys, buckets: buckets.keys },
    args: {
      period_no: period.no,
      day_start_ms: day.start,
      day_end_ms: day.end,
      day: day.day,
      lease_ms: leaseMs,
      user_life_end_ms: period.end + PERIOD_LIFE_MS,
    },
    lists: { user_ids: users.names },
    items,
  }
}

/** The hold of a call that was admitted under this view. */
export function holdOf(
  view: OrgView,
  { id, reservation }: { readonly id: string; readonly reservation: Reservation },
  amount: Microcredits,
): Hold {
  const { org, user, source, model } = reservation
  const { period, day, createdAt } = view
  return {
    id,
    org,
    user,
    source,
    model,
    periodNo: period.no,
    day: day.day,
    amount,
    orgCreatedAt: createdAt,
  }
}
