import { Button, Menu, Select } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState, type ReactElement } from 'react'
import { get, queryOf } from '../api/http.ts'
import type { BillingPeriod, Page, UsageGroup } from '../api/types.ts'
import { period } from '../format.ts'
import { ErrorState } from '../parts/error-state.tsx'
import { PageHead } from '../parts/page-head.tsx'
import { RowsSkeleton } from '../parts/skeletons.tsx'
import { useOrg } from '../shell/org-context.tsx'
import { Breakdown } from './breakdown.tsx'
import { Consumption } from './consumption.tsx'
import { TopUsers } from './top-users.tsx'

/** More than thirteen months of weekly periods. */
const PERIODS = 60

export function UsagePage(): ReactElement {
  const { path } = useOrg()
  const periods = useQuery({
    queryKey: ['periods', path],
    queryFn: () => get<Page<BillingPeriod>>(`${path}/periods`, { limit: PERIODS }),
  })
  const [chosen, setChosen] = useState<number | null>(null)
  const items = periods.data?.items ?? []
  const current = items.find(({ no }) => no === chosen) ?? items[0]
  return (
    <div className="tg-page">
      <PageHead
        title="Usage"
        actions={
          current !== undefined && (
            <div className="tg-head-actions">
              <PeriodPicker periods={items} value={current} onChange={setChosen} />
              <Downloads period={current} />
            </div>
          )
        }
      >
        What the organization used, by whom and for what.
      </PageHead>
      {periods.isPending ? (
        <RowsSkeleton rows={6} />
      ) : periods.isError ? (
        <ErrorState error={periods.error} onRetry={() => void periods.refetch()} />
      ) : (
        current !== undefined && (
          <>
            <Consumption period={current} isCurrent={current === items[0]} />
            <TopUsers period={current} />
            <div className="tg-columns">
              <Breakdown by="source" title="By source" period={current} />
              <Breakdown by="model" title="By model" period={current} />
            </div>
          </>
        )
      )}
    </div>
  )
}

interface PickerProps {
  readonly periods: readonly BillingPeriod[]
  readonly value: BillingPeriod
  readonly onChange: (no: number) => void
}

function PeriodPicker({ periods, value, onChange }: PickerProps): ReactElement {
  const { org } = useOrg()
  return (
    <Select
      aria-label="Billing period"
      className="tg-period"
      allowDeselect={false}
      checkIconPosition="right"
      data={periods.map((one, index) => ({
        value: String(one.no),
        label: `${period(one, org.billing.timezone)}${index === 0 ? ' (current)' : ''}`,
      }))}
      value={String(value.no)}
      onChange={(no) => onChange(Number(no))}
    />
  )
}

const FILES: readonly { readonly by: UsageGroup; readonly label: string }[] = [
  { by: 'day', label: 'By day' },
  { by: 'user', label: 'By user' },
  { by: 'source', label: 'By source' },
  { by: 'model', label: 'By model' },
]

/** Plain links: the browser saves the API's responses as files. */
function Downloads({ period: { from, to } }: { period: BillingPeriod }): ReactElement {
  const { path } = useOrg()
  return (
    <Menu position="bottom-end" width={180}>
      <Menu.Target>
        <Button variant="default" leftSection={<IconDownload size={16} stroke={1.6} />}>
          CSV
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {FILES.map(({ by, label }) => (
          <Menu.Item
            key={by}
            component="a"
            href={`${path}/usage${queryOf({ from, to, by, format: 'csv' })}`}
            download
          >
            {label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
