import { Button, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState, type ReactElement } from 'react'
import { get } from '../api/http.ts'
import type { Me } from '../api/types.ts'
import { credits, dateTime, day, period } from '../format.ts'
import { DataTable, type Column } from '../parts/data-table.tsx'
import { Empty } from '../parts/empty.tsx'
import { ErrorState } from '../parts/error-state.tsx'
import { PageHead } from '../parts/page-head.tsx'
import { Panel } from '../parts/panel.tsx'
import { PageSkeleton } from '../parts/skeletons.tsx'
import { UsageBar } from '../parts/usage-bar.tsx'
import { dayIn, daysBetween } from '../usage/days.ts'
import { cumulative, type Point } from '../usage/series.ts'
import { UsageChart } from '../usage/usage-chart.tsx'

/** The page of a member: their own usage and limits only. */
export function MePage(): ReactElement {
  const me = useQuery({ queryKey: ['me'], queryFn: () => get<Me>('/v1/me', { by: 'day' }) })
  if (me.isPending) return <PageSkeleton />
  if (me.isError) return <ErrorState error={me.error} onRetry={() => void me.refetch()} />
  const { period: own } = me.data
  return (
    <div className="tg-page">
      <PageHead title="Your usage">
        Billing period {period(own, own.timezone)}, resets on {dateTime(own.end, own.timezone)} (
        {own.timezone})
      </PageHead>
      {me.data.amountsHidden ? (
        <Empty title="Amounts are not shown">
          Your organization keeps them to its admins. Ask one of them if your calls are refused.
        </Empty>
      ) : (
        <>
          <Standing me={me.data} />
          <ByDay me={me.data} />
        </>
      )}
    </div>
  )
}

function Standing({ me }: { me: Me }): ReactElement {
  const { used = 0, counted = 0, held = 0, limit = null, remaining = null } = me
  return (
    <Panel title="Credits">
      <div className="tg-panel-body">
        <p className="tg-figure">
          <span className="tg-big">{credits(counted)}</span>
          <Text span c="dimmed">
            {limit === null ? 'credits used, without a limit' : `of ${credits(limit)} credits used`}
          </Text>
        </p>
        {limit !== null && <UsageBar used={counted} of={limit} />}
        <dl className="tg-facts">
          {remaining !== null && <Fact name="Left" value={`${credits(remaining)} credits`} />}
          {held > 0 && <Fact name="Held by calls in flight" value={`${credits(held)} credits`} />}
          {used !== counted && (
            <Fact
              name="Used, with what does not count towards the limit"
              value={`${credits(used)} credits`}
            />
          )}
          <Fact name="Resets" value={dateTime(me.period.end, me.period.timezone)} />
        </dl>
      </div>
    </Panel>
  )
}

function Fact({ name, value }: { name: string; value: string }): ReactElement {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

const COLUMNS: readonly Column<Point>[] = [
  { label: 'Day', lead: true, cell: (point) => day(point.day, true) },
  { label: 'Credits', align: 'end', cell: (point) => credits(point.credits) },
  { label: 'In total', align: 'end', cell: ({ total }) => credits(total) },
]

function ByDay({ me }: { me: Me }): ReactElement {
  const [isTable, setTable] = useState(false)
  const { start, end, timezone } = me.period
  const days = daysBetween(dayIn(timezone, Date.parse(start)), dayIn(timezone, Date.parse(end) - 1))
  const points = cumulative(me.days ?? [], days, dayIn(timezone, Date.now()))
  return (
    <Panel
      title="By day"
      action={
        <Button variant="default" size="xs" onClick={() => setTable(!isTable)}>
          {isTable ? 'Show the chart' : 'Show as table'}
        </Button>
      }
    >
      <div className="tg-panel-body">
        {isTable ? (
          <DataTable caption="Usage by day" columns={COLUMNS} rows={points} rowKey={(point) => point.day} />
        ) : (
          <UsageChart
            points={points}
            days={days}
            limit={me.limit == null ? null : { label: 'Your limit', at: me.limit }}
            marks={[]}
            summary={`Credits used, added up by day: ${credits(points.at(-1)?.total ?? 0)} so far.`}
          />
        )}
      </div>
    </Panel>
  )
}
