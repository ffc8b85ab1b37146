import { ActionIcon, Tooltip } from '@mantine/core'
import type { Icon } from '@tabler/icons-react'
import type { ReactElement } from 'react'

export interface RowAction {
  /** The visible label; the row's `about` completes it for screen readers. */
  readonly label: string
  readonly icon: Icon
  readonly onClick: () => void
  readonly isBusy?: boolean
}

/** The buttons at the end of a row; `about` names the row, such as “the alert at 75%”. */
export function RowActions({
  actions,
  about,
}: {
  actions: readonly RowAction[]
  about: string
}): ReactElement {
  return (
    <div className="tg-actions">
      {actions.map(({ label, icon: Icon, onClick, isBusy = false }) => (
        <Tooltip key={label} label={label}>
          <ActionIcon aria-label={`${label} ${about}`} onClick={onClick} loading={isBusy}>
            <Icon size={17} stroke={1.6} />
          </ActionIcon>
        </Tooltip>
      ))}
    </div>
  )
}
