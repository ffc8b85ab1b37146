/** `GET /tollgate/v1/me`: a caller's own standing (E4). */
import type { IncomingHttpHeaders } from 'node:http'
import { rfc3339 } from '../core/text.ts'
import { toCredits, type Microcredits } from '../core/units.ts'
import { isRefusal, refuse, type Refusal } from '../errors.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { identify, type LookUp } from './identify.ts'

/** Credits as decimal numbers; `limit` and `remaining` null when unlimited, and absent with the others when hidden. */
export interface StandingAnswer {
  readonly user: string
  readonly org: string
  readonly period: { readonly start: string; readonly end: string }
  readonly used?: number
  readonly counted?: number
  readonly held?: number
  readonly limit?: number | null
  readonly remaining?: number | null
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
  const { period, used, counted, held, limit, hideAmounts } = standing
  const answer = { user, org, period: { start: rfc3339(period.start), end: rfc3339(period.end) } }
  if (hideAmounts) return answer
  return {
    ...answer,
    used: toCredits(used),
    counted: toCredits(counted),
    held: toCredits(held),
    limit: limit === null ? null : toCredits(limit),
    remaining: limit === null ? null : toCredits(Math.max(0, limit - counted - held) as Microcredits),
  }
}
