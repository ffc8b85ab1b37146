import { Button, Text } from '@mantine/core'
import { IconPencil, IconPlus, IconTrash } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useRef, useState, type ReactElement } from 'react'
import { getAll } from '../api/paging.ts'
import type { Alert, Org } from '../api/types.ts'
import { credits, dateTime } from '../format.ts'
import { DataTable, type Column } from '../parts/data-table.tsx'
import { Empty } from '../parts/empty.tsx'
import { ErrorState } from '../parts/error-state.tsx'
import { Panel } from '../parts/panel.tsx'
import { Removal } from '../parts/removal.tsx'
import { RecipientsText } from '../parts/recipients-text.tsx'
import { RowActions } from '../parts/row-actions.tsx'
import { RowsSkeleton } from '../parts/skeletons.tsx'
import { Status } from '../parts/status.tsx'
import { useOrg } from '../shell/org-context.tsx'
import { AddAlertDialog, EditAlertDialog } from './alert-dialog.tsx'
import { alertName } from './alert-rules.ts'

type Open = { readonly what: 'edit' | 'delete'; readonly alert: Alert } | { readonly what: 'add' } | null

export function OrgAlerts(): ReactElement {
  const { path } = useOrg()
  const alerts = useQuery({
    queryKey: ['alerts', path],
    queryFn: () => getAll<Alert>(`${path}/alerts`),
  })
  const [open, setOpen] = useState<Open>(null)
  const addButton = useRef<HTMLButtonElement>(null)
  const close = (): void => setOpen(null)
  return (
    <Panel
      title="Organization alerts"
      description="Tell admins when the organization’s usage reaches a threshold. An alert fires once per billing period and never blocks a call."
      action={
        <Button ref={addButton} leftSection={<IconPlus size={16} />} onClick={() => setOpen({ what: 'add' })}>
          Add alert
        </Button>
      }
    >
      <div className="tg-panel-body">
        {alerts.isPending ? (
          <RowsSkeleton />
        ) : alerts.isError ? (
          <ErrorState error={alerts.error} onRetry={() => void alerts.refetch()} />
        ) : (
          <AlertList alerts={alerts.data} onOpen={setOpen} />
        )}
      </div>
      <AddAlertDialog isOpen={open?.what === 'add'} onClose={close} />
      <EditAlertDialog alert={open?.what === 'edit' ? open.alert : null} onClose={close} />
      <Removal
        target={open?.what === 'delete' ? open.alert : null}
        title="Delete this alert?"
        action="Delete alert"
        pathOf={({ id }) => `${path}/alerts/${id}`}
        done="Alert deleted."
        lists={['alerts']}
        onClose={close}
        onRemoved={() => addButton.current?.focus()}
      >
        {(alert) => (
          <>
            The alert at <strong>{alertName(alert)}</strong> will not fire any more. What it has sent stays in
            the notifications.
          </>
        )}
      </Removal>
    </Panel>
  )
}

function AlertList({
  alerts,
  onOpen,
}: {
  alerts: readonly Alert[]
  onOpen: (open: Open) => void
}): ReactElement {
  const { org } = useOrg()
  if (alerts.length === 0) {
    return (
      <Empty title="No alerts yet">
        Add one, for example at 75% of the allowance, and the admins hear of it while there is time to act.
      </Empty>
    )
  }
  const rows = [...alerts].sort((one, other) => (one.mark ?? 0) - (other.mark ?? 0))
  return (
    <DataTable
      caption="Organization alerts"
      columns={columns(org, onOpen)}
      rows={rows}
      rowKey={({ id }) => id}
    />
  )
}

function columns(org: Org, onOpen: (open: Open) => void): Column<Alert>[] {
  return [
    { label: 'Threshold', lead: true, cell: (alert) => <Threshold alert={alert} /> },
    { label: 'Recipients', cell: ({ recipients }) => <RecipientsText recipients={recipients} /> },
    { label: 'State', cell: (alert) => <FiredOrArmed alert={alert} timezone={org.billing.timezone} /> },
    {
      label: '',
      hiddenLabel: 'Actions',
      align: 'end',
      cell: (alert) => (
        <RowActions
          about={`the alert at ${alertName(alert)}`}
          actions={[
            { label: 'Edit', icon: IconPencil, onClick: () => onOpen({ what: 'edit', alert }) },
            { label: 'Delete', icon: IconTrash, onClick: () => onOpen({ what: 'delete', alert }) },
          ]}
        />
      ),
    },
  ]
}

function Threshold({ alert }: { alert: Alert }): ReactElement {
  if (alert.type === 'absolute') return <Text fw={600}>{credits(alert.threshold)} credits</Text>
  return (
    <>
      <Text fw={600}>{alert.threshold}% of the allowance</Text>
      <Text size="xs" c="dimmed">
        {alert.mark === null ? 'does not fire: the allowance is 0' : `now ${credits(alert.mark)} credits`}
      </Text>
    </>
  )
}

function FiredOrArmed({ alert, timezone }: { alert: Alert; timezone: string }): ReactElement {
  if (alert.firedAt === null) return <Status tone="quiet">Armed</Status>
  return <Status tone="warn">Fired {dateTime(alert.firedAt, timezone)}</Status>
}
