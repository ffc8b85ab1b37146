import { useInfiniteQuery, type InfiniteData, type UseInfiniteQueryResult } from '@tanstack/react-query'
import { get, type Call } from './http.ts'
import type { Page } from './types.ts'

const AT_ONCE = 200

export interface Paged<T> {
  readonly query: UseInfiniteQueryResult<InfiniteData<Page<T>>>
  readonly items: readonly T[]
}

/** A list of the API, loaded page by page on demand. */
export function usePaged<T>(key: readonly unknown[], path: string, params: Call['query'] = {}): Paged<T> {
  const query = useInfiniteQuery({
    queryKey: [...key, path, params],
    queryFn: ({ pageParam }) => get<Page<T>>(path, { ...params, cursor: pageParam ?? undefined }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  })
  return { query, items: query.data?.pages.flatMap(({ items }) => items) ?? [] }
}

/** The first page of a list that has an upper bound, with the items of all its pages. */
export async function getWhole<P extends Page<unknown>>(
  path: string,
  params: Call['query'] = {},
): Promise<P> {
  const first = await get<P>(path, { ...params, limit: AT_ONCE })
  const items = [...first.items]
  let cursor = first.next
  while (cursor !== null) {
    const page: P = await get(path, { ...params, limit: AT_ONCE, cursor })
    items.push(...page.items)
    cursor = page.next
  }
  return { ...first, items }
}

/** A whole list that has an upper bound. */
export async function getAll<T>(path: string): Promise<readonly T[]> {
  return (await getWhole<Page<T>>(path)).items
}
