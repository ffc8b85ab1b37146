/** Sends requests to the admin plane, and turns failures into one line that says what to do next. */
import { StartupError } from '../errors.ts'
import type { components } from '../web/api/schema.d.ts'

export type Schemas = components['schemas']

export interface Client {
  /** `path` is relative to `/v1`, with its parts already encoded. Undefined if the response has no body. */
  ask<T>(method: string, path: string, body?: object, headers?: Readonly<Record<string, string>>): Promise<T>
  /**
   * Reads a setting and saves it with a change. If someone else saved meanwhile, the change is applied to the newer
   * version.
   */
  edit<T extends object>(path: string, change: Partial<T>): Promise<T>
}

const TIMEOUT_MS = 60_000
/** How often a setting is read again because someone else saved it between read and write. */
const MOST_EDITS = 5
const IS_DATA_PLANE = 'This is the data plane: give the address of the admin plane (port 8081) with --url.'
/** What to do about a problem whose own message does not say it. */
const NEXT: Readonly<Record<string, string>> = {
  invalid_credentials: 'Set TOLLGATE_TOKEN to the operator token or to a key of scope admin.',
  forbidden: 'Ask the operator, or use the operator token.',
  // Codes that only the data plane uses.
  invalid_api_key: IS_DATA_PLANE,
  route_not_allowed: IS_DATA_PLANE,
  not_a_member: 'Add the user first: tollgate members add ORG USER.',
  not_an_admin: 'Make the user an admin first: tollgate members add ORG USER --role admin.',
}

type Headers = Readonly<Record<string, string>>

/** `group` is the first word of the command; the hint for a missing entity names it. */
export function createClient(url: string, token: string, group: string): Client {
  async function request(method: string, path: string, body?: object, headers: Headers = {}) {
    const response = await send(`${url}/v1${path}`, {
      method,
      headers: {
        ...headers,
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    return { status: response.status, etag: response.headers.get('etag'), text: await response.text() }
  }
  type Reply = Awaited<ReturnType<typeof request>>

  function bodyOf({ status, text }: Reply): unknown {
    if (status >= 300) throw refused(status, text, group)
    return text === '' ? undefined : parse(text)
  }

  return {
    ask: async <T>(method: string, path: string, body?: object, headers?: Headers): Promise<T> =>
      bodyOf(await request(method, path, body, headers)) as T,
    async edit<T extends object>(path: string, change: Partial<T>): Promise<T> {
      for (let edits = 1; ; edits += 1) {
        const read = await request('GET', path)
        const next = { ...(bodyOf(read) as T), ...change }
        const saved = await request('PUT', path, next, read.etag === null ? {} : { 'if-match': read.etag })
        if (saved.status !== 412 || edits === MOST_EDITS) return bodyOf(saved) as T
      }
    },
  }
}

async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init)
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
    throw new StartupError(
      `cannot reach the admin plane at ${new URL(url).origin}: ${cause}. Is the gateway running? Give its address with --url or TOLLGATE_ADMIN_URL.`,
      2,
    )
  }
}

/** Exit code 2 if the request is not the cause. */
function refused(status: number, text: string, group: string): StartupError {
  const { code, detail, title } = (parse(text) ?? {}) as Partial<Schemas['Problem']>
  const next = code === 'not_found' ? whereToLook(detail ?? '', group) : (NEXT[code ?? ''] ?? '')
  const message = detail ?? title ?? `the admin plane answered ${status}; is --url its address?`
  return new StartupError(`${message} ${next}`.trim(), status >= 500 || status === 429 ? 2 : 1)
}

function whereToLook(detail: string, group: string): string {
  if (/organization/.test(detail)) return 'See what there is with tollgate orgs list.'
  if (/member|user/.test(detail)) return 'See who there is with tollgate members list ORG.'
  return `See what there is with tollgate ${group} list ORG.`
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
