import { Text } from '@mantine/core'
import type { ReactElement } from 'react'
import { credits, dateTime, percent, period } from '../format.ts'
import { PageHead } from '../parts/page-head.tsx'
import { UsageBar } from '../parts/usage-bar.tsx'
import { useOrg } from '../shell/org-context.tsx'
import { OrgAlerts } from './org-alerts.tsx'
import { UserAlertsPanel } from './user-alerts-panel.tsx'
import { UserLimitsPanel } from './user-limits-panel.tsx'

export function LimitsPage(): ReactElement {
  const { org } = useOrg()
  const { timezone } = org.billing
  return (
    <div className="tg-page">
      <PageHead title="Limits & Alerts">
        Billing period {period(org.period, timezone)}, resets on {dateTime(org.period.end, timezone)} (
        {timezone})
      </PageHead>
      <div className="tg-strip">
        <div className="tg-strip-line">
          <Text size="md">
            <strong>{credits(org.used)}</strong> of {credits(org.allowance)} credits used
          </Text>
          <Text c="dimmed">{percent(org.used, org.allowance)} of the allowance</Text>
        </div>
        <UsageBar used={org.used} of={org.allowance} />
      </div>
      <OrgAlerts />
      <UserAlertsPanel />
      <UserLimitsPanel />
    </div>
  )
}
