import type { ReactElement } from 'react'
import { nameOf, useMemberSearch } from '../api/members.ts'
import type { Recipients } from '../api/types.ts'

const NAMED = 3

export function RecipientsText({ recipients }: { recipients: Recipients }): ReactElement {
  const admins = useMemberSearch('', 'admin').data
  if (recipients === 'all') return <>All admins</>
  const names = new Map((admins?.items ?? []).map((member) => [member.user, nameOf(member)]))
  const isComplete = admins !== undefined && admins.next === null
  const shown = recipients
    .slice(0, NAMED)
    .map((user) => names.get(user) ?? (isComplete ? `${user} (no admin now)` : user))
    .join(', ')
  const more = recipients.length - NAMED
  return <>{more > 0 ? `${shown} and ${more} more` : shown}</>
}
