import { Button } from '@mantine/core'
import { IconPlus, IconTrash } from '@tabler/icons-react'
import { useRef, useState, type ReactElement } from 'react'
import { usePaged } from '../api/paging.ts'
import type { VirtualKey } from '../api/types.ts'
import { date } from '../format.ts'
import type { Column } from '../parts/data-table.tsx'
import { Empty } from '../parts/empty.tsx'
import { PageHead } from '../parts/page-head.tsx'
import { PagedList } from '../parts/paged-list.tsx'
import { Panel } from '../parts/panel.tsx'
import { Removal } from '../parts/removal.tsx'
import { RowActions } from '../parts/row-actions.tsx'
import { SecretDialog } from '../parts/secret-dialog.tsx'
import { useOrg } from '../shell/org-context.tsx'
import { KeyDialog } from './key-dialog.tsx'
import { SOURCE_NAMES } from './sources.ts'

export function KeysPage(): ReactElement {
  const { org, path } = useOrg()
  const [isAdding, setAdding] = useState(false)
  const [made, setMade] = useState<string | null>(null)
  const [revoking, setRevoking] = useState<VirtualKey | null>(null)
  const addButton = useRef<HTMLButtonElement>(null)
  const paged = usePaged<VirtualKey>(['keys'], `${path}/keys`)
  return (
    <div className="tg-page">
      <PageHead
        title="Keys"
        actions={
          <Button ref={addButton} leftSection={<IconPlus size={16} />} onClick={() => setAdding(true)}>
            New key
          </Button>
        }
      >
        What SDKs send in place of a provider’s key. A key is shown once, when it is made.
      </PageHead>
      <Panel title="All keys">
        <div className="tg-panel-body">
          <PagedList
            caption="Keys"
            paged={paged}
            columns={columns(org.billing.timezone, setRevoking)}
            rowKey={({ id }) => id}
            empty={
              <Empty title="No keys yet">Make one for a person or an app, and put it into an SDK.</Empty>
            }
          />
        </div>
      </Panel>
      <KeyDialog
        isOpen={isAdding}
        onClose={() => setAdding(false)}
        onMade={(key) => {
          setAdding(false)
          setMade(key)
        }}
      />
      <SecretDialog
        title="Your new key"
        label="Key"
        secret={made}
        onClose={() => {
          setMade(null)
          addButton.current?.focus()
        }}
      >
        Copy it now: only its fingerprint is kept, so it cannot be shown again.
      </SecretDialog>
      <RevokeKey
        target={revoking}
        onClose={() => setRevoking(null)}
        onRevoked={() => addButton.current?.focus()}
      />
    </div>
  )
}

interface RevokeKeyProps {
  readonly target: VirtualKey | null
  readonly onClose: () => void
  readonly onRevoked: () => void
}

function RevokeKey({ target, onClose, onRevoked }: RevokeKeyProps): ReactElement {
  const { path } = useOrg()
  return (
    <Removal
      target={target}
      title="Revoke this key?"
      action="Revoke key"
      pathOf={({ id }) => `${path}/keys/${encodeURIComponent(id)}`}
      done="Key revoked."
      lists={['keys']}
      onClose={onClose}
      onRemoved={onRevoked}
    >
      {({ name }) => (
        <>
          Whatever uses <strong>{name}</strong> is refused from now on. This cannot be undone.
        </>
      )}
    </Removal>
  )
}

function columns(timezone: string, onRevoke: (key: VirtualKey) => void): Column<VirtualKey>[] {
  return [
    {
      label: 'Name',
      lead: true,
      cell: ({ name, hint }) => (
        <>
          <span className="tg-strong">{name}</span>
          <br />
          <span className="tg-mono tg-quiet">{hint}</span>
        </>
      ),
    },
    { label: 'For', cell: (key) => purposeOf(key) },
    {
      label: 'Sources',
      cell: ({ scope, sources }) =>
        scope === 'admin' ? '–' : sources.map((source) => SOURCE_NAMES[source] ?? source).join(', '),
    },
    { label: 'Made', nowrap: true, cell: ({ createdAt }) => date(createdAt, timezone) },
    {
      label: '',
      hiddenLabel: 'Actions',
      align: 'end',
      width: '50px',
      cell: (key) => (
        <RowActions
          about={`the key ${key.name}`}
          actions={[{ label: 'Revoke', icon: IconTrash, onClick: () => onRevoke(key) }]}
        />
      ),
    },
  ]
}

function purposeOf({ scope, app, user }: VirtualKey): string {
  if (scope === 'admin') return `This page, as ${user ?? 'nobody'}`
  if (!app) return user ?? 'nobody'
  return user === null ? 'An app that names its user' : `An app, else ${user}`
}
