import { Button, Group, Modal, Text } from '@mantine/core'
import type { ReactElement, ReactNode } from 'react'

interface ConfirmProps {
  readonly isOpen: boolean
  readonly title: string
  /** What the button does, such as “Delete alert”. */
  readonly action: string
  readonly isBusy: boolean
  readonly error: Error | null
  readonly onConfirm: () => void
  readonly onClose: () => void
  readonly children: ReactNode
}

/** Asks before an action that cannot be undone. The focus is on the button that cancels. */
export function Confirm(props: ConfirmProps): ReactElement {
  const { isOpen, title, action, isBusy, error, onConfirm, onClose, children } = props
  return (
    <Modal opened={isOpen} onClose={onClose} title={title}>
      <Text component="div">{children}</Text>
      {error !== null && (
        <Text c="var(--mantine-color-error)" mt="md" role="alert">
          {error.message}
        </Text>
      )}
      <Group justify="flex-end" mt="xl">
        <Button variant="default" onClick={onClose} data-autofocus>
          Cancel
        </Button>
        <Button color="red" loading={isBusy} onClick={onConfirm}>
          {action}
        </Button>
      </Group>
    </Modal>
  )
}
