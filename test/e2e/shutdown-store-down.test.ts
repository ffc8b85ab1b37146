/** SIGTERM while the store is down (D2): the end comes within its times, and nothing that was served is lost. */
import { mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createOrg, startGateway, type TestGateway } from '../support/gateway.ts'
import { CHAT_COST, chatAnswer, postChat, startOrigin } from '../support/origin.ts'
import { startRedis, type RedisServer } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { removeFolder } from '../support/folder.ts'

const CALLS = 5
const origin = await startOrigin()
t.teardown(() => origin.stop())

interface Stage {
  readonly store: RedisServer
  readonly dir: string
  /** Gateways of it share the folder of the journal. */
  readonly start: () => Promise<TestGateway>
}

async function stage(t: Test, config: Readonly<Record<string, unknown>>): Promise<Stage> {
  const store = await startRedis({ persist: true })
  const dir = mkdtempSync(join(tmpdir(), 'tg-shutdown-'))
  const started: TestGateway[] = []
  t.teardown(async () => {
    store.thaw()
    await Promise.all(started.map((gateway) => gateway.kill()))
    await store.stop()
    removeFolder(dir)
  })
  return {
    store,
    dir,
    start: async () => {
      const gateway = await startGateway({
        redisUrl: store.url,
        upstreamUrl: origin.url,
        // The time for calls is longer than that of this test: only what has come to its end may end it.
        config: { journal: { dir }, shutdownSeconds: 3_600, ...config },
      })
      started.push(gateway)
      return gateway
    },
  }
}

/** From now on the provider answers when it is told to; how many wait for it. */
function answersOnDemand() {
  const waiting: (() => void)[] = []
  origin.answer = async (_request, response) => {
    await new Promise<void>((resolve) => waiting.push(resolve))
    chatAnswer(response)
  }
  return {
    waiting: () => waiting.length,
    answer: (count: number) => {
      for (const go of waiting.splice(0, count)) go()
    },
  }
}

const usedOf = async (gateway: TestGateway, org: string): Promise<{ used: number; held: number }> => {
  const { used, held } = (await gateway.admin('GET', `/v1/orgs/${org}`)) as { used: number; held: number }
  return { used, held }
}

const credits = (calls: number): number => Math.round(calls * CHAT_COST * 1e6) / 1e6

for (const way of ['freeze', 'kill'] as const) {
  void t.test(
    `D2: SIGTERM with calls in flight and no store (${way}): whole answers, exit 0, all is charged later`,
    async (t) => {
      const { store, dir, start } = await stage(t, {})
      const gateway = await start()
      const { id, key } = await createOrg(gateway)
      const provider = answersOnDemand()
      const calls = Array.from({ length: CALLS }, async () => (await postChat(gateway.dataUrl, key)).json())
      await until(() => provider.waiting() === CALLS)
      await store[way]()
      await until(async () => (await gateway.metric('tollgate_store_up')) === 0)
      // Some end before the signal, the others behind it.
      provider.answer(2)
      await until(async () => (await gateway.metric('tollgate_journal_entries')) === 2)
      const exit = gateway.stop()
      await until(async () => (await fetch(`${gateway.adminUrl}/readyz`)).status === 503)
      provider.answer(CALLS)
      for (const answer of await Promise.all(calls)) t.match(answer, { object: 'chat.completion' })
      t.equal(await exit, 0)
      t.notOk(
        gateway.log.some((line) => line.includes('could not be settled')),
        'each settle is kept',
      )
      t.equal(readdirSync(dir).length, 1, 'in the journal')
      const left = gateway.log.find((line) => line.includes('is left in the journal')) ?? '{}'
      t.match(JSON.parse(left), { entries: CALLS }, 'and the log says so')
      if (way === 'freeze') store.thaw()
      else await store.restart()
      const next = await start()
      await until(async () => (await usedOf(next, id)).used === credits(CALLS), {
        what: 'all of it is charged',
      })
      await until(() => readdirSync(dir).length === 0, { what: 'the journal is done with' })
      t.same(await usedOf(next, id), { used: credits(CALLS), held: 0 }, 'once')
      t.equal(await next.stop(), 0)
    },
  )
}

void t.test(
  'D1, D2: SIGTERM under open, while calls pass without limits: all is charged later',
  async (t) => {
    const { store, dir, start } = await stage(t, { onStoreDown: 'open' })
    const gateway = await start()
    const org = await createOrg(gateway)
    origin.answer = (_request, response) => chatAnswer(response)
    t.equal((await postChat(gateway.dataUrl, org.key)).status, 200)
    t.equal(await org.usedWhenIdle(), CHAT_COST)
    store.freeze()
    await until(async () => (await gateway.metric('tollgate_store_up')) === 0)
    const provider = answersOnDemand()
    const calls = Array.from({ length: CALLS }, async () => (await postChat(gateway.dataUrl, org.key)).status)
    await until(() => provider.waiting() === CALLS)
    const exit = gateway.stop()
    await until(async () => (await fetch(`${gateway.adminUrl}/readyz`)).status === 503)
    provider.answer(CALLS)
    t.same([...new Set(await Promise.all(calls))], [200])
    t.equal(await exit, 0)
    store.thaw()
    const next = await start()
    await until(async () => (await usedOf(next, org.id)).used === credits(CALLS + 1))
    await until(() => readdirSync(dir).length === 0)
    t.same(await usedOf(next, org.id), { used: credits(CALLS + 1), held: 0 })
    t.equal(await next.stop(), 0)
  },
)
