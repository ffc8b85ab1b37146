import { Alert, Button } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import type { ReactElement } from 'react'

/** Shown instead of content that could not be loaded. */
export function ErrorState({ error, onRetry }: { error: Error; onRetry: () => void }): ReactElement {
  return (
    <Alert
      variant="default"
      title="This could not be loaded"
      icon={<IconAlertTriangle size={18} />}
      role="alert"
    >
      {error.message}
      <div>
        <Button variant="default" size="xs" mt="sm" onClick={onRetry}>
          Try again
        </Button>
      </div>
    </Alert>
  )
}
