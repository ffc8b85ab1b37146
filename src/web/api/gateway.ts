import { useQuery, type UseQueryResult } from '@tanstack/react-query'
import { get } from './http.ts'
import type { Gateway } from './types.ts'

export type Upstream = Gateway['upstreams'][number]
export type Family = Upstream['family']

const ANY_HOST = new Set(['0.0.0.0', '[::]', '127.0.0.1'])

export function useGateway(): UseQueryResult<Gateway> {
  return useQuery({ queryKey: ['gateway'], queryFn: () => get<Gateway>('/v1/gateway'), staleTime: Infinity })
}

/**
 * If the address works only on the gateway's own machine, replaces its host by the one under which this page was
 * loaded.
 */
export function dataUrlOf({ dataUrl }: Gateway, host: string): string {
  if (dataUrl === null) return 'http://127.0.0.1:8080'
  const url = new URL(dataUrl)
  if (ANY_HOST.has(url.hostname)) url.hostname = host
  return url.origin + url.pathname.replace(/\/$/, '')
}
