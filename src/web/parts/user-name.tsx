import { Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import type { ReactElement } from 'react'
import { get } from '../api/http.ts'
import type { Member } from '../api/types.ts'
import { useOrg } from '../shell/org-context.tsx'

const FRESH_MS = 60_000

/** A user by name, and by id below it; the name is looked up unless it is known. */
export function UserName({ user, name }: { user: string; name?: string | null }): ReactElement {
  const { path } = useOrg()
  const member = useQuery({
    queryKey: ['member', path, user],
    queryFn: () => get<Member>(`${path}/members/${encodeURIComponent(user)}`),
    enabled: name === undefined,
    staleTime: FRESH_MS,
    retry: false,
  })
  const shown = name ?? member.data?.name ?? null
  return (
    <>
      <Text fw={500}>{shown ?? user}</Text>
      {shown !== null && (
        <Text size="xs" c="dimmed">
          {user}
        </Text>
      )}
    </>
  )
}
