/** `GET /tollgate/v1/me`: a caller's own standing (E4). */
import type { IncomingHttpHeaders } from 'node:http'
import { creditFacts, type CreditFacts } from '../core/policy.ts'
import { rfc3339 } from '../core/text.ts'
import { isRefusal, refuse, type Refusal } from '../errors.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { identify, type LookUp } from './identify.ts'

/** Amounts are left out if the organization hides them (E3). */
export interface StandingAnswer extends Partial<CreditFacts> {
  readonly user: string
  readonly org: string
  readonly period: { readonly start: string; readonly end: string }
}

/** Rejects with StoreUnavailable. */
export async function readMe(
  lookUp: LookUp,
  ledger: Ledger,
  headers: IncomingHttpHeaders,
  url: string,
): Promise<StandingAnswer | Refusal> {
  const caller = await identify(lookUp, headers, url)
  if (isRefusal(caller)) return caller
  const { org, user } = caller
  const standing = await ledger.standing(org, user)
  if (standing === null) return refuse('unknown_user', `The organization has no member '${user}'.`)
  const { period, hideAmounts } = standing
  const answer = { user, org, period: { start: rfc3339(period.start), end: rfc3339(period.end) } }
  return hideAmounts ? answer : { ...answer, ...creditFacts(standing) }
}
