/** Holds the call's credits, or builds the refusal (C3, E1–E3). */
import { StoreUnavailable } from '../store/unavailable.ts'
import type { Hold } from '../core/hold.ts'
import { explain, type CreditRefusal } from '../core/explanation.ts'
import { largestOutput } from '../core/tariff.ts'
import { NOTHING, type Microcredits } from '../core/units.ts'
import { refuse, type Refusal } from '../errors.ts'
import type { Decision, Ledger, Reservation, ReserveResult } from '../ledger/ledger.ts'
import type { Caller, PricedCall } from './call.ts'
import { sizeOf } from './size.ts'

export interface Admission {
  readonly hold: Hold
  /** Null for a call that was let through while the store was down. */
  readonly decision: Decision | null
}

/** How a call waits for a store that does not answer. */
export type Waiting = Required<Pick<Reservation, 'mayPass' | 'waitedMs' | 'isGone'>>

/**
 * Rejects with StoreUnavailable (D1). If the upstream fails open, it rejects only if the call cannot be recorded in the
 * journal or its client has disconnected.
 */
export async function reserve(
  ledger: Pick<Ledger, 'reserve' | 'letThrough'>,
  caller: Caller,
  call: PricedCall,
  waiting: Waiting,
): Promise<Admission | Refusal> {
  const reservation = reservationOf(caller, call, waiting)
  try {
    return admissionOf(call, await ledger.reserve(reservation), caller)
  } catch (error) {
    if (!(error instanceof StoreUnavailable) || !waiting.mayPass || waiting.isGone()) throw error
    return { hold: await ledger.letThrough(reservation), decision: null }
  }
}

function reservationOf(caller: Caller, call: PricedCall, waiting: Waiting): Reservation {
  const { worstCase, strictWorstCase, promptPrice, tariff } = call
  return {
    org: caller.org,
    user: caller.user,
    source: caller.source,
    model: tariff.model,
    worstCase,
    strictWorstCase,
    promptPrice,
    mayEnroll: caller.mayEnroll,
    ...waiting,
  }
}

function admissionOf(call: PricedCall, result: ReserveResult, caller: Caller): Admission | Refusal {
  switch (result.status) {
    case 'reserved':
      return result
    case 'denied':
      return creditRefusal({ code: 'user_credit_limit_reached' }, caller, result.decision)
    case 'too_large':
      return creditRefusal(tooLarge(call, result.decision), caller, result.decision)
    case 'busy':
      return creditRefusal({ code: 'credits_in_flight' }, caller, result.decision)
    case 'unbounded':
      return unbounded(call)
    case 'unknown_user':
      return refuse('unknown_user', `The organization has no member '${caller.user}'.`)
    case 'unknown_org':
      return refuse('invalid_api_key', 'The organization of this API key or token does not exist.')
  }
}

function creditRefusal(refusal: CreditRefusal, { user }: Caller, decision: Decision): Refusal {
  const { period, explanation, standing, required } = decision
  const message = explain(refusal, { ...decision, user, resetsAt: period.end })
  return refuse(refusal.code, message, {
    resetsAt: period.end,
    facts: explanation.hideAmounts ? null : { ...standing, limit: standing.limit ?? NOTHING, required },
  })
}

function tooLarge(call: PricedCall, decision: Decision): CreditRefusal {
  const { shape, tariff } = call
  const { limit, counted } = decision.standing
  const left = Math.max(0, (limit ?? NOTHING) - counted) as Microcredits
  const size = sizeOf(shape, shape.promptTokensBound ?? shape.promptTokens, 0)
  const largest = shape.generates ? largestOutput(tariff, size, left, shape.choices) : 0
  return {
    code: 'request_exceeds_credit_limit',
    largestOutput: largest === 0 ? null : largest,
    outputField: shape.maxOutputField,
  }
}

function unbounded({ shape }: PricedCall): Refusal {
  return shape.promptTokensBound === null
    ? refuse(
        'unbounded_request',
        'Nothing bounds what this request can cost: it refers to media or context that is stored elsewhere, or lets the provider run tools. Send media and context inline, and leave such tools out (Codex: web_search = "disabled").',
      )
    : refuse('unbounded_request', `Nothing bounds what this request can cost: set ${shape.maxOutputField}.`, {
        param: shape.maxOutputField,
      })
}
