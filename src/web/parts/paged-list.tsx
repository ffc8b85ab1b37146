import { Button } from '@mantine/core'
import type { ReactElement, ReactNode } from 'react'
import type { Paged } from '../api/paging.ts'
import { DataTable, type Column } from './data-table.tsx'
import { ErrorState } from './error-state.tsx'
import { RowsSkeleton } from './skeletons.tsx'

interface PagesProps<T> {
  readonly paged: Paged<T>
  /** Shown instead of the rows if there are none. */
  readonly empty: ReactNode
  /** Completes the label of the “more” button for screen readers, if a view has several. */
  readonly about?: string
  readonly children: (rows: readonly T[]) => ReactNode
}

/** The loaded items, and a button that loads more. */
export function Pages<T>({ paged, empty, about, children }: PagesProps<T>): ReactElement {
  const { query, items } = paged
  if (query.isPending) return <RowsSkeleton />
  if (query.isError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />
  // A page of a filtered list may be empty and still have a next page.
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
  /** The content below an expanded row; null for a collapsed one. */
  readonly detail?: (row: T) => ReactNode
}

/** A table of the loaded items. */
export function PagedList<T>({ paged, empty, ...table }: PagedListProps<T>): ReactElement {
  return (
    <Pages paged={paged} empty={empty}>
      {(rows) => <DataTable {...table} rows={rows} />}
    </Pages>
  )
}
