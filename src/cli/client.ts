/** Asks the admin plane, and turns what goes wrong into one line that says what to do next. */
import { StartupError } from '../errors.ts'
import type { components } from '../web/api/schema.d.ts'

export type Schemas = components['schemas']

export interface Client {
  /** `path` is below `/v1`; what stands in it is already encoded. Undefined where the answer has no body. */
  ask<T>(method: string, path: string, body?: object, headers?: Readonly<Record<string, string>>): Promise<T>
}

const TIMEOUT_MS = 60_000
/** What to do about a problem, where its own words do not say. */
const NEXT: Readonly<Record<string, string>> = {
  invalid_credentials: 'Set TOLLGATE_TOKEN to the operator token or to a key of scope admin.',
  forbidden: 'Ask the operator, or use the operator token.',
  not_found: 'See what there is with `tollgate orgs list` or `tollgate members list ORG`.',
  not_a_member: 'Add the user first: tollgate members add ORG USER.',
  not_an_admin: 'Make the user an admin first: tollgate members add ORG USER --role admin.',
}

export function createClient(url: string, token: string): Client {
  return {
    async ask<T>(method: string, path: string, body?: object, headers = {}): Promise<T> {
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
      const text = await response.text()
      if (!response.ok) throw refused(response.status, text)
      return (text === '' ? undefined : parse(text)) as T
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

/** Exit code 2 where it is not the request's fault. */
function refused(status: number, text: string): StartupError {
  const { code, detail, title } = (parse(text) ?? {}) as Partial<Schemas['Problem']>
  const next = NEXT[code ?? ''] ?? ''
  const message = detail ?? title ?? `the admin plane answered ${status}; is --url its address?`
  return new StartupError(`${message} ${next}`.trim(), status >= 500 || status === 429 ? 2 : 1)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
