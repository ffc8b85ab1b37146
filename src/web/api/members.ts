import { keepPreviousData, useQuery, type UseQueryResult } from '@tanstack/react-query'
import { useOrg } from '../shell/org-context.tsx'
import { get } from './http.ts'
import type { Member, Page } from './types.ts'

const FOUND = 50

/** Members whose id, name or address contains `q`; with `role` only admins. The server does the search. */
export function useMemberSearch(q: string, role?: 'admin'): UseQueryResult<Page<Member>> {
  const { path } = useOrg()
  return useQuery({
    queryKey: ['members', 'search', path, q, role],
    queryFn: () => get<Page<Member>>(`${path}/members`, { q, role, limit: FOUND }),
    placeholderData: keepPreviousData,
  })
}

export function nameOf({ name, user }: { readonly name: string | null; readonly user: string }): string {
  return name ?? user
}
