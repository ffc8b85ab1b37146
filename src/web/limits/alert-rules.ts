/** Explains what an alert does before it is saved (O2–O4, O8, O9). */
import type { AlertDraft, Org } from '../api/types.ts'
import { creditsError, type CreditsValue } from '../parts/credits-input.tsx'
import { recipientsError } from '../parts/recipients-field.tsx'
import { credits, creditUnit } from '../format.ts'
import type { FieldErrors } from '../api/settings.ts'

export interface AlertForm extends Readonly<Record<string, unknown>> {
  readonly type: 'percentage' | 'absolute'
  readonly threshold: CreditsValue
  readonly recipients: AlertDraft['recipients']
}

export function alertName({ type, threshold }: Pick<AlertDraft, 'type' | 'threshold'>): string {
  return type === 'percentage' ? `${threshold}%` : `${credits(threshold)} ${creditUnit(threshold)}`
}

/** The credits at which the alert fires; null if the threshold is not valid yet, or the alert can never fire. */
export function markOf({ type, threshold }: AlertForm, allowance: number): number | null {
  if (thresholdError(type, threshold) !== undefined || threshold === '') return null
  if (type === 'absolute') return threshold
  return allowance === 0 ? null : (allowance * threshold) / 100
}

function thresholdError(type: AlertForm['type'], threshold: CreditsValue): string | undefined {
  if (type === 'absolute') return creditsError(threshold, 1)
  const isShare = threshold !== '' && threshold >= 1 && threshold <= 100
  return isShare ? undefined : 'Enter a whole percentage from 1 to 100.'
}

export function checkAlert({ type, threshold, recipients }: AlertForm): FieldErrors {
  return { threshold: thresholdError(type, threshold), recipients: recipientsError(recipients) }
}

/** When it will fire, and what happens once it is saved. */
export function preview(form: AlertForm, org: Org): readonly string[] {
  if (form.type === 'percentage' && org.allowance === 0) {
    return ['The allowance is 0 credits: a percentage of it does not fire.']
  }
  const mark = markOf(form, org.allowance)
  if (mark === null) return []
  const above = mark > org.allowance ? ', above the allowance' : ''
  return [
    `Fires at ${credits(mark)} of ${credits(org.allowance)} credits used${above}.`,
    org.used >= mark
      ? `${credits(org.used)} are used already: it fires as soon as it is saved.`
      : `${credits(org.used)} are used so far.`,
  ]
}

/** What saving does besides changing the values; null if it does nothing else. */
export function rearmNotice(form: AlertForm, base: AlertForm, org: Org): string | null {
  if (form.type === base.type && form.threshold === base.threshold) return null
  const mark = markOf(form, org.allowance)
  const atOnce = mark !== null && org.used >= mark
  return atOnce
    ? 'Saving arms this alert again in the current period. Usage is already past the new threshold, so it fires at once.'
    : 'Saving arms this alert again in the current period, also if it has fired before.'
}
