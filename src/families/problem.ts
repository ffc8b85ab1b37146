/** RFC 9457 problem details: the error format for callers that use no provider's API. */
import { rfc3339 } from '../core/text.ts'
import { toCredits, type Microcredits } from '../core/units.ts'
import { ERRORS, type Refusal } from '../errors.ts'
import type { RefusalBody } from './family.ts'

/** The facts behind a refusal for credits, as they stand in its fields in every format (E3). */
export function factsOf(
  { facts, resetsAt }: Refusal,
  show: (amount: Microcredits) => number | string = toCredits,
): Readonly<Record<string, number | string>> {
  const { limit, used, counted, held, required } = facts ?? {}
  const shown = Object.entries({ limit, used, counted, held, required }).flatMap(([name, amount]) =>
    amount === undefined ? [] : [[name, show(amount)] as const],
  )
  return { ...Object.fromEntries(shown), ...(resetsAt === null ? {} : { resets_at: rfc3339(resetsAt) }) }
}

export function problemBody(refusal: Refusal, requestId: string): RefusalBody {
  const { code, message, param } = refusal
  const { status } = ERRORS[code]
  return {
    contentType: 'application/problem+json',
    body: JSON.stringify({
      type: 'about:blank',
      title: code.replaceAll('_', ' '),
      status,
      detail: message,
      code,
      ...(param === null ? {} : { param }),
      ...factsOf(refusal),
      request_id: requestId,
    }),
  }
}
