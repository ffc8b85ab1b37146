import type { ReactElement } from 'react'
import { Text } from '@mantine/core'
import { usePaged } from '../api/paging.ts'
import type { UserUse } from '../api/types.ts'
import { credits } from '../format.ts'
import type { Column } from '../parts/data-table.tsx'
import { Empty } from '../parts/empty.tsx'
import { PagedList } from '../parts/paged-list.tsx'
import { SubPanel } from '../parts/panel.tsx'
import { UsageBar } from '../parts/usage-bar.tsx'
import { UserName } from '../parts/user-name.tsx'
import { useOrg } from '../shell/org-context.tsx'

const COLUMNS: readonly Column<UserUse>[] = [
  { label: 'User', lead: true, width: '40%', cell: ({ user, name }) => <UserName user={user} name={name} /> },
  {
    label: 'Usage of limit',
    cell: ({ counted, limit }) => (
      <div className="tg-usage-of">
        <Text span>
          {credits(counted)} of {limit === null ? '–' : credits(limit)} credits
        </Text>
        <UsageBar used={counted} of={limit ?? 0} />
      </div>
    ),
  },
]

/** The users who are currently at or past their limit (L7), and so refused. */
export function ExceedingUsers({ isEnabled }: { isEnabled: boolean }): ReactElement {
  const { path } = useOrg()
  const paged = usePaged<UserUse>(['users', 'exceeding'], `${path}/users`, { exceeding: 'true' })
  return (
    <SubPanel
      title="Users exceeding credit budget"
      description="At or past the limit in this billing period. Their calls are refused until it is raised or the period ends."
    >
      <PagedList
        caption="Users exceeding credit budget"
        paged={paged}
        rowKey={({ user }) => user}
        columns={COLUMNS}
        empty={
          <Empty title={isEnabled ? 'No user has reached the limit' : 'Limits are off'}>
            {isEnabled ? null : 'Switch them on and save to cap what each user can use.'}
          </Empty>
        }
      />
    </SubPanel>
  )
}
