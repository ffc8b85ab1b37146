/**
 * What the tests of the page and its screenshots play on: a Redis, a provider, a mail server and the gateway as a process,
 * and an organization with admins, members, keys and traffic of its own, all made over the APIs that anybody would use.
 */
import type { RedisClient } from '../../src/store/connection.ts'
import * as keys from '../../src/store/keys.ts'
import { createNoticeLog, type DeliveryState } from '../../src/outbox/notice-log.ts'
import type { Crossing } from '../../src/core/crossing.ts'
import { addDays, parseDay } from '../../src/core/days.ts'
import type { BillingSchedule } from '../../src/core/policy.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { openClient } from '../support/ledger.ts'
import { chatAnswer, startOrigin, type Origin } from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'
import { startSmtp, type SmtpSink } from '../support/smtp.ts'
import { until } from '../support/until.ts'

export interface Stage {
  readonly gateway: TestGateway
  readonly origin: Origin
  readonly store: RedisClient
  readonly mails: SmtpSink
  stop(): Promise<void>
}

export async function startStage(): Promise<Stage> {
  const redis = await startRedis()
  const [store, origin, mails] = await Promise.all([
    openClient({ url: redis.url }),
    startOrigin(),
    startSmtp(),
  ])
  // A call costs as many tokens as its prompt names, at a credit a thousand of them.
  origin.answer = ({ body }, response) => {
    const tokens = Number(/use (\d+) tokens/.exec(body)?.[1] ?? 1000)
    chatAnswer(response, { prompt_tokens: tokens - 1, completion_tokens: 1, total_tokens: tokens })
  }
  const gateway = await startGateway({
    redisUrl: redis.url,
    upstreamUrl: origin.url,
    config: {
      prices: { models: { 'test-model': { input: 10, output: 10 } } },
      notifications: { smtp: { url: mails.url, from: 'Tollgate <noreply@example.com>' } },
    },
  })
  return {
    gateway,
    origin,
    store,
    mails,
    async stop() {
      await gateway.stop()
      store.disconnect()
      await Promise.all([origin.stop(), mails.stop(), redis.stop()])
    },
  }
}

export interface StagedOrg {
  readonly id: string
  /** Grace's, of scope admin. */
  readonly adminKey: string
  /** Bob's, who is a member, of scope admin: it opens his own standing. */
  readonly memberKey: string
  /** Of ada, bob and grace, by user. */
  readonly keys: Readonly<Record<string, string>>
  admin(method: string, path: string, body?: unknown): Promise<unknown>
  /** Makes a call that costs so many credits, and answers its status. */
  spend(user: string, credits: number): Promise<number>
}

let orgs = 0

export async function createStagedOrg(
  { gateway }: Stage,
  setup: {
    readonly id?: string
    readonly name?: string
    readonly allowance?: number
    readonly timezone?: string
    readonly billing?: Pick<BillingSchedule, 'every' | 'anchor'>
  } = {},
): Promise<StagedOrg> {
  orgs += 1
  const id = setup.id ?? `page-${process.pid}-${orgs}`
  const at = `/v1/orgs/${id}`
  const admin: StagedOrg['admin'] = (method, path, body) => gateway.admin(method, at + path, body)
  await gateway.admin('POST', '/v1/orgs', {
    id,
    name: setup.name ?? id,
    allowance: setup.allowance ?? 10_000,
    billing: { every: 'month', anchor: 1, ...setup.billing, timezone: setup.timezone ?? 'UTC' },
  })
  const people = [
    ['ada', 'Ada Lovelace', 'admin'],
    ['grace', 'Grace Hopper', 'admin'],
    ['bob', 'Bob Kahn', 'member'],
  ] as const
  for (const [user, name, role] of people) {
    await admin('PUT', `/members/${user}`, { name, email: `${user}@example.com`, role })
  }
  const makeKey = async (body: object): Promise<string> =>
    ((await admin('POST', '/keys', body)) as { key: string }).key
  const userKeys: Record<string, string> = {}
  for (const [user, name] of people) userKeys[user] = await makeKey({ name: `${name}, laptop`, user })
  return {
    id,
    adminKey: await makeKey({ name: 'Grace, settings', user: 'grace', scope: 'admin' }),
    memberKey: await makeKey({ name: 'Bob, own usage', user: 'bob', scope: 'admin' }),
    keys: userKeys,
    admin,
    async spend(user, credits) {
      const response = await fetch(`${gateway.openaiUrl}/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${userKeys[user] ?? ''}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'test-model',
          max_tokens: 1,
          messages: [{ role: 'user', content: `use ${credits * 1000} tokens` }],
        }),
      })
      await response.arrayBuffer()
      await until(async () => ((await admin('GET', '')) as { held: number }).held === 0)
      return response.status
    },
  }
}

const PLANNED_AT_ONCE = 500

/**
 * A crossing whose mails to thousands have come so far, as fan-out and workers leave them in the log; nobody is mailed.
 * `mails` says how many are in each state; their recipients are `u0000` and so on, in this order.
 */
export async function logCrossing(
  { store }: Stage,
  crossing: Crossing,
  mails: Readonly<Partial<Record<DeliveryState, number>>>,
): Promise<void> {
  const log = createNoticeLog(store)
  await log.open((await store.hget(keys.org(crossing.org), 'created_at')) ?? '', [crossing])
  const states = Object.entries(mails).flatMap(([state, count]) =>
    Array.from({ length: count }, () => state as DeliveryState),
  )
  const mail = (index: number) =>
    ({ channel: 'email', target: `u${String(index).padStart(4, '0')}` }) as const
  for (let from = 0; from < states.length; from += PLANNED_AT_ONCE) {
    const some = states.slice(from, from + PLANNED_AT_ONCE)
    const planned = some.map((state, i) => ({
      ...mail(from + i),
      nobody: state === 'no_recipients' ? 'no e-mail address' : null,
    }))
    await log.plan(crossing, planned, from + PLANNED_AT_ONCE >= states.length)
    await Promise.all(
      some.map(async (state, i) => {
        if (state === 'queued' || state === 'no_recipients') return
        const [attempts, error] = state === 'sent' ? [1, null] : [15, '550 mailbox unavailable']
        await log.attempted(crossing, mail(from + i), { round: 0, state, attempts, error })
      }),
    )
  }
}

/** Spreads what was used today over the days before it, unevenly, so that a chart has something to show. */
export async function spreadOverDays(
  { store }: Stage,
  org: string,
  timezone: string,
  days: number,
): Promise<void> {
  const text = new Intl.DateTimeFormat('en-CA', { timeZone: timezone }).format(Date.now())
  const today = parseDay(text)
  if (today === null) throw new Error(`no day: ${text}`)
  for (const [field, value] of Object.entries(await store.hgetall(keys.day(org, today)))) {
    const weights = Array.from({ length: days + 1 }, (_, day) => ((day * 7 + 3) % 11) + (day % 7 < 5 ? 6 : 0))
    const sum = weights.reduce((one, other) => one + other, 0)
    const left = value.split(' ').map(Number)
    for (let day = 1; day <= days; day += 1) {
      const part = value.split(' ').map((number) => Math.floor((Number(number) * (weights[day] ?? 0)) / sum))
      for (const [index, amount] of part.entries()) left[index] = (left[index] ?? 0) - amount
      await store.hset(keys.day(org, addDays(today, -day)), field, part.join(' '))
    }
    await store.hset(keys.day(org, today), field, left.join(' '))
  }
}
