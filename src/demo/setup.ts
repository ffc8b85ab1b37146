/** Creates the demo's organization through the admin API, as an operator would. Safe to run again on every start. */
import { Agent, fetch } from 'undici'
import type { DemoState } from './state.ts'

export const ORG = 'demo'
export const DEFAULT_LIMIT = 5
/**
 * Alert thresholds in percent of the allowance: usage passes the first before it reaches the limit, and stays below the
 * second.
 */
export const ALERTS = [40, 90] as const
const ALLOWANCE = 10

const MEMBERS = {
  ada: { email: 'ada@example.com', name: 'Ada', role: 'member' },
  grace: { email: 'grace@example.com', name: 'Grace', role: 'admin' },
} as const

const LIMITS = {
  enabled: true,
  default: DEFAULT_LIMIT,
  recipients: 'all',
  exclude: { agent_deployment: false, workflow: false },
  explanation: { text: null, contact: 'grace@example.com', hideAmounts: false },
}

/** The user is notified before the limit is reached. */
const USER_ALERTS = { enabled: true, threshold: 3, recipients: 'all', notifyUser: true }

export interface Addresses {
  readonly dataUrl: string
  readonly adminUrl: string
  readonly operatorToken: string
}

export interface DemoKeys {
  readonly userKey: string
  readonly adminKey: string
}

type Call = (method: string, url: string, token: string, body?: object) => Promise<Answer>

/** Creates what is missing. `save` gets the new state at once, because a key is shown only once. */
export async function setUp(
  at: Addresses,
  state: DemoState,
  save: (state: DemoState) => void,
): Promise<DemoKeys> {
  // Its own connections, so that none stays open to a gateway that stops.
  const agent = new Agent()
  try {
    const keys = await setUpWith(caller(agent), at, state)
    save({ ...keys, hasSettings: true })
    return keys
  } finally {
    await agent.close()
  }
}

async function setUpWith(call: Call, at: Addresses, state: DemoState): Promise<DemoKeys> {
  const org = `${at.adminUrl}/v1/orgs/${ORG}`
  const admin = (method: string, url: string, body?: object) => call(method, url, at.operatorToken, body)

  const isNew = (await admin('GET', org)).status === 404
  if (isNew) {
    await must(admin('POST', `${at.adminUrl}/v1/orgs`, { id: ORG, name: 'Demo', allowance: ALLOWANCE }))
  }
  for (const [user, member] of Object.entries(MEMBERS)) {
    const url = `${org}/members/${user}`
    if ((await admin('GET', url)).status === 404) await must(admin('PUT', url, member))
  }
  if (isNew || !state.hasSettings) {
    const { items } = (await must(admin('GET', `${org}/alerts`))).body as { items: unknown[] }
    for (const threshold of items.length === 0 ? ALERTS : [])
      await must(admin('POST', `${org}/alerts`, { type: 'percentage', threshold, recipients: 'all' }))
    await must(admin('PUT', `${org}/user-alerts`, USER_ALERTS))
    await must(admin('PUT', `${org}/user-limits`, LIMITS))
  }

  /** The stored key if it still opens `url`, otherwise a new one. */
  const keyFor = async (url: string, kept: string | null, request: object): Promise<string> => {
    if (kept !== null && (await call('GET', url, kept)).status === 200) return kept
    const { key } = (await must(admin('POST', `${org}/keys`, request))).body as { key?: unknown }
    if (typeof key !== 'string') throw new Error(`the answer to POST ${org}/keys has no key`)
    return key
  }
  return {
    userKey: await keyFor(`${at.dataUrl}/tollgate/v1/me`, state.userKey, {
      name: 'Demo key of ada',
      user: 'ada',
    }),
    adminKey: await keyFor(org, state.adminKey, { name: 'Demo key of grace', user: 'grace', scope: 'admin' }),
  }
}

interface Answer {
  readonly what: string
  readonly status: number
  readonly body: unknown
}

function caller(dispatcher: Agent): Call {
  return async (method, url, token, body) => {
    const authorization = `Bearer ${token}`
    const response = await fetch(url, {
      dispatcher,
      method,
      headers: body === undefined ? { authorization } : { authorization, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { what: `${method} ${url}`, status: response.status, body: parse(await response.text()) }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

async function must(answer: Promise<Answer>): Promise<Answer> {
  const { what, status, body } = await answer
  if (status >= 200 && status < 300) return { what, status, body }
  throw new Error(`${what} answered ${status}: ${JSON.stringify(body)}`)
}
