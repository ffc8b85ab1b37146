import { useQuery, type UseQueryResult } from '@tanstack/react-query'
import { createContext, useContext, type ReactElement, type ReactNode } from 'react'
import { get } from '../api/http.ts'
import type { Org, Session } from '../api/types.ts'
import { ErrorState } from '../parts/error-state.tsx'
import { PageSkeleton } from '../parts/skeletons.tsx'

interface OrgContext {
  readonly org: Org
  readonly session: Session
  /** The prefix of every API path of this organization. */
  readonly path: string
}

const Context = createContext<OrgContext | null>(null)

export function useOrgQuery(id: string): UseQueryResult<Org> {
  return useQuery({ queryKey: ['org', id], queryFn: () => get<Org>(`/v1/orgs/${id}`) })
}

/** Provides the organization of the session to all views below. */
export function OrgProvider({ session, children }: { session: Session; children: ReactNode }): ReactElement {
  const org = useOrgQuery(session.org)
  if (org.isPending) return <PageSkeleton />
  if (org.isError) return <ErrorState error={org.error} onRetry={() => void org.refetch()} />
  return (
    <Context.Provider value={{ org: org.data, session, path: `/v1/orgs/${session.org}` }}>
      {children}
    </Context.Provider>
  )
}

export function useOrg(): OrgContext {
  const found = useContext(Context)
  if (found === null) throw new Error('only views of an organization know it')
  return found
}
