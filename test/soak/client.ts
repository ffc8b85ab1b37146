/** Makes one call as its plan says, and tells what its client saw. */
import { Agent, request } from 'undici'
import { CALL_HEADER } from './origin.ts'
import type { Plan } from './plan.ts'

/** What the client saw. */
export interface Seen {
  /** Null where no answer began. */
  status: number | null
  /** The code of a refusal of the gateway's. */
  code: string | null
  /** What a failed answer says. */
  text: string | null
  /** Whether the answer came to its end. */
  isWhole: boolean
  hasLeft: boolean
  /** Why the call broke, if it did. */
  error: string | null
}

const MOST_SHOWN = 300

export interface Asked {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** The request of a plan, with its flaw. */
export function askedOf(plan: Plan): Asked {
  const { household, shape, model, prompt, maxTokens, user, source, flaw } = plan
  const own = household.ownKeys.get(user)
  const json = shape.body(flaw === 'model' ? 'soak-unheard-of' : model, prompt, maxTokens)
  const text = JSON.stringify(flaw === 'option' ? { ...json, service_tier: 'priority' } : json)
  const path =
    flaw === 'route'
      ? `${shape.path(model)}/nowhere`
      : shape.path(flaw === 'model' ? 'soak-unheard-of' : model)
  return {
    method: 'POST',
    path: plan.isUnreachable ? path.replace('/openai', '/unreachable') : path,
    headers: {
      authorization: `Bearer ${flaw === 'key' ? 'tg_nobody_has_this_key' : (own ?? household.appKey)}`,
      'content-type': 'application/json',
      'x-tollgate-source': flaw === 'source' ? 'nowhere' : source,
      ...(own === undefined && { 'x-tollgate-user': flaw === 'user' ? 'somebody-else' : user }),
      [CALL_HEADER]: plan.id,
    },
    body: flaw === 'json' ? text.slice(0, -2) : text,
  }
}

export async function send(
  agent: Agent,
  dataUrl: string,
  asked: Asked,
  leavesAfterMs: number | null,
): Promise<Seen> {
  const seen: Seen = { status: null, code: null, text: null, isWhole: false, hasLeft: false, error: null }
  const leaving = new AbortController()
  const timer =
    leavesAfterMs === null
      ? null
      : setTimeout(() => {
          seen.hasLeft = true
          leaving.abort()
        }, leavesAfterMs)
  try {
    const { method, headers, body } = asked
    const options = { method, headers, body, dispatcher: agent, signal: leaving.signal }
    const response = await request(dataUrl + asked.path, options)
    seen.status = response.statusCode
    const text = await response.body.text()
    seen.isWhole = true
    if (response.statusCode >= 400) {
      seen.code = codeOf(text)
      seen.text = text.slice(0, MOST_SHOWN)
    }
  } catch (error) {
    seen.error =
      error instanceof Error
        ? `${error.message} ${String((error as NodeJS.ErrnoException).code)}`
        : String(error)
  } finally {
    if (timer !== null) clearTimeout(timer)
  }
  return seen
}

/** The gateway's code, whichever family worded it. */
function codeOf(text: string): string | null {
  const codes = /"(?:error_code|code|reason)":\s*"([A-Za-z_]+)"/.exec(text)
  return codes?.[1]?.toLowerCase() ?? null
}
