import { Button, Text } from '@mantine/core'
import { IconPencil, IconPlus, IconTrash } from '@tabler/icons-react'
import { useRef, useState, type ReactElement } from 'react'
import { usePaged } from '../api/paging.ts'
import type { ListedCustomLimit } from '../api/types.ts'
import { credits } from '../format.ts'
import type { CreditsValue } from '../parts/credits-input.tsx'
import type { Column } from '../parts/data-table.tsx'
import { Empty } from '../parts/empty.tsx'
import { PagedList } from '../parts/paged-list.tsx'
import { SubPanel } from '../parts/panel.tsx'
import { Removal } from '../parts/removal.tsx'
import { RowActions } from '../parts/row-actions.tsx'
import { UserName } from '../parts/user-name.tsx'
import { useOrg } from '../shell/org-context.tsx'
import { CustomLimitDialog, type CustomLimitTarget } from './custom-limit-dialog.tsx'

/** Limits of single users, which replace the default, whether higher or lower (L2). */
export function CustomLimits({ defaultLimit }: { defaultLimit: CreditsValue | undefined }): ReactElement {
  const { path } = useOrg()
  const [editing, setEditing] = useState<CustomLimitTarget | null>(null)
  const [removing, setRemoving] = useState<ListedCustomLimit | null>(null)
  const addButton = useRef<HTMLButtonElement>(null)
  const paged = usePaged<ListedCustomLimit>(['custom-limits'], `${path}/user-limits/custom`)
  return (
    <SubPanel
      title="Custom limits"
      description="For single users, in place of the default limit. Saved at once."
      action={
        <Button
          ref={addButton}
          variant="default"
          leftSection={<IconPlus size={16} />}
          onClick={() => setEditing({ what: 'add' })}
        >
          Add custom limit
        </Button>
      }
    >
      <PagedList
        caption="Custom limits"
        paged={paged}
        rowKey={({ user }) => user}
        columns={columns(({ user, name }) => setEditing({ what: 'edit', user, name }), setRemoving)}
        empty={<Empty title="No custom limits">{emptyHint(defaultLimit)}</Empty>}
      />
      <CustomLimitDialog target={editing} onClose={() => setEditing(null)} />
      <Removal
        target={removing}
        title="Remove this custom limit?"
        action="Remove limit"
        pathOf={({ user }) => `${path}/user-limits/custom/${encodeURIComponent(user)}`}
        done="Custom limit removed. The default limit holds for the next call."
        lists={['custom-limits', 'users']}
        onClose={() => setRemoving(null)}
        onRemoved={() => addButton.current?.focus()}
      >
        {({ user }) => (
          <>
            <strong>{user}</strong> will have the default limit, beginning with the next call.
          </>
        )}
      </Removal>
    </SubPanel>
  )
}

function emptyHint(limit: CreditsValue | undefined): string {
  return limit === undefined || limit === ''
    ? 'Every user has the default limit.'
    : `Every user has the default limit of ${credits(limit)} credits.`
}

function columns(
  onEdit: (custom: ListedCustomLimit) => void,
  onRemove: (custom: ListedCustomLimit) => void,
): Column<ListedCustomLimit>[] {
  return [
    { label: 'User', lead: true, cell: ({ user, name }) => <UserName user={user} name={name} /> },
    {
      label: 'Limit',
      align: 'end',
      cell: ({ limit }) => (limit === null ? 'Unlimited' : <Text span>{credits(limit)} credits</Text>),
    },
    {
      label: '',
      hiddenLabel: 'Actions',
      align: 'end',
      width: '90px',
      cell: (custom) => (
        <RowActions
          about={`the limit of ${custom.user}`}
          actions={[
            { label: 'Edit', icon: IconPencil, onClick: () => onEdit(custom) },
            { label: 'Remove', icon: IconTrash, onClick: () => onRemove(custom) },
          ]}
        />
      ),
    },
  ]
}
