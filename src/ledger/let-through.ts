/** Lets a call through while the store is down: no limit is checked, and its cost goes to the journal (D1). */
import { StoreUnavailable } from '../store/unavailable.ts'
import type { Hold } from '../core/hold.ts'
import { NOTHING } from '../core/units.ts'
import type { Day } from '../core/units.ts'
import type { Journal } from '../journal/journal.ts'
import type { Reservation } from './ledger.ts'
import type { OrgViews } from './org-views.ts'
import type { StoreClock } from '../store/clock.ts'

export async function letThrough(
  journal: Journal | null,
  views: OrgViews,
  clock: StoreClock,
  reservation: Reservation,
): Promise<Hold> {
  if (journal === null) throw new StoreUnavailable('there is no journal')
  const { org, user, source, model, promptPrice } = reservation
  const known = views.createdAt(org)
  const call = {
    org,
    user,
    source,
    model,
    promptPrice,
    at: clock.now(),
    orgCreatedAt: known ?? ('' as const),
  }
  const ticket = await journal.admit(call)
  return {
    id: '',
    org,
    user,
    source,
    model,
    periodNo: 0,
    day: '' as Day,
    amount: NOTHING,
    orgCreatedAt: known ?? clock.now(),
    ticket,
  }
}
