/** Finds the caller's credentials in a request, and removes them from its query. */
import type { IncomingHttpHeaders } from 'node:http'

/** Headers that carry the caller's credentials. None of them may reach an upstream or a log. */
export const CREDENTIAL_HEADERS: readonly string[] = [
  'authorization',
  'x-api-key',
  'x-goog-api-key',
  // Azure's SDKs.
  'api-key',
]
const KEY_HEADERS: readonly string[] = ['x-api-key', 'x-goog-api-key', 'api-key']
const KEY_PARAMETER = 'key'

const BEARER = /^Bearer +(\S+)$/i

/** The query string without the caller's key, as it may be forwarded: '' or a string that starts with '?'. */
export function forwardableQuery(url: string): string {
  const mark = url.indexOf('?')
  if (mark === -1) return ''
  const kept = url
    .slice(mark + 1)
    .split('&')
    .filter((pair) => parameterName(pair) !== KEY_PARAMETER && pair !== '')
  return kept.length === 0 ? '' : `?${kept.join('&')}`
}

function parameterName(pair: string): string {
  const name = pair.split('=', 1)[0] ?? ''
  try {
    return decodeURIComponent(name.replaceAll('+', ' '))
  } catch {
    return name
  }
}

/** The one credential of a request: a virtual key or, only as a bearer, a token. */
export interface Credential {
  readonly key: string
  readonly isBearer: boolean
}

/** The one key that all credentials of the request agree on. Returns a fault if there is none, or if they differ. */
export function credentialOf(headers: IncomingHttpHeaders, url: string): Credential | { fault: string } {
  const found: string[] = []
  const { authorization } = headers
  const isBearer = authorization !== undefined && authorization !== ''
  if (isBearer) {
    const bearer = BEARER.exec(authorization)?.[1]
    if (bearer === undefined)
      return { fault: 'The Authorization header must be "Bearer", a space and a key.' }
    found.push(bearer)
  }
  for (const name of KEY_HEADERS) {
    const value = headers[name]
    if (typeof value === 'string' && value !== '') found.push(value)
  }
  const mark = url.indexOf('?')
  if (mark !== -1) {
    found.push(...new URLSearchParams(url.slice(mark)).getAll(KEY_PARAMETER))
  }
  const [key] = found
  if (key === undefined) {
    return {
      fault:
        'The request has no API key: send one as "Authorization: Bearer tg_…", x-api-key, x-goog-api-key or api-key.',
    }
  }
  if (found.length > 1 && found.some((other) => other !== key)) {
    return { fault: 'The request has several API keys that differ.' }
  }
  return { key, isBearer }
}
