import { Button, Group, Modal, Text } from '@mantine/core'
import type { ReactElement, ReactNode } from 'react'
import { CopyButton } from './copy-button.tsx'
import { useLast } from './use-last.ts'

interface SecretDialogProps {
  readonly title: string
  /** The name of the secret, such as “Key”. */
  readonly label: string
  readonly secret: string | null
  readonly onClose: () => void
  readonly children: ReactNode
}

/** Shows a secret once. A click outside does not close the dialog, because the secret cannot be shown again. */
export function SecretDialog({ title, label, secret, onClose, children }: SecretDialogProps): ReactElement {
  const shown = useLast(secret) ?? ''
  return (
    <Modal opened={secret !== null} onClose={onClose} title={title} size="lg" closeOnClickOutside={false}>
      <Text>{children}</Text>
      <div className="tg-secret" role="group" aria-label={label}>
        <code>{shown}</code>
        <CopyButton text={shown} label={`Copy the ${label.toLowerCase()}`} />
      </div>
      <Group justify="flex-end" mt="xl">
        <Button onClick={onClose}>I have copied it</Button>
      </Group>
    </Modal>
  )
}
