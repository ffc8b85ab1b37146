import type { FieldErrors } from '../api/settings.ts'
import type { Recipients, UserLimits } from '../api/types.ts'
import { creditsError, type CreditsValue } from '../parts/credits-input.tsx'
import { recipientsError, recipientsFieldOf } from '../parts/recipients-field.tsx'

/** The setting in the form: flat, with empty texts instead of null. */
export interface UserLimitsForm extends Readonly<Record<string, unknown>> {
  readonly enabled: boolean
  readonly limit: CreditsValue
  readonly recipients: Recipients
  readonly excludeAgents: boolean
  readonly excludeWorkflows: boolean
  readonly text: string
  readonly contact: string
  readonly hideAmounts: boolean
}

export function formOf({
  enabled,
  default: limit,
  recipients,
  exclude,
  explanation,
}: UserLimits): UserLimitsForm {
  return {
    enabled,
    limit,
    recipients,
    excludeAgents: exclude.agent_deployment,
    excludeWorkflows: exclude.workflow,
    text: explanation.text ?? '',
    contact: explanation.contact ?? '',
    hideAmounts: explanation.hideAmounts,
  }
}

export function bodyOf(form: UserLimitsForm): object {
  return {
    enabled: form.enabled,
    default: form.limit,
    recipients: form.recipients,
    exclude: { agent_deployment: form.excludeAgents, workflow: form.excludeWorkflows },
    explanation: {
      text: form.text.trim() === '' ? null : form.text,
      contact: form.contact.trim() === '' ? null : form.contact.trim(),
      hideAmounts: form.hideAmounts,
    },
  }
}

export function check({ limit, recipients }: UserLimitsForm): FieldErrors {
  return { limit: creditsError(limit, 0), recipients: recipientsError(recipients) }
}

const FIELDS: Readonly<Record<string, string>> = {
  default: 'limit',
  'exclude.agent_deployment': 'excludeAgents',
  'exclude.workflow': 'excludeWorkflows',
  'explanation.text': 'text',
  'explanation.contact': 'contact',
  'explanation.hideAmounts': 'hideAmounts',
}

export function fieldOf(field: string): string {
  return FIELDS[field] ?? recipientsFieldOf(field)
}
