/** RFC 9457 problem details: the error format of what speaks no provider's API. */
import { rfc3339 } from '../core/text.ts'
import { toCredits } from '../core/units.ts'
import { ERRORS, type Refusal } from '../errors.ts'
import type { RefusalBody } from './family.ts'

export function problemBody(refusal: Refusal, requestId: string): RefusalBody {
  const { code, message, param, facts, resetsAt } = refusal
  const { status } = ERRORS[code]
  const credits =
    facts === null
      ? {}
      : {
          limit: toCredits(facts.limit),
          used: toCredits(facts.used),
          counted: toCredits(facts.counted),
          held: toCredits(facts.held),
          required: toCredits(facts.required),
        }
  return {
    contentType: 'application/problem+json',
    body: JSON.stringify({
      type: 'about:blank',
      title: code.replaceAll('_', ' '),
      status,
      detail: message,
      code,
      ...(param === null ? {} : { param }),
      ...credits,
      ...(resetsAt === null ? {} : { resets_at: rfc3339(resetsAt) }),
      request_id: requestId,
    }),
  }
}
