/** What reserve is asked with, as the head of lua/reserve.lua has it, and the hold that comes of it. */
import type { Microcredits } from '../core/units.ts'
import { KeyGroup } from './batch.ts'
import { bucketOf } from './hold-ids.ts'
import * as keys from './keys.ts'
import type { Hold, Reservation } from './ledger.ts'
import { PERIOD_LIFE_MS, type OrgView } from './org-views.ts'

/** A batch of one organization, each user's hash and each resolved hash declared once. */
export function reserveArguments(
  view: OrgView,
  batch: readonly { readonly id: string; readonly reservation: Reservation }[],
  leaseMs: number,
): { keyList: string[]; args: (string | number)[] } {
  const { org, period, day } = view
  const users = new KeyGroup()
  const userIds: string[] = []
  const buckets = new KeyGroup()
  const calls: (string | number)[] = []
  for (const { id, reservation } of batch) {
    const { user, source, worstCase, strictWorstCase, promptPrice, model, mayEnroll } = reservation
    const bucket = bucketOf(id)
    calls.push(
      id,
      users.place(user, () => {
        userIds.push(user)
        return keys.user(org, period.no, user)
      }),
      buckets.place(bucket, () => keys.resolved(org, bucket)),
      source,
      worstCase,
      strictWorstCase ?? '',
      promptPrice,
      model,
      mayEnroll ? 1 : 0,
    )
  }
  return {
    keyList: [
      keys.org(org),
      keys.members(org),
      keys.customLimits(org),
      keys.total(org, period.no),
      keys.leases(org),
      keys.outbox(org),
      keys.removedMembers(org),
      ...users.keys,
      ...buckets.keys,
    ],
    args: [
      period.no,
      day.start,
      day.end,
      day.day,
      leaseMs,
      period.end + PERIOD_LIFE_MS,
      users.keys.length,
      buckets.keys.length,
      ...userIds,
      ...calls,
    ],
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
