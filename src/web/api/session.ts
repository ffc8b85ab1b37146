import { useMutation, useQuery, type UseMutationResult, type UseQueryResult } from '@tanstack/react-query'
import { Problem, send, carryCsrf } from './http.ts'
import { queryClient } from './query-client.ts'
import type { Session } from './types.ts'

const KEY = ['session'] as const

function remember(session: Session | null): Session | null {
  carryCsrf(session?.csrf ?? null)
  return session
}

async function current(): Promise<Session | null> {
  try {
    return remember((await send<Session>('GET', '/v1/session')).value)
  } catch (error) {
    if (error instanceof Problem && (error.status === 401 || error.status === 404)) return remember(null)
    throw error
  }
}

/** The current session; null if no one is signed in. */
export function useSession(): UseQueryResult<Session | null> {
  return useQuery({ queryKey: KEY, queryFn: current, staleTime: Infinity })
}

export function useSignIn(): UseMutationResult<Session, Error, string> {
  return useMutation({
    mutationFn: async (key: string) => (await send<Session>('POST', '/v1/session', { body: { key } })).value,
    // The form shows a wrong key next to its field.
    onError: () => undefined,
    onSuccess: (session) => queryClient.setQueryData(KEY, remember(session)),
  })
}

export function useSignOut(): UseMutationResult<unknown, Error, void> {
  return useMutation({
    mutationFn: () => send('DELETE', '/v1/session'),
    onSettled: () => {
      remember(null)
      queryClient.clear()
      queryClient.setQueryData(KEY, null)
    },
  })
}
