import { Button } from '@mantine/core'
import type { ReactElement, ReactNode } from 'react'
import type { Paged } from '../api/paging.ts'
import { DataTable, type Column } from './data-table.tsx'
import { ErrorState } from './error-state.tsx'
import { RowsSkeleton } from './skeletons.tsx'

interface PagesProps<T> {
  readonly paged: Paged<T>
  /** In the place of the rows where there is nothing. */
  readonly empty: ReactNode
  /** What the button for more is about, for whoever hears it, where there are several on a view. */
  readonly about?: string
  readonly children: (rows: readonly T[]) => ReactNode
}

/** What has been loaded so far, and a button for more. */
export function Pages<T>({ paged, empty, about, children }: PagesProps<T>): ReactElement {
  const { query, items } = paged
  if (query.isPending) return <RowsSkeleton />
  if (query.isError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />
  // A page of a filtered list may be empty and have a next one all the same.
  if (items.length === 0 && !query.hasNextPage) return <>{empty}</>
  return (
    <>
      {children(items)}
      {query.hasNextPage && (
        <Button
          variant="default"
          mt="md"
          aria-label={about === undefined ? undefined : `Show more ${about}`}
          loading={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          Show more
        </Button>
      )}
    </>
  )
}

interface PagedListProps<T> extends Omit<PagesProps<T>, 'about' | 'children'> {
  readonly caption: string
  readonly columns: readonly Column<T>[]
  readonly rowKey: (row: T) => string
  /** What a row is unfolded to, below it; null for one that is folded. */
  readonly detail?: (row: T) => ReactNode
}

/** A table of what has been loaded so far. */
export function PagedList<T>({ paged, empty, ...table }: PagedListProps<T>): ReactElement {
  return (
    <Pages paged={paged} empty={empty}>
      {(rows) => <DataTable {...table} rows={rows} />}
    </Pages>
  )
}
