/** How a conflict names and shows the fields of a form that two admins have changed. */
import type { ReactNode } from 'react'
import type { ConflictField } from '../parts/conflict-dialog.tsx'
import type { CreditsValue } from '../parts/credits-input.tsx'
import { RecipientsText } from '../parts/recipients-text.tsx'
import { credits } from '../format.ts'
import type { Recipients } from '../api/types.ts'
import type { AlertForm } from './alert-rules.ts'
import type { UserAlertsForm } from './user-alerts-form.ts'
import type { UserLimitsForm } from './user-limits-form.ts'

const amount = (value: CreditsValue): string => (value === '' ? 'none' : `${credits(value)} credits`)
const onOff = (isOn: boolean): string => (isOn ? 'On' : 'Off')
const people = (recipients: Recipients): ReactNode => <RecipientsText recipients={recipients} />
const text = (value: string): string => (value === '' ? 'none' : value)

export const ALERT_FIELDS: readonly ConflictField<AlertForm>[] = [
  {
    // A threshold has no meaning without its type, so both are chosen together.
    keys: ['type', 'threshold'],
    label: 'Threshold',
    show: ({ type, threshold }) => (type === 'percentage' ? `${threshold}%` : amount(threshold)),
  },
  { keys: ['recipients'], label: 'Recipients', show: ({ recipients }) => people(recipients) },
]

export const USER_ALERTS_FIELDS: readonly ConflictField<UserAlertsForm>[] = [
  { keys: ['enabled'], label: 'Credit usage alerts', show: ({ enabled }) => onOff(enabled) },
  { keys: ['threshold'], label: 'Threshold', show: ({ threshold }) => amount(threshold) },
  { keys: ['notifyUser'], label: 'Notify the user', show: ({ notifyUser }) => onOff(notifyUser) },
  { keys: ['recipients'], label: 'Admins to notify', show: ({ recipients }) => people(recipients) },
]

export const USER_LIMITS_FIELDS: readonly ConflictField<UserLimitsForm>[] = [
  { keys: ['enabled'], label: 'Per-user credit limits', show: ({ enabled }) => onOff(enabled) },
  { keys: ['limit'], label: 'Default limit', show: ({ limit }) => amount(limit) },
  { keys: ['recipients'], label: 'Admins to notify', show: ({ recipients }) => people(recipients) },
  {
    keys: ['excludeAgents'],
    label: 'Exclude deployed agents',
    show: ({ excludeAgents }) => onOff(excludeAgents),
  },
  {
    keys: ['excludeWorkflows'],
    label: 'Exclude workflows',
    show: ({ excludeWorkflows }) => onOff(excludeWorkflows),
  },
  { keys: ['text'], label: 'Explanation', show: (form) => text(form.text) },
  { keys: ['contact'], label: 'Contact', show: ({ contact }) => text(contact) },
  { keys: ['hideAmounts'], label: 'Hide amounts', show: ({ hideAmounts }) => onOff(hideAmounts) },
]
