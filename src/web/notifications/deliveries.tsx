import { Select } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState, type ReactElement } from 'react'
import { getAll, usePaged } from '../api/paging.ts'
import type { Channel, Delivery, DeliveryState, Notification } from '../api/types.ts'
import { count, dateTime } from '../format.ts'
import { Empty } from '../parts/empty.tsx'
import { Pages } from '../parts/paged-list.tsx'
import { Status } from '../parts/status.tsx'
import { useOrg } from '../shell/org-context.tsx'
import { SendAgain } from './send-again.tsx'
import { canSendAgain, happened, STATES, statesOf, total, toWhom, trouble } from './words.ts'

const AT_ONCE = 25

interface DeliveriesProps {
  readonly id: string
  readonly notice: Notification
  /** If the deliveries do not fit on one page, only those in this state are shown at first; null for all. */
  readonly state: DeliveryState | null
}

/**
 * The deliveries of one notification. There may be thousands, so they are filtered by state and loaded page by page.
 */
export function Deliveries({ id, notice, state: first }: DeliveriesProps): ReactElement {
  const { org, path } = useOrg()
  const isLong = total(notice) > AT_ONCE
  const [state, setState] = useState(isLong ? first : null)
  const paged = usePaged<Delivery>(
    ['notifications', 'deliveries'],
    `${path}/notifications/${notice.id}/deliveries`,
    { state: state ?? undefined, limit: AT_ONCE },
  )
  const channels = useChannelNames()
  const about = happened(notice)
  return (
    <div id={id} role="group" aria-label={`Deliveries: ${about}`}>
      {isLong && <StateChoice notice={notice} value={state} onChange={setState} />}
      <Pages paged={paged} about={`deliveries: ${about}`} empty={<Empty title="None in this state" />}>
        {(deliveries) => (
          <ul className="tg-deliveries">
            {deliveries.map((delivery) => (
              <One
                key={`${delivery.channel} ${delivery.recipient ?? ''}`}
                notice={notice.id}
                delivery={delivery}
                who={toWhom(delivery, channels)}
                timezone={org.billing.timezone}
              />
            ))}
          </ul>
        )}
      </Pages>
    </div>
  )
}

interface StateChoiceProps {
  readonly notice: Notification
  readonly value: DeliveryState | null
  readonly onChange: (state: DeliveryState | null) => void
}

function StateChoice({ notice, value, onChange }: StateChoiceProps): ReactElement {
  const there = statesOf(notice)
  const shown = value === null || there.includes(value) ? there : [...there, value]
  return (
    <Select
      aria-label={`State of deliveries: ${happened(notice)}`}
      className="tg-delivery-state"
      size="xs"
      allowDeselect={false}
      checkIconPosition="right"
      data={[
        { value: '', label: `All (${count(total(notice))})` },
        ...shown.map((state) => ({
          value: state,
          label: `${STATES[state].label} (${count(notice.counts[state])})`,
        })),
      ]}
      value={value ?? ''}
      onChange={(chosen) => onChange(chosen === '' ? null : (chosen as DeliveryState))}
    />
  )
}

interface OneProps {
  readonly notice: string
  readonly delivery: Delivery
  readonly who: string
  readonly timezone: string
}

function One({ notice, delivery, who, timezone }: OneProps): ReactElement {
  const { label, tone } = STATES[delivery.state]
  const why = trouble(delivery)
  return (
    <li>
      <Status tone={tone}>{label}</Status>
      <span className="tg-delivery-who">
        {who}
        {why !== null && <span className="tg-delivery-why">{why}</span>}
      </span>
      <span className="tg-quiet">{dateTime(delivery.at, timezone)}</span>
      {canSendAgain(delivery) && (
        <SendAgain notice={notice} delivery={delivery} label="Send again" about={who} />
      )}
    </li>
  )
}

/** The names of channels by id; a deleted channel is shown by its id. */
function useChannelNames(): ReadonlyMap<string, string> {
  const { path } = useOrg()
  const channels = useQuery({
    queryKey: ['channels', 'names', path],
    queryFn: () => getAll<Channel>(`${path}/channels`),
  })
  return new Map((channels.data ?? []).map(({ id, name, url }) => [id, name ?? url]))
}
