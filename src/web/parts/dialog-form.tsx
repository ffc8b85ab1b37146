import { Button, Group, Stack, Text } from '@mantine/core'
import type { FormEvent, ReactElement, ReactNode } from 'react'

interface DialogFormProps {
  readonly submitLabel: string
  readonly failure: string | null
  readonly isBusy: boolean
  readonly onSubmit: () => void
  readonly onClose: () => void
  readonly children: ReactNode
}

/** The content of a dialog with a form: its fields, an error, Cancel and the button that submits. */
export function DialogForm(props: DialogFormProps): ReactElement {
  const { submitLabel, failure, isBusy, onSubmit, onClose, children } = props
  function submit(event: FormEvent): void {
    event.preventDefault()
    onSubmit()
  }
  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="lg">
        {children}
        {failure !== null && (
          <Text c="var(--mantine-color-error)" role="alert">
            {failure}
          </Text>
        )}
      </Stack>
      <Group justify="flex-end" mt="xl">
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Button type="submit" loading={isBusy}>
          {submitLabel}
        </Button>
      </Group>
    </form>
  )
}
