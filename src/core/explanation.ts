/** Builds the message of a refusal for credits (E3): which limit, how much of it, when it resets, whom to ask. */
import { remainingOf, type Explanation, type Standing } from './policy.ts'
import { fill } from './placeholders.ts'
import { dateInZone, groupedCredits } from './text.ts'
import { NOTHING, type Microcredits, type UnixMs } from './units.ts'

export type CreditRefusal =
  | { readonly code: 'user_credit_limit_reached' }
  | {
      readonly code: 'request_exceeds_credit_limit'
      /** The largest output that would fit, in the request's own field; null if the prompt alone does not fit. */
      readonly largestOutput: number | null
      readonly outputField: string
    }
  | { readonly code: 'credits_in_flight' }

export interface Situation {
  readonly standing: Standing
  readonly required: Microcredits
  readonly resetsAt: UnixMs
  readonly timezone: string
  readonly explanation: Explanation
  readonly user: string
  readonly orgName: string
  /** Admins who are notified of refusals by the organization's choice; empty if any admin may be asked. */
  readonly admins: readonly string[]
}

/** The most admins that a message names. */
const MOST_NAMES = 3
/** Replaces a hidden amount in the organization's own text. */
const HIDDEN = '…'

/** The message. Figures are left out if the organization hides amounts. */
export function explain(refusal: CreditRefusal, situation: Situation): string {
  const { explanation, resetsAt, timezone } = situation
  const sentences = [
    whatHappened(refusal, situation),
    `Your credits reset on ${dateInZone(resetsAt, timezone)}.`,
    refusal.code === 'credits_in_flight'
      ? null
      : `To go on before that, ask ${contactOf(situation)} to raise your limit.`,
    explanation.text === null ? null : ownText(explanation.text, situation),
  ]
  return sentences.filter((sentence) => sentence !== null).join(' ')
}

function whatHappened(refusal: CreditRefusal, { standing, required, explanation }: Situation): string {
  const limit = standing.limit ?? NOTHING
  const amounts = !explanation.hideAmounts
  const used = `${groupedCredits(standing.counted)} of ${groupedCredits(limit)} credits`
  switch (refusal.code) {
    case 'user_credit_limit_reached':
      return amounts
        ? `You have reached your personal credit limit: ${used} are used in this billing period.`
        : 'You have reached your personal credit limit for this billing period.'
    case 'request_exceeds_credit_limit': {
      const need = amounts
        ? `This request may cost up to ${groupedCredits(required)} credits, which does not fit into what is left of your personal credit limit (${used} are used in this billing period).`
        : 'This request may cost more than what is left of your personal credit limit.'
      return `${need} ${whatWouldFit(refusal)}`
    }
    case 'credits_in_flight':
      return amounts
        ? `Your calls in flight hold ${groupedCredits(standing.held)} credits, and ${used} of your personal credit limit are used: try again when one of them has ended.`
        : 'Your calls in flight hold what is left of your personal credit limit: try again when one of them has ended.'
  }
}

function whatWouldFit(refusal: {
  readonly largestOutput: number | null
  readonly outputField: string
}): string {
  return refusal.largestOutput === null
    ? 'Its prompt alone does not fit.'
    : `The largest ${refusal.outputField} that would fit is ${refusal.largestOutput}.`
}

/** Whom to ask: the organization's contact, the admins whom it chose, or any admin. */
function contactOf({ explanation, admins }: Situation): string {
  if (explanation.contact !== null) return explanation.contact
  if (admins.length === 0) return 'an admin of your organization'
  const names = admins.slice(0, MOST_NAMES)
  if (admins.length > MOST_NAMES) return `${names.join(', ')} or another admin`
  const last = names.pop() ?? ''
  return names.length === 0 ? last : `${names.join(', ')} or ${last}`
}

function ownText(text: string, situation: Situation): string {
  const { standing, explanation, user, orgName, resetsAt, timezone } = situation
  const limit = standing.limit ?? NOTHING
  const remaining = remainingOf({ ...standing, limit }) ?? NOTHING
  const amount = (value: Microcredits): string => (explanation.hideAmounts ? HIDDEN : groupedCredits(value))
  return fill(text, {
    user,
    limit: amount(limit),
    used: amount(standing.used),
    counted: amount(standing.counted),
    remaining: amount(remaining),
    resets_at: dateInZone(resetsAt, timezone),
    contact: contactOf(situation),
    org: orgName,
  })
}
