import { Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { ReactElement } from 'react'
import { get } from '../api/http.ts'
import type { BillingPeriod, UsageItem, UsagePage } from '../api/types.ts'
import { SOURCE_NAMES } from '../keys/sources.ts'
import { count, credits, percent } from '../format.ts'
import { Empty } from '../parts/empty.tsx'
import { ErrorState } from '../parts/error-state.tsx'
import { Panel } from '../parts/panel.tsx'
import { RowsSkeleton } from '../parts/skeletons.tsx'
import { useOrg } from '../shell/org-context.tsx'

const SHOWN = 8
interface BreakdownProps {
  readonly by: 'source' | 'model'
  readonly title: string
  readonly period: BillingPeriod
}

export function Breakdown({ by, title, period: { from, to } }: BreakdownProps): ReactElement {
  const { path } = useOrg()
  const usage = useQuery({
    queryKey: ['usage', path, by, from, to],
    queryFn: () => get<UsagePage>(`${path}/usage`, { from, to, by, limit: SHOWN }),
  })
  return (
    <Panel title={title}>
      <div className="tg-panel-body">
        {usage.isPending ? (
          <RowsSkeleton />
        ) : usage.isError ? (
          <ErrorState error={usage.error} onRetry={() => void usage.refetch()} />
        ) : usage.data.items.length === 0 ? (
          <Empty title="Nothing used in this period" />
        ) : (
          <Shares by={by} usage={usage.data} />
        )}
      </div>
    </Panel>
  )
}

function nameOf(by: BreakdownProps['by'], key: string): string {
  if (by === 'source') return SOURCE_NAMES[key] ?? key
  return key === 'adjustment' ? 'Adjustments' : key
}

function Shares({ by, usage }: { by: BreakdownProps['by']; usage: UsagePage }): ReactElement {
  const total = usage.total.credits
  return (
    <>
      <ul className="tg-shares">
        {usage.items.map((item) => (
          <Share key={item.key} name={nameOf(by, item.key)} item={item} total={total} />
        ))}
      </ul>
      {usage.next !== null && (
        <Text size="xs" c="dimmed" mt="sm">
          The {SHOWN} largest. The CSV has them all.
        </Text>
      )}
    </>
  )
}

function Share({ name, item, total }: { name: string; item: UsageItem; total: number }): ReactElement {
  const share = total > 0 ? Math.max(0, item.credits / total) : 0
  return (
    <li>
      <span className="tg-share-line">
        <Text span className="tg-share-name">
          {name}
        </Text>
        <Text span>
          {credits(item.credits)}{' '}
          <span className="tg-quiet">({percent(Math.max(0, item.credits), total)})</span>
        </Text>
      </span>
      <span className="tg-bar" aria-hidden="true">
        <span style={{ width: `${Math.min(100, share * 100)}%` }} />
      </span>
      <Text size="xs" c="dimmed">
        {count(item.calls)} {item.calls === 1 ? 'call' : 'calls'}
      </Text>
    </li>
  )
}
