import type { FieldErrors } from '../api/settings.ts'
import type { Recipients, UserAlerts } from '../api/types.ts'
import { creditsError, type CreditsValue } from '../parts/credits-input.tsx'
import { recipientsError } from '../parts/recipients-field.tsx'

export interface UserAlertsForm extends Readonly<Record<string, unknown>> {
  readonly enabled: boolean
  readonly threshold: CreditsValue
  readonly recipients: Recipients
  readonly notifyUser: boolean
}

export function formOf({ enabled, threshold, recipients, notifyUser }: UserAlerts): UserAlertsForm {
  return { enabled, threshold, recipients, notifyUser }
}

export function bodyOf({ enabled, threshold, recipients, notifyUser }: UserAlertsForm): object {
  return { enabled, threshold, recipients, notifyUser }
}

export function check({ threshold, recipients }: UserAlertsForm): FieldErrors {
  return { threshold: creditsError(threshold, 1), recipients: recipientsError(recipients) }
}
