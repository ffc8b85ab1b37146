/** Who pays for this call: credentials, the user that an app names, the source. */
import type { IncomingHttpHeaders } from 'node:http'
import { isSource, isUserId } from '../core/policy.ts'
import { refuse, type Refusal } from '../errors.ts'
import type { KeyIdentity } from '../ledger/key-cache.ts'
import type { Caller } from './call.ts'

export type LookUp = (key: string) => Promise<KeyIdentity | null>

/** Headers and query parameters that hold the caller's credentials; none of them may reach an upstream or a log. */
export const CREDENTIAL_HEADERS: readonly string[] = ['authorization', 'x-api-key', 'x-goog-api-key']
const KEY_PARAMETER = 'key'

const BEARER = /^Bearer +(\S+)$/i

/** The query string without the caller's key, as it may be forwarded: '' or with its question mark. */
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

/** The one key that all credentials of the request agree on; null where there is none, or they differ. */
function keyOf(headers: IncomingHttpHeaders, url: string): { key: string } | { fault: string } {
  const found = new Set<string>()
  const { authorization } = headers
  if (authorization !== undefined && authorization !== '') {
    const bearer = BEARER.exec(authorization)?.[1]
    if (bearer === undefined)
      return { fault: 'The Authorization header must be "Bearer", a space and a key.' }
    found.add(bearer)
  }
  for (const name of ['x-api-key', 'x-goog-api-key']) {
    const value = headers[name]
    if (typeof value === 'string' && value !== '') found.add(value)
  }
  const mark = url.indexOf('?')
  if (mark !== -1) {
    for (const value of new URLSearchParams(url.slice(mark)).getAll(KEY_PARAMETER)) found.add(value)
  }
  const [key, another] = found
  if (another !== undefined) return { fault: 'The request has several API keys that differ.' }
  if (key === undefined) {
    return {
      fault:
        'The request has no API key: send one as "Authorization: Bearer tg_…", x-api-key or x-goog-api-key.',
    }
  }
  return { key }
}

function header(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name]
  return typeof value === 'string' && value !== '' ? value : null
}

function userOf(identity: KeyIdentity, headers: IncomingHttpHeaders): string | Refusal {
  const named = header(headers, 'x-tollgate-user')
  if (named !== null && !isUserId(named)) {
    return refuse(
      'invalid_request',
      'x-tollgate-user is not a user name: 1 to 128 of A-Z a-z 0-9 . _ @ + | : -.',
      {
        param: 'x-tollgate-user',
      },
    )
  }
  if (identity.app) {
    return (
      named ??
      identity.user ??
      refuse(
        'user_required',
        'This key belongs to an app: name the user of this call in the header x-tollgate-user.',
        {
          param: 'x-tollgate-user',
        },
      )
    )
  }
  if (identity.user === null) return refuse('user_required', 'This key belongs to no user.')
  if (named !== null && named !== identity.user) {
    return refuse(
      'user_not_allowed',
      'This key belongs to one user and cannot name another in x-tollgate-user.',
      {
        param: 'x-tollgate-user',
      },
    )
  }
  return identity.user
}

/** Rejects with StoreUnavailable when the key is not cached and cannot be looked up: never a wrong 401 (D1). */
export async function identify(
  lookUp: LookUp,
  headers: IncomingHttpHeaders,
  url: string,
): Promise<Caller | Refusal> {
  const credential = keyOf(headers, url)
  if ('fault' in credential) return refuse('invalid_api_key', credential.fault)
  const identity = await lookUp(credential.key)
  if (identity === null) return refuse('invalid_api_key', 'This API key is not known here, or was revoked.')
  if (identity.scope !== 'traffic') {
    return refuse('invalid_api_key', 'This is a key for the admin API: it carries no traffic.')
  }
  const user = userOf(identity, headers)
  if (typeof user !== 'string') return user
  const named = header(headers, 'x-tollgate-source')
  const source = named ?? identity.sources[0] ?? 'chat'
  if (!isSource(source) || !identity.sources.includes(source)) {
    return refuse('source_not_allowed', `This key may not call as source '${source.slice(0, 64)}'.`, {
      param: 'x-tollgate-source',
    })
  }
  return { org: identity.org, user, source, app: identity.app }
}
