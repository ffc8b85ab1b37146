import { Button, Text } from '@mantine/core'
import { IconPencil, IconPlus, IconTrash } from '@tabler/icons-react'
import { useRef, useState, type ReactElement } from 'react'
import { usePaged } from '../api/paging.ts'
import type { Channel, ChannelWithSecret } from '../api/types.ts'
import type { Column } from '../parts/data-table.tsx'
import { Empty } from '../parts/empty.tsx'
import { PageHead } from '../parts/page-head.tsx'
import { PagedList } from '../parts/paged-list.tsx'
import { Panel } from '../parts/panel.tsx'
import { Removal } from '../parts/removal.tsx'
import { RowActions } from '../parts/row-actions.tsx'
import { SecretDialog } from '../parts/secret-dialog.tsx'
import { Status } from '../parts/status.tsx'
import { useOrg } from '../shell/org-context.tsx'
import { AddChannelDialog, EditChannelDialog } from './channel-dialog.tsx'
import { TestButton } from './test-button.tsx'

type Open = { readonly what: 'edit' | 'delete'; readonly channel: Channel } | { readonly what: 'add' } | null

export function ChannelsPage(): ReactElement {
  const { path } = useOrg()
  const [open, setOpen] = useState<Open>(null)
  const [secret, setSecret] = useState<string | null>(null)
  const addButton = useRef<HTMLButtonElement>(null)
  const paged = usePaged<Channel>(['channels'], `${path}/channels`)
  const focusAdd = (): void => addButton.current?.focus()
  function saved(channel: ChannelWithSecret): void {
    setOpen(null)
    setSecret(channel.secret ?? null)
  }
  return (
    <div className="tg-page">
      <PageHead
        title="Channels"
        actions={
          <Button
            ref={addButton}
            leftSection={<IconPlus size={16} />}
            onClick={() => setOpen({ what: 'add' })}
          >
            Add channel
          </Button>
        }
      >
        Where notifications go besides the mail of each recipient.
      </PageHead>
      <Panel title="All channels">
        <div className="tg-panel-body">
          <PagedList
            caption="Channels"
            paged={paged}
            columns={columns(setOpen)}
            rowKey={({ id }) => id}
            empty={<Empty title="No channels yet">Add a webhook of your own, or a Slack channel.</Empty>}
          />
        </div>
      </Panel>
      <AddChannelDialog isOpen={open?.what === 'add'} onClose={() => setOpen(null)} onSaved={saved} />
      <EditChannelDialog
        channel={open?.what === 'edit' ? open.channel : null}
        onClose={() => setOpen(null)}
        onSaved={saved}
      />
      <WebhookSecret
        secret={secret}
        onClose={() => {
          setSecret(null)
          focusAdd()
        }}
      />
      <DeleteChannel
        channel={open?.what === 'delete' ? open.channel : null}
        onClose={() => setOpen(null)}
        onRemoved={focusAdd}
      />
    </div>
  )
}

function WebhookSecret({ secret, onClose }: { secret: string | null; onClose: () => void }): ReactElement {
  return (
    <SecretDialog title="The webhook’s secret" label="Secret" secret={secret} onClose={onClose}>
      Verify messages with it, as Standard Webhooks says. Copy it now: it cannot be shown again.
    </SecretDialog>
  )
}

const KINDS = { webhook: 'Webhook', slack: 'Slack' } as const

export const nameOfChannel = ({ name, kind, url }: Channel): string => name ?? `${KINDS[kind]} ${url}`

function columns(onOpen: (open: Open) => void): Column<Channel>[] {
  return [
    {
      label: 'Channel',
      lead: true,
      width: '46%',
      cell: ({ name, kind, url }) => (
        <>
          <Text fw={500}>{name ?? KINDS[kind]}</Text>
          <Text size="xs" c="dimmed" className="tg-break">
            {name === null ? url : `${KINDS[kind]} · ${url}`}
          </Text>
        </>
      ),
    },
    {
      label: 'State',
      cell: ({ enabled }) => (enabled ? <Status tone="good">On</Status> : <Status tone="quiet">Off</Status>),
    },
    { label: 'Test', cell: (channel) => <TestButton channel={channel} name={nameOfChannel(channel)} /> },
    {
      label: '',
      hiddenLabel: 'Actions',
      align: 'end',
      width: '90px',
      cell: (channel) => (
        <RowActions
          about={nameOfChannel(channel)}
          actions={[
            { label: 'Edit', icon: IconPencil, onClick: () => onOpen({ what: 'edit', channel }) },
            { label: 'Delete', icon: IconTrash, onClick: () => onOpen({ what: 'delete', channel }) },
          ]}
        />
      ),
    },
  ]
}

interface DeleteChannelProps {
  readonly channel: Channel | null
  readonly onClose: () => void
  readonly onRemoved: () => void
}

function DeleteChannel({ channel, onClose, onRemoved }: DeleteChannelProps): ReactElement {
  const { path } = useOrg()
  return (
    <Removal
      target={channel}
      title="Delete this channel?"
      action="Delete channel"
      pathOf={({ id }) => `${path}/channels/${id}`}
      done="Channel deleted."
      lists={['channels']}
      onClose={onClose}
      onRemoved={onRemoved}
    >
      {(gone) => (
        <>
          Nothing more is sent to <strong>{nameOfChannel(gone)}</strong>.
        </>
      )}
    </Removal>
  )
}
