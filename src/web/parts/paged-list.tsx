import { Button } from '@mantine/core'
import type { ReactElement, ReactNode } from 'react'
import type { Paged } from '../api/paging.ts'
import { DataTable, type Column } from './data-table.tsx'
import { ErrorState } from './error-state.tsx'
import { RowsSkeleton } from './skeletons.tsx'

interface PagedListProps<T> {
  readonly caption: string
  readonly paged: Paged<T>
  readonly columns: readonly Column<T>[]
  readonly rowKey: (row: T) => string
  /** In the place of the table where there is nothing. */
  readonly empty: ReactNode
}

/** A table of what has been loaded so far, and a button for more. */
export function PagedList<T>({ caption, paged, columns, rowKey, empty }: PagedListProps<T>): ReactElement {
  const { query, items } = paged
  if (query.isPending) return <RowsSkeleton />
  if (query.isError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />
  // A page of a filtered list may be empty and have a next one all the same.
  if (items.length === 0 && !query.hasNextPage) return <>{empty}</>
  return (
    <>
      <DataTable caption={caption} columns={columns} rows={items} rowKey={rowKey} />
      {query.hasNextPage && (
        <Button
          variant="default"
          mt="md"
          loading={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          Show more
        </Button>
      )}
    </>
  )
}
