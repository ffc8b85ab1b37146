import { Radio, Stack } from '@mantine/core'
import { useState, type ReactElement } from 'react'
import type { Recipients } from '../api/types.ts'
import { UsersPicker } from './user-picker.tsx'

interface RecipientsFieldProps {
  readonly label: string
  readonly value: Recipients
  readonly onChange: (recipients: Recipients) => void
  readonly error?: string | undefined
}

/**
 * All admins at the time of sending, or some admins. The list of chosen admins is kept while the other option is
 * selected.
 */
export function RecipientsField({ label, value, onChange, error }: RecipientsFieldProps): ReactElement {
  const [kept, setKept] = useState<readonly string[]>(value === 'all' ? [] : value)
  return (
    <Stack gap="sm">
      <Radio.Group
        label={label}
        value={value === 'all' ? 'all' : 'some'}
        onChange={(choice) => onChange(choice === 'all' ? 'all' : kept)}
      >
        <Stack gap={10} mt={8}>
          <Radio
            value="all"
            label="All admins"
            description="Everyone who is an admin at the time of sending."
          />
          <Radio value="some" label="Specific admins" />
        </Stack>
      </Radio.Group>
      {value !== 'all' && (
        <div style={{ paddingLeft: 30 }}>
          <UsersPicker
            label="Admins"
            role="admin"
            placeholder={value.length === 0 ? 'Search by name' : ''}
            isRequired
            value={value}
            error={error}
            onChange={(users) => {
              setKept(users)
              onChange(users)
            }}
          />
        </div>
      )}
    </Stack>
  )
}

export function recipientsError(recipients: Recipients): string | undefined {
  return recipients !== 'all' && recipients.length === 0 ? 'Choose at least one admin.' : undefined
}

/** Errors of single recipients are shown at the whole field. */
export function recipientsFieldOf(field: string): string {
  return field.startsWith('recipients') ? 'recipients' : field
}
