import { Button, Text } from '@mantine/core'
import type { ReactElement } from 'react'
import type { Draft, Settings } from '../api/settings.ts'

/** The footer of a panel that is saved as a whole: whether there are unsaved changes, an error, Discard and Save. */
export function SaveBar<Form extends Draft>({ settings }: { settings: Settings<Form> }): ReactElement {
  const { isDirty, isSaving, failure, discard } = settings
  return (
    <div className="tg-panel-foot" data-dirty={isDirty || undefined}>
      <div className="tg-panel-foot-state" role="status">
        {failure !== null ? (
          <Text c="var(--mantine-color-error)">{failure}</Text>
        ) : (
          isDirty && <Text c="dimmed">Unsaved changes</Text>
        )}
      </div>
      {isDirty && (
        <Button variant="default" onClick={discard}>
          Discard
        </Button>
      )}
      <Button type="submit" loading={isSaving} disabled={!isDirty}>
        Save
      </Button>
    </div>
  )
}
