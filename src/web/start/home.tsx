import { useQuery } from '@tanstack/react-query'
import type { ReactElement } from 'react'
import { Redirect } from 'wouter'
import { get } from '../api/http.ts'
import type { Page, VirtualKey } from '../api/types.ts'
import { PageSkeleton } from '../parts/skeletons.tsx'
import { useOrg } from '../shell/org-context.tsx'

/** Shows the first steps if the organization cannot be used yet, otherwise its limits. */
export function Home(): ReactElement {
  const { org, path } = useOrg()
  const keys = useQuery({
    queryKey: ['keys', 'some', path],
    queryFn: () => get<Page<VirtualKey>>(`${path}/keys`, { limit: 200 }),
  })
  if (keys.isPending) return <PageSkeleton />
  const isUsable = keys.data?.items.some(({ scope }) => scope === 'traffic') ?? true
  return <Redirect to={org.used === 0 && !isUsable ? '/start' : '/limits'} replace />
}
