/** Requests to the admin API of the same origin, with the session's cookie. */

/** An error response with problem details (RFC 9457). */
export class Problem extends Error {
  readonly status: number
  readonly code: string
  /** Error messages by the field of the body that they concern. */
  readonly fields: Readonly<Record<string, string>>
  /** With 412: the current value and its tag. */
  readonly current: unknown
  readonly etag: string | null

  constructor(status: number, body: ProblemBody, etag: string | null) {
    super(body.detail ?? body.title ?? `The gateway answered ${status}.`)
    this.status = status
    this.code = body.code ?? 'unknown'
    this.fields = Object.fromEntries((body.errors ?? []).map(({ field, message }) => [field, message]))
    this.current = body.current
    this.etag = etag
  }
}

interface ProblemBody {
  readonly title?: string
  readonly detail?: string
  readonly code?: string
  readonly errors?: readonly { readonly field: string; readonly message: string }[]
  readonly current?: unknown
}

/** A value that is saved as a whole, and the tag of the version that was read. */
export interface Tagged<T> {
  readonly value: T
  readonly etag: string | null
}

export interface Call {
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly body?: object
  /** The version on which a write is based. */
  readonly etag?: string | null
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

let csrf: string | null = null

/** Sets the session's CSRF token for all later writes. */
export function carryCsrf(token: string | null): void {
  csrf = token
}

export async function send<T>(method: Method, path: string, call: Call = {}): Promise<Tagged<T>> {
  const response = await reach(path + queryOf(call.query), {
    method,
    headers: {
      accept: 'application/json',
      ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(method === 'GET' || csrf === null ? {} : { 'x-tollgate-csrf': csrf }),
      ...(typeof call.etag === 'string' ? { 'if-match': call.etag } : {}),
    },
    ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
  })
  const etag = response.headers.get('etag')
  const value = await bodyOf(response)
  if (!response.ok) throw new Problem(response.status, value ?? {}, etag)
  return { value: value as T, etag }
}

/** Returns only the value, without its tag. */
export async function get<T>(path: string, query?: Call['query']): Promise<T> {
  return (await send<T>('GET', path, query === undefined ? {} : { query })).value
}

async function reach(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, credentials: 'same-origin' })
  } catch {
    throw new Problem(
      0,
      { code: 'unreachable', detail: 'The gateway cannot be reached. Nothing was saved.' },
      null,
    )
  }
}

async function bodyOf(response: Response): Promise<object | null> {
  const text = await response.text()
  if (text === '') return null
  try {
    return JSON.parse(text) as object
  } catch {
    return null
  }
}

export function queryOf(query: Call['query'] = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '')
  if (given.length === 0) return ''
  return `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString()}`
}
