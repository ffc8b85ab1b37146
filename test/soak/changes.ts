/** What admins do while calls run: limits, alerts, members, adjustments; each asked again until some gateway takes it. */
import { setTimeout as pause } from 'node:timers/promises'
import { OPERATOR_TOKEN } from '../support/gateway.ts'
import { SOURCES, type Household } from './households.ts'
import type { World } from './world.ts'

export interface Changes {
  /** Makes one, drawn at random. */
  change(): Promise<void>
  /** Microcredits that adjustments came to so far, by `org user source|model`. */
  readonly adjusted: ReadonlyMap<string, number>
  /** How many were made. */
  readonly count: () => number
}

const PATIENCE_MS = 60_000
const CREDIT = 1_000_000

export function createChanges(world: World, random: () => number, households: readonly Household[]): Changes {
  const adjusted = new Map<string, number>()
  const removed = new Map<string, Household>()
  const alerts = new Map<string, string[]>()
  let count = 0

  const whole = (from: number, to: number): number => from + Math.floor(random() * (to - from + 1))
  function oneOf<T>(list: readonly T[]): T {
    const found = list[Math.floor(random() * list.length)]
    if (found === undefined) throw new Error('nothing to draw from')
    return found
  }

  /** The answer of whichever gateway gives one that is not about the store. */
  async function ask(method: string, path: string, body: unknown, key?: string): Promise<Response> {
    const deadline = Date.now() + PATIENCE_MS
    for (;;) {
      const ready = world.lives.filter(({ isReady }) => isReady)
      const { gateway } = oneOf(ready)
      const answer = await fetch(gateway.adminUrl + path, {
        method,
        headers: {
          authorization: `Bearer ${OPERATOR_TOKEN}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(key !== undefined && { 'idempotency-key': key }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }).catch(() => null)
      if (answer !== null && answer.status < 500) return answer
      if (Date.now() > deadline) throw new Error(`${method} ${path}: ${String(answer?.status)}`)
      await pause(200)
    }
  }

  async function adjust({ id, users }: Household): Promise<void> {
    const [user, source] = [oneOf(users), oneOf(SOURCES)]
    const amount = whole(-3 * CREDIT, 2 * CREDIT) || 1
    const body = { user, source, credits: amount / CREDIT, reason: 'the soak' }
    const { status } = await ask('POST', `/v1/orgs/${id}/adjustments`, body, `soak-${count}`)
    if (status !== 201) return
    const line = `${id} ${user} ${source}|adjustment`
    adjusted.set(line, (adjusted.get(line) ?? 0) + amount)
  }

  /** Out, and back in the next time. Who has a key of one's own stays, and so do admins. */
  async function member(household: Household): Promise<void> {
    const { id, users, ownKeys } = household
    const [out] = removed
    const user = out?.[0] ?? oneOf(users.filter((name) => !ownKeys.has(name)))
    const org = out?.[1].id ?? id
    const path = `/v1/orgs/${org}/members/${user}`
    if (out === undefined) {
      await ask('DELETE', path, undefined)
      removed.set(user, household)
      return
    }
    await ask('PUT', path, { email: `${user}@${org}.example`, name: user, role: 'member' })
    removed.delete(user)
  }

  async function alert({ id }: Household): Promise<void> {
    const mine = alerts.get(id) ?? []
    alerts.set(id, mine)
    const path = `/v1/orgs/${id}/alerts`
    const body = { type: 'absolute', threshold: whole(1, 1_000) }
    const [known] = mine
    if (known === undefined || mine.length < 5) {
      const answer = await ask('POST', path, { ...body, recipients: 'all' })
      mine.push(((await answer.json()) as { id: string }).id)
    } else if (random() < 0.7) await ask('PATCH', `${path}/${oneOf(mine)}`, body)
    else {
      mine.shift()
      await ask('DELETE', `${path}/${known}`, undefined)
    }
  }

  const limit = ({ id, users }: Household) =>
    ask('PUT', `/v1/orgs/${id}/user-limits/custom/${oneOf(users)}`, {
      limit: random() < 0.2 ? null : whole(0, 150),
    })
  const noLimit = ({ id, users }: Household) =>
    ask('DELETE', `/v1/orgs/${id}/user-limits/custom/${oneOf(users)}`, undefined)
  const userAlert = ({ id }: Household) =>
    ask('PUT', `/v1/orgs/${id}/user-alerts`, {
      enabled: true,
      threshold: whole(1, 40),
      recipients: 'all',
      notifyUser: true,
    })
  const allowance = ({ id }: Household) => ask('PATCH', `/v1/orgs/${id}`, { allowance: whole(100, 2_000) })

  const KINDS: readonly ((household: Household) => Promise<unknown>)[] = [
    adjust,
    adjust,
    adjust,
    limit,
    limit,
    noLimit,
    alert,
    alert,
    member,
    userAlert,
    allowance,
  ]
  return {
    adjusted,
    count: () => count,
    async change() {
      count += 1
      await oneOf(KINDS)(oneOf(households))
    },
  }
}
