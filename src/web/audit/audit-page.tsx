import { Text } from '@mantine/core'
import type { ReactElement } from 'react'
import { usePaged } from '../api/paging.ts'
import type { AuditEntry } from '../api/types.ts'
import { dateTime } from '../format.ts'
import type { Column } from '../parts/data-table.tsx'
import { Empty } from '../parts/empty.tsx'
import { PageHead } from '../parts/page-head.tsx'
import { PagedList } from '../parts/paged-list.tsx'
import { Panel } from '../parts/panel.tsx'
import { useOrg } from '../shell/org-context.tsx'
import { changesOf, type Change } from './changes.ts'

export function AuditPage(): ReactElement {
  const { org, path } = useOrg()
  const paged = usePaged<AuditEntry>(['audit'], `${path}/audit`)
  return (
    <div className="tg-page">
      <PageHead title="Audit log">
        Every change of these settings: who, when, what, before and after.
      </PageHead>
      <Panel title="Changes" description={`Newest first. Times are of ${org.billing.timezone}.`}>
        <div className="tg-panel-body">
          <PagedList
            caption="Changes"
            paged={paged}
            columns={columns(org.billing.timezone)}
            rowKey={({ at, action, target }) => `${at} ${action} ${target}`}
            empty={
              <Empty title="Nothing was changed yet">The first change appears here when it is saved.</Empty>
            }
          />
        </div>
      </Panel>
    </div>
  )
}

const ACTIONS: Readonly<Record<string, string>> = {
  'org.create': 'Organization created',
  'org.update': 'Organization changed',
  'org.delete': 'Organization deleted',
  'member.put': 'Member saved',
  'member.remove': 'Member removed',
  'key.create': 'Key made',
  'key.revoke': 'Key revoked',
  'alert.create': 'Alert added',
  'alert.update': 'Alert changed',
  'alert.delete': 'Alert deleted',
  'user_alerts.update': 'Credit usage alerts changed',
  'user_limits.update': 'Per-user limits changed',
  'custom_limit.put': 'Custom limit saved',
  'custom_limit.delete': 'Custom limit removed',
  'adjustment.create': 'Usage adjusted',
  'channel.create': 'Channel added',
  'channel.update': 'Channel changed',
  'channel.delete': 'Channel deleted',
  'notification.redeliver': 'Notification sent again',
}

function columns(timezone: string): Column<AuditEntry>[] {
  return [
    {
      label: 'What',
      lead: true,
      width: '30%',
      cell: ({ action, target }) => (
        <>
          <Text fw={500}>{ACTIONS[action] ?? action}</Text>
          {target !== '' && (
            <Text size="xs" c="dimmed">
              {target}
            </Text>
          )}
        </>
      ),
    },
    {
      label: 'Change',
      stacked: true,
      cell: (entry) => <Changes changes={changesOf(entry.before, entry.after)} />,
    },
    { label: 'Who', cell: ({ actor }) => (actor === 'operator' ? 'The operator' : actor) },
    { label: 'When', nowrap: true, cell: ({ at }) => dateTime(at, timezone) },
  ]
}

function Changes({ changes }: { changes: readonly Change[] }): ReactElement {
  if (changes.length === 0) return <span className="tg-quiet">–</span>
  return (
    <ul className="tg-changes">
      {changes.map(({ field, before, after }) => (
        <li key={field}>
          <span className="tg-quiet">{field}</span> {before !== null && <del>{before}</del>}
          {before !== null && after !== null && ' → '}
          {after !== null && <ins>{after}</ins>}
        </li>
      ))}
    </ul>
  )
}
