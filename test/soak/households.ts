/** The organizations of a soak, each with other rules, and their users and keys. */
import type { TestGateway } from '../support/gateway.ts'

export const SOURCES = ['chat', 'workflow', 'agent_deployment'] as const

export interface Household {
  readonly id: string
  readonly users: readonly string[]
  /** Those who are told; they call as well. */
  readonly admins: readonly string[]
  /** Names its users, and may be of any source. */
  readonly appKey: string
  /** Of some users: keys of their own, of any source. */
  readonly ownKeys: ReadonlyMap<string, string>
}

interface Rules {
  readonly limit: number | null
  readonly admission: 'strict' | 'straddle'
  readonly exclude: { readonly workflow: boolean; readonly agent_deployment: boolean }
  readonly billing: object
}

const OWN_KEYS = 5
const HOUR_MS = 3_600_000

/** A zone in which a day ends at the next full hour, so that a longer run goes from one billing period into the next. */
export function zoneOfMidnight(now: number): string {
  const hour = (new Date(now + HOUR_MS).getUTCHours() + 24) % 24
  if (hour === 0) return 'UTC'
  return hour <= 12 ? `Etc/GMT+${hour}` : `Etc/GMT-${24 - hour}`
}

function rulesOf(index: number, now: number): Rules {
  const limits = [null, 60, 25, null, 40, 15]
  return {
    limit: limits[index % limits.length] ?? null,
    admission: index % 3 === 1 ? 'strict' : 'straddle',
    exclude: { workflow: index % 4 === 2, agent_deployment: index % 5 === 4 },
    billing:
      index % 2 === 0
        ? { every: { days: 1 }, timezone: zoneOfMidnight(now) }
        : { every: 'month', timezone: 'Europe/Berlin' },
  }
}

/** Makes `count` organizations of so many users each over the admin API. */
export async function settle(
  gateway: TestGateway,
  count: number,
  users: number,
  hook: string,
): Promise<Household[]> {
  const now = Date.now()
  const households: Household[] = []
  for (let index = 0; index < count; index += 1) {
    households.push(await settleOne(gateway, `soak-${index}`, users, rulesOf(index, now), hook))
  }
  return households
}

async function settleOne(
  gateway: TestGateway,
  id: string,
  size: number,
  rules: Rules,
  hook: string,
): Promise<Household> {
  const at = `/v1/orgs/${id}`
  await gateway.admin('POST', '/v1/orgs', {
    id,
    name: id,
    allowance: 500,
    admission: rules.admission,
    billing: rules.billing,
  })
  const users = Array.from({ length: size }, (_, index) => `user-${index}`)
  const admins = users.slice(0, 2)
  for (const user of users) {
    await gateway.admin('PUT', `${at}/members/${user}`, {
      email: `${user}@${id}.example`,
      name: `User ${user}`,
      role: admins.includes(user) ? 'admin' : 'member',
    })
  }
  await gateway.admin('PUT', `${at}/user-limits`, {
    enabled: rules.limit !== null,
    default: rules.limit ?? 100,
    recipients: 'all',
    exclude: rules.exclude,
  })
  await gateway.admin('PUT', `${at}/user-alerts`, {
    enabled: true,
    threshold: 10,
    recipients: 'all',
    notifyUser: true,
  })
  for (const threshold of [5, 20, 75, 100]) {
    await gateway.admin('POST', `${at}/alerts`, { type: 'percentage', threshold, recipients: 'all' })
  }
  for (const threshold of [1, 10, 30, 60, 100, 200, 400, 800]) {
    await gateway.admin('POST', `${at}/alerts`, { type: 'absolute', threshold, recipients: [admins[0]] })
  }
  await gateway.admin('POST', `${at}/channels`, { kind: 'webhook', url: hook })
  const key = async (body: object): Promise<string> =>
    ((await gateway.admin('POST', `${at}/keys`, body)) as { key: string }).key
  const ownKeys = new Map<string, string>()
  for (const user of users.slice(0, OWN_KEYS)) {
    ownKeys.set(user, await key({ name: user, user, sources: SOURCES }))
  }
  return { id, users, admins, ownKeys, appKey: await key({ name: 'app', app: true, sources: SOURCES }) }
}
