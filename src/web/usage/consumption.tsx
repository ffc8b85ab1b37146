import { Button, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState, type ReactElement } from 'react'
import { getAll, getWhole } from '../api/paging.ts'
import type { Alert, BillingPeriod, UsagePage } from '../api/types.ts'
import { credits, day, percent } from '../format.ts'
import { DataTable, type Column } from '../parts/data-table.tsx'
import { ErrorState } from '../parts/error-state.tsx'
import { Panel } from '../parts/panel.tsx'
import { ChartSkeleton } from '../parts/skeletons.tsx'
import { useOrg } from '../shell/org-context.tsx'
import { dayIn, daysBetween } from './days.ts'
import { cumulative, type Point } from './series.ts'
import { UsageChart, type Mark } from './usage-chart.tsx'

interface ConsumptionProps {
  readonly period: BillingPeriod
  readonly isCurrent: boolean
}

/** The organization's consumption against the allowance. The allowance of an earlier period is not known. */
export function Consumption({ period, isCurrent }: ConsumptionProps): ReactElement {
  const { org, path } = useOrg()
  const { from, to } = period
  const usage = useQuery({
    queryKey: ['usage', path, 'day', from, to],
    // A period may have up to 366 days, and a page of the API has 200 of them.
    queryFn: () => getWhole<UsagePage>(`${path}/usage`, { from, to, by: 'day' }),
  })
  const alerts = useQuery({
    queryKey: ['alerts', path],
    queryFn: () => getAll<Alert>(`${path}/alerts`),
    enabled: isCurrent,
  })
  const [isTable, setTable] = useState(false)
  const used = usage.data?.total.credits ?? period.used
  return (
    <Panel
      title="Consumption"
      description={
        isCurrent ? 'Against the allowance, with the marks of your alerts.' : 'Of an earlier billing period.'
      }
      action={
        <Button variant="default" size="xs" onClick={() => setTable(!isTable)} aria-pressed={isTable}>
          {isTable ? 'Show the chart' : 'Show as table'}
        </Button>
      }
    >
      <div className="tg-panel-body">
        <p className="tg-figure">
          <span className="tg-big">{credits(used)}</span>
          <Text span c="dimmed">
            {isCurrent
              ? `of ${credits(org.allowance)} credits, ${percent(used, org.allowance)} of the allowance`
              : 'credits'}
          </Text>
        </p>
        {usage.isPending ? (
          <ChartSkeleton />
        ) : usage.isError ? (
          <ErrorState error={usage.error} onRetry={() => void usage.refetch()} />
        ) : (
          <Figure
            usage={usage.data}
            period={period}
            allowance={isCurrent ? org.allowance : null}
            marks={isCurrent ? marksOf(alerts.data ?? []) : []}
            isTable={isTable}
          />
        )}
      </div>
    </Panel>
  )
}

function marksOf(alerts: readonly Alert[]): Mark[] {
  return alerts
    .flatMap(({ type, threshold, mark, firedAt }) => {
      if (mark === null) return []
      const share = type === 'percentage' ? `${threshold}%: ` : ''
      const isFired = firedAt !== null
      return [{ at: mark, isFired, label: `${share}${credits(mark)}${isFired ? ', fired' : ''}` }]
    })
    .sort((one, other) => other.at - one.at)
}

interface FigureProps {
  readonly usage: UsagePage
  readonly period: BillingPeriod
  readonly allowance: number | null
  readonly marks: readonly Mark[]
  readonly isTable: boolean
}

const COLUMNS: readonly Column<Point>[] = [
  { label: 'Day', lead: true, cell: (point) => day(point.day, true) },
  { label: 'Credits', align: 'end', cell: (point) => credits(point.credits) },
  { label: 'In total', align: 'end', cell: ({ total }) => credits(total) },
]

function Figure({ usage, period, allowance, marks, isTable }: FigureProps): ReactElement {
  const { org } = useOrg()
  const days = daysBetween(period.from, period.to)
  const points = cumulative(usage.items, days, dayIn(org.billing.timezone, Date.now()))
  if (isTable) {
    return (
      <DataTable caption="Consumption by day" columns={COLUMNS} rows={points} rowKey={(point) => point.day} />
    )
  }
  const of = allowance === null ? '' : ` of ${credits(allowance)}`
  const alerts = marks.length === 0 ? '' : ` Alerts at ${marks.map(({ label }) => label).join('; ')}.`
  return (
    <UsageChart
      points={points}
      days={days}
      limit={allowance === null ? null : { label: 'Allowance', at: allowance }}
      marks={marks}
      summary={`Credits used, added up by day: ${credits(usage.total.credits)}${of} by ${day(points.at(-1)?.day ?? period.to)}.${alerts}`}
    />
  )
}
