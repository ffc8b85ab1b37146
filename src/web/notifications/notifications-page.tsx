import { Select, Text, UnstyledButton } from '@mantine/core'
import { IconChevronRight } from '@tabler/icons-react'
import { Fragment, useState, type ReactElement } from 'react'
import { Link } from 'wouter'
import { usePaged } from '../api/paging.ts'
import type { DeliveryState, Notification } from '../api/types.ts'
import { count, credits, dateTime } from '../format.ts'
import type { Column } from '../parts/data-table.tsx'
import { Empty } from '../parts/empty.tsx'
import { PageHead } from '../parts/page-head.tsx'
import { PagedList } from '../parts/paged-list.tsx'
import { Panel } from '../parts/panel.tsx'
import { Status } from '../parts/status.tsx'
import { useOrg } from '../shell/org-context.tsx'
import { Deliveries } from './deliveries.tsx'
import { SendAgain } from './send-again.tsx'
import { happened, STATES, summary, summaryId, unreached } from './words.ts'

const detailId = ({ id }: Notification): string => `deliveries-${id}`

export function NotificationsPage(): ReactElement {
  const { org, path } = useOrg()
  const [state, setState] = useState<DeliveryState | null>(null)
  const { isOpen, toggle } = useUnfolded()
  // A notification may have thousands of deliveries, so they are loaded when its row is expanded.
  const paged = usePaged<Notification>(['notifications'], `${path}/notifications`, {
    state: state ?? undefined,
    deliveries: 0,
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
            onChange={(chosen) => setState(chosen as DeliveryState | null)}
          />
        }
      >
        <div className="tg-panel-body">
          <PagedList
            caption="Notifications"
            paged={paged}
            columns={columns(timezone, isOpen, toggle)}
            rowKey={({ id }) => id}
            detail={(notice) =>
              isOpen(notice) ? (
                <Deliveries key={state} id={detailId(notice)} notice={notice} state={state} />
              ) : null
            }
            empty={<Nothing isFiltered={state !== null} />}
          />
        </div>
      </Panel>
    </div>
  )
}

interface Unfolded {
  readonly isOpen: (notice: Notification) => boolean
  readonly toggle: (notice: Notification) => void
}

function useUnfolded(): Unfolded {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set())
  return {
    isOpen: ({ id }) => open.has(id),
    toggle: ({ id }) =>
      setOpen((before) => {
        const after = new Set(before)
        if (!after.delete(id)) after.add(id)
        return after
      }),
  }
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

function columns(
  timezone: string,
  isOpen: Unfolded['isOpen'],
  toggle: Unfolded['toggle'],
): Column<Notification>[] {
  return [
    { label: 'What', lead: true, width: '40%', cell: (notice) => <What notice={notice} /> },
    { label: 'When', nowrap: true, cell: ({ occurredAt }) => dateTime(occurredAt, timezone) },
    {
      label: 'Delivery',
      stacked: true,
      cell: (notice) => <Summary notice={notice} isOpen={isOpen(notice)} onToggle={() => toggle(notice)} />,
    },
    {
      label: '',
      hiddenLabel: 'Actions',
      align: 'end',
      cell: (notice) => <SendAllAgain notice={notice} />,
    },
  ]
}

function What({ notice }: { notice: Notification }): ReactElement {
  const { user, name, used } = notice
  return (
    <>
      <Text fw={500}>{happened(notice)}</Text>
      <Text size="xs" c="dimmed">
        {user !== null && name !== null && `${user}, `}
        {credits(used)} credits used
      </Text>
    </>
  )
}

interface SummaryProps {
  readonly notice: Notification
  readonly isOpen: boolean
  readonly onToggle: () => void
}

/** The number of deliveries in each state, as a button that expands the row. */
function Summary({ notice, isOpen, onToggle }: SummaryProps): ReactElement {
  const parts = summary(notice)
  if (parts.length === 0) return <Status tone="quiet">In line</Status>
  const said = parts.map(({ text }) => text).join(', ')
  return (
    <UnstyledButton
      id={summaryId(notice.id)}
      className="tg-unfold"
      aria-label={`${said}. Deliveries: ${happened(notice)}`}
      aria-expanded={isOpen}
      aria-controls={isOpen ? detailId(notice) : undefined}
      onClick={onToggle}
    >
      <IconChevronRight size={16} aria-hidden="true" />
      <span>
        {parts.map(({ tone, text }) => (
          <Fragment key={text}>
            <Status tone={tone}>{text}</Status>{' '}
          </Fragment>
        ))}
      </span>
    </UnstyledButton>
  )
}

function SendAllAgain({ notice }: { notice: Notification }): ReactElement | null {
  const many = unreached(notice)
  if (many === 0) return null
  return (
    <SendAgain
      notice={notice.id}
      label={many === 1 ? 'Send again' : `Send ${count(many)} again`}
      about={happened(notice)}
    />
  )
}
