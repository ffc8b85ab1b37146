import { Button, Select, Text } from '@mantine/core'
import { notifications as toasts } from '@mantine/notifications'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState, type ReactElement } from 'react'
import { Link } from 'wouter'
import { send } from '../api/http.ts'
import { getAll, usePaged } from '../api/paging.ts'
import { queryClient } from '../api/query-client.ts'
import type { Channel, Delivery, Notification } from '../api/types.ts'
import { credits, dateTime } from '../format.ts'
import type { Column } from '../parts/data-table.tsx'
import { Empty } from '../parts/empty.tsx'
import { PageHead } from '../parts/page-head.tsx'
import { PagedList } from '../parts/paged-list.tsx'
import { Panel } from '../parts/panel.tsx'
import { Status } from '../parts/status.tsx'
import { useOrg } from '../shell/org-context.tsx'
import { canSendAgain, CHANNELS, happened, STATES } from './words.ts'

export function NotificationsPage(): ReactElement {
  const { org, path } = useOrg()
  const [state, setState] = useState<string | null>(null)
  const paged = usePaged<Notification>(['notifications'], `${path}/notifications`, {
    state: state ?? undefined,
  })
  const { timezone } = org.billing
  return (
    <div className="tg-page">
      <PageHead title="Notifications">What was reached, who was told, and whether it arrived.</PageHead>
      <Panel
        title="Log"
        description={`Newest first. Times are of ${timezone}.`}
        action={
          <Select
            aria-label="State"
            placeholder="Every state"
            clearable
            clearButtonProps={{ 'aria-label': 'Every state' }}
            className="tg-search"
            data={Object.entries(STATES).map(([value, { label }]) => ({ value, label }))}
            value={state}
            onChange={setState}
          />
        }
      >
        <div className="tg-panel-body">
          <PagedList
            caption="Notifications"
            paged={paged}
            columns={columns(timezone)}
            rowKey={({ id }) => id}
            empty={<Nothing isFiltered={state !== null} />}
          />
        </div>
      </Panel>
    </div>
  )
}

function Nothing({ isFiltered }: { isFiltered: boolean }): ReactElement {
  if (isFiltered) return <Empty title="None in this state" />
  return (
    <Empty title="Nothing was reached yet">
      Notifications come from the thresholds in <Link href="/limits">Limits & Alerts</Link>. They go by email,
      and to your <Link href="/channels">channels</Link>.
    </Empty>
  )
}

function columns(timezone: string): Column<Notification>[] {
  return [
    { label: 'What', lead: true, width: '32%', cell: (notice) => <What notice={notice} /> },
    { label: 'When', nowrap: true, cell: ({ occurredAt }) => dateTime(occurredAt, timezone) },
    { label: 'Delivery', stacked: true, cell: ({ deliveries }) => <Deliveries deliveries={deliveries} /> },
    {
      label: '',
      hiddenLabel: 'Actions',
      align: 'end',
      cell: (notice) => (canSendAgain(notice) ? <SendAgain notice={notice} /> : null),
    },
  ]
}

function What({ notice }: { notice: Notification }): ReactElement {
  return (
    <>
      <Text fw={500}>{happened(notice)}</Text>
      <Text size="xs" c="dimmed">
        {credits(notice.used)} credits used
      </Text>
    </>
  )
}

/** Names of channels by their ids; one that is gone keeps its id. */
function useChannelNames(): ReadonlyMap<string, string> {
  const { path } = useOrg()
  const channels = useQuery({
    queryKey: ['channels', 'names', path],
    queryFn: () => getAll<Channel>(`${path}/channels`),
  })
  return new Map((channels.data ?? []).map(({ id, name, url }) => [id, name ?? url]))
}

function Deliveries({ deliveries }: { deliveries: readonly Delivery[] }): ReactElement {
  const names = useChannelNames()
  if (deliveries.length === 0) return <Status tone="quiet">In line</Status>
  return (
    <ul className="tg-deliveries">
      {deliveries.map((delivery) => (
        <li key={`${delivery.channel} ${delivery.recipient ?? ''}`}>
          <Status tone={STATES[delivery.state].tone}>{STATES[delivery.state].label}</Status>{' '}
          <span className="tg-quiet">
            {CHANNELS[delivery.channel]}
            {delivery.recipient === null ? '' : ` to ${names.get(delivery.recipient) ?? delivery.recipient}`}
            {delivery.error === null ? '' : `: ${delivery.error}`}
          </span>
        </li>
      ))}
    </ul>
  )
}

function SendAgain({ notice }: { notice: Notification }): ReactElement {
  const { path } = useOrg()
  const again = useMutation({
    mutationFn: () => send('POST', `${path}/notifications/${notice.id}/redeliver`),
    onSuccess: () => {
      toasts.show({ message: 'In line to be sent again.' })
      void queryClient.invalidateQueries({ queryKey: ['notifications'] })
    },
    onError: (error) => toasts.show({ message: error.message, color: 'red' }),
  })
  return (
    <Button
      variant="default"
      size="xs"
      loading={again.isPending}
      aria-label={`Send again: ${happened(notice)}`}
      onClick={() => again.mutate()}
    >
      Send again
    </Button>
  )
}
