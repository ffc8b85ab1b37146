import type { ReactElement } from 'react'
import { usePaged } from '../api/paging.ts'
import type { BillingPeriod, UsageItem } from '../api/types.ts'
import { count, credits } from '../format.ts'
import type { Column } from '../parts/data-table.tsx'
import { Empty } from '../parts/empty.tsx'
import { PagedList } from '../parts/paged-list.tsx'
import { Panel } from '../parts/panel.tsx'
import { SearchField, useSearchText } from '../parts/search-field.tsx'
import { UserName } from '../parts/user-name.tsx'
import { useOrg } from '../shell/org-context.tsx'

const AT_ONCE = 20

const COLUMNS: readonly Column<UsageItem>[] = [
  { label: 'User', lead: true, cell: ({ key, name = null }) => <UserName user={key} name={name} /> },
  { label: 'Calls', align: 'end', cell: ({ calls }) => count(calls) },
  { label: 'Tokens in', align: 'end', cell: ({ inputTokens }) => count(inputTokens) },
  { label: 'Tokens out', align: 'end', cell: ({ outputTokens }) => count(outputTokens) },
  { label: 'Credits', align: 'end', cell: (item) => credits(item.credits) },
]

/** Highest usage first. The server does the search and the paging, because there may be a hundred thousand users. */
export function TopUsers({ period: { from, to } }: { period: BillingPeriod }): ReactElement {
  const { path } = useOrg()
  const { text, q, setText } = useSearchText()
  const paged = usePaged<UsageItem>(['usage', 'user'], `${path}/usage`, {
    from,
    to,
    by: 'user',
    q,
    limit: AT_ONCE,
  })
  return (
    <Panel
      title="Users"
      description="Who used most comes first."
      action={<SearchField label="Search users" text={text} onChange={setText} />}
    >
      <div className="tg-panel-body">
        <PagedList
          caption="Users by credits"
          paged={paged}
          columns={COLUMNS}
          rowKey={({ key }) => key}
          empty={
            q === '' ? (
              <Empty title="No usage in this period">
                Make a call with a key of the organization. It appears here a moment later.
              </Empty>
            ) : (
              <Empty title="No user found">No user with usage in this period matches “{q}”.</Empty>
            )
          }
        />
      </div>
    </Panel>
  )
}
