import { Button } from '@mantine/core'
import { IconPencil, IconPlus, IconTrash } from '@tabler/icons-react'
import { useRef, useState, type ReactElement } from 'react'
import { usePaged } from '../api/paging.ts'
import type { Member } from '../api/types.ts'
import type { Column } from '../parts/data-table.tsx'
import { Empty } from '../parts/empty.tsx'
import { PageHead } from '../parts/page-head.tsx'
import { PagedList } from '../parts/paged-list.tsx'
import { Panel } from '../parts/panel.tsx'
import { Removal } from '../parts/removal.tsx'
import { RowActions } from '../parts/row-actions.tsx'
import { SearchField, useSearchText } from '../parts/search-field.tsx'
import { UserName } from '../parts/user-name.tsx'
import { useOrg } from '../shell/org-context.tsx'
import { AddMemberDialog, EditMemberDialog } from './member-dialog.tsx'

type Open = { readonly what: 'edit' | 'remove'; readonly member: Member } | { readonly what: 'add' } | null

export function MembersPage(): ReactElement {
  const { path } = useOrg()
  const { text, q, setText } = useSearchText()
  const [open, setOpen] = useState<Open>(null)
  const addButton = useRef<HTMLButtonElement>(null)
  const paged = usePaged<Member>(['members'], `${path}/members`, { q })
  const close = (): void => setOpen(null)
  return (
    <div className="tg-page">
      <PageHead
        title="Members"
        actions={
          <Button
            ref={addButton}
            leftSection={<IconPlus size={16} />}
            onClick={() => setOpen({ what: 'add' })}
          >
            Add member
          </Button>
        }
      >
        Who may use credits. Admins also see and change these settings.
      </PageHead>
      <Panel title="Everybody" action={<SearchField label="Search members" text={text} onChange={setText} />}>
        <div className="tg-panel-body">
          <PagedList
            caption="Members"
            paged={paged}
            columns={columns(setOpen)}
            rowKey={({ user }) => user}
            empty={
              <Empty title={q === '' ? 'No members yet' : 'No member found'}>
                {q === ''
                  ? 'Add the people whose calls this organization pays for.'
                  : `No member matches “${q}”.`}
              </Empty>
            }
          />
        </div>
      </Panel>
      <AddMemberDialog isOpen={open?.what === 'add'} onClose={close} />
      <EditMemberDialog member={open?.what === 'edit' ? open.member : null} onClose={close} />
      <RemoveMember
        member={open?.what === 'remove' ? open.member : null}
        onClose={close}
        onRemoved={() => addButton.current?.focus()}
      />
    </div>
  )
}

interface RemoveMemberProps {
  readonly member: Member | null
  readonly onClose: () => void
  readonly onRemoved: () => void
}

function RemoveMember({ member, onClose, onRemoved }: RemoveMemberProps): ReactElement {
  const { path } = useOrg()
  return (
    <Removal
      target={member}
      title="Remove this member?"
      action="Remove member"
      pathOf={({ user }) => `${path}/members/${encodeURIComponent(user)}`}
      done="Member removed."
      lists={['members', 'users', 'custom-limits', 'usage', 'notifications']}
      onClose={onClose}
      onRemoved={onRemoved}
    >
      {({ user, name }) => (
        <>
          <strong>{name ?? user}</strong> cannot call any more, from the next call on. Earlier usage stays,
          and counts again if the user is added again.
        </>
      )}
    </Removal>
  )
}

function columns(onOpen: (open: Open) => void): Column<Member>[] {
  return [
    { label: 'Name', lead: true, cell: ({ user, name }) => <UserName user={user} name={name} /> },
    { label: 'Email', cell: ({ email }) => email ?? <span className="tg-quiet">none</span> },
    { label: 'Role', cell: ({ role }) => (role === 'admin' ? 'Admin' : 'Member') },
    {
      label: '',
      hiddenLabel: 'Actions',
      align: 'end',
      width: '90px',
      cell: (member) => (
        <RowActions
          about={member.name ?? member.user}
          actions={[
            { label: 'Edit', icon: IconPencil, onClick: () => onOpen({ what: 'edit', member }) },
            { label: 'Remove', icon: IconTrash, onClick: () => onOpen({ what: 'remove', member }) },
          ]}
        />
      ),
    },
  ]
}
