/**
 * For kill tests: gateways, workers and the store are killed at random moments between a charge and the delivery of a
 * mail. After each kill, every crossing was in the queue once per id, and every mail arrived at least once, repeats
 * with the same Message-ID (N1, N2). `TOLLGATE_KILLS=50` does more of each; `TOLLGATE_SEED` repeats a run.
 * crash-steps.test.ts kills at every single step.
 */
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { wholeCredits } from '../../src/core/units.ts'
import * as keys from '../../src/store/keys.ts'
import { createOrg, startGateway, type TestGateway, type TestOrg } from './gateway.ts'
import { randomOf } from './random.ts'
import { openClient } from './ledger.ts'
import { chatAnswer, postChat, startOrigin } from './origin.ts'
import { watchQueue } from './queues.ts'
import { startRedis } from './redis.ts'
import { startSmtp } from './smtp.ts'
import { until } from './until.ts'

const { TOLLGATE_KILLS = '5', TOLLGATE_SEED = String(Date.now() % 1_000_000) } = process.env
const seed = Number(TOLLGATE_SEED)
/** How often each kill is tried. */
export const rounds = Number(TOLLGATE_KILLS)
export const random = randomOf(seed)
t.setTimeout(0)
t.comment(`TOLLGATE_SEED=${seed} TOLLGATE_KILLS=${rounds}`)

export const redis = await startRedis({ persist: true })
const origin = await startOrigin()
export const smtp = await startSmtp()
export const USERS = Array.from({ length: 12 }, (_, i) => `user-${i}`)
// 1.2 credits a call, past the alert of 1 at once.
const usage = { prompt_tokens: 200, completion_tokens: 100, total_tokens: 300 }
origin.answer = (_request, response) => chatAnswer(response, usage)

const config = {
  leaseSeconds: 1,
  notifications: {
    smtp: { url: smtp.url, from: 'Tollgate <noreply@example.com>' },
    attempts: 50,
    backoffSeconds: 0.05,
    maxBackoffSeconds: 0.2,
    perSecond: 1_000,
    sweepSeconds: 1,
    lockSeconds: 1,
  },
}
export const start = () => startGateway({ redisUrl: redis.url, upstreamUrl: origin.url, config })
export const survivor = await start()
t.teardown(async () => {
  await survivor.stop()
  await smtp.stop()
  await origin.stop()
  await redis.stop()
})

interface Prepared {
  readonly org: TestOrg
  readonly key: string
}

/**
 * Retries while the store is on its way back, or too slow on a busy machine, because the preparation is not under test.
 * If a failed attempt created the entity already, that counts as success.
 */
const patient: TestGateway = {
  ...survivor,
  async admin(method, path, body) {
    for (;;) {
      try {
        return await survivor.admin(method, path, body)
      } catch (error) {
        if (String(error).includes(': 409 ')) return null
        if (!String(error).includes(': 503 ')) throw error
        await pause(50)
      }
    }
  },
}

/** Creates an organization that notifies one admin of each user's first call. */
export async function prepare(): Promise<Prepared> {
  const org = await createOrg(patient, { limit: null })
  const member = (role: string, user: string) => ({ role, email: `${user}@${org.id}.example`, name: user })
  await patient.admin('PUT', `/v1/orgs/${org.id}/members/grace`, member('admin', 'grace'))
  for (const user of USERS)
    await patient.admin('PUT', `/v1/orgs/${org.id}/members/${user}`, member('member', user))
  const store = await openClient({ url: redis.url })
  const alert_mark = String(wholeCredits(1))
  await store.hset(keys.org(org.id), { alert_on: '1', alert_mark, alert_version: '1' })
  store.disconnect()
  return { org, key: await org.createKey({ name: 'app', app: true, user: null }) }
}

/** One call of each user; calls that a kill broke are repeated through the survivor. `onServed` is called for each. */
export async function spend(
  through: TestGateway,
  key: string,
  { users = USERS, onServed = () => undefined }: { users?: readonly string[]; onServed?: () => void } = {},
): Promise<void> {
  await Promise.all(
    users.map(async (user) => {
      const headers = { 'x-tollgate-user': user }
      for (let gateway = through; ; gateway = survivor) {
        const status = await postChat(gateway.dataUrl, key, undefined, { headers }).then(
          async (response) => (await response.arrayBuffer(), response.status),
          () => 0,
        )
        if (status === 200) {
          onServed()
          return
        }
        await pause(20)
      }
    }),
  )
}

/**
 * Makes calls until every user is past the alert. If a gateway died after the response and before the settle, only the
 * prompt is charged (C6), which does not cross the alert.
 */
async function everybodyPast(org: TestOrg, key: string): Promise<void> {
  await until(
    async () => {
      // May be refused while the store is on its way back.
      const page = (await survivor.admin('GET', `/v1/orgs/${org.id}/users?limit=200`).catch(() => null)) as {
        readonly items: readonly { readonly user: string; readonly used: number; readonly held: number }[]
      } | null
      if (page === null) return false
      const of = new Map(page.items.map((item) => [item.user, item]))
      if (page.items.some(({ held }) => held > 0)) return false
      const short = USERS.filter((user) => (of.get(user)?.used ?? 0) < 1)
      await spend(survivor, key, { users: short })
      return short.length === 0
    },
    { timeoutMs: 120_000, what: 'everybody is past the alert' },
  )
}

async function allLogged(org: TestOrg): Promise<boolean> {
  const path = `/v1/orgs/${org.id}/notifications?state=sent&limit=200`
  const page = (await survivor.admin('GET', path).catch(() => null)) as {
    readonly items: readonly unknown[]
  } | null
  return page?.items.length === USERS.length
}

/** Asserts what must hold after any kill. Resolves to how many mails came more than once. */
export async function check(t: Test, { org, key }: Prepared): Promise<number> {
  await everybodyPast(org, key)
  const watched = watchQueue({ url: redis.url })
  const store = await openClient({ url: redis.url })
  const mails = () => smtp.mails.filter(({ to }) => to.includes(`grace@${org.id}.example`))
  const ids = () => new Set(mails().map(({ parsed }) => parsed.messageId))
  await until(() => ids().size >= USERS.length, { timeoutMs: 120_000, what: 'every mail has arrived' })
  await until(async () => (await store.xlen(keys.outbox(org.id))) === 0, { timeoutMs: 120_000 })
  // Includes mails whose sender died between sending and logging: they are sent again.
  await until(() => allLogged(org), { timeoutMs: 120_000, what: 'every mail is in the log as sent' })
  const queued = await watched.jobsOf(org.id)
  t.equal(queued.length, USERS.length, 'every crossing is in the queue')
  t.strictSame(new Set(queued.map(({ data }) => data.user)).size, USERS.length)
  const added = (await watched.added()).filter((id) => queued.some((job) => job.id === id))
  t.equal(added.length, USERS.length, 'and was put there once')
  t.equal(ids().size, USERS.length, `${mails().length} mails, repeats under the same Message-ID`)
  store.disconnect()
  await watched.close()
  return mails().length - ids().size
}

/** Crossings that are currently in no queue. */
export async function leftBehind({ org }: Prepared): Promise<number> {
  const store = await openClient({ url: redis.url })
  const count = await store.xlen(keys.outbox(org.id))
  store.disconnect()
  return count
}
