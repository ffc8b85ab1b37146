import { QueryCache, QueryClient } from '@tanstack/react-query'
import { Problem } from './http.ts'

const FRESH_MS = 10_000
const TRIES = 2

/** Any request may detect that the session has ended; then the user has to sign in again. */
function onFailure(error: Error, isSession: boolean): void {
  if (!isSession && error instanceof Problem && error.status === 401)
    queryClient.setQueryData(['session'], null)
}

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error, query) => onFailure(error, query.queryKey[0] === 'session'),
  }),
  defaultOptions: {
    queries: {
      staleTime: FRESH_MS,
      // Retries only failures that may be temporary.
      retry: (count, error) =>
        count < TRIES && error instanceof Problem && (error.status === 0 || error.status >= 500),
    },
    mutations: {
      onError: (error) => onFailure(error, false),
    },
  },
})
