/**
 * A gateway is killed (SIGKILL) at each step of a call (C3, C5, C6, D2). Where it stops is no matter of time: the provider
 * holds back, or the network to the store stands still in front of a script or behind it.
 */
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { scriptSource, type ScriptName } from '../../src/store/scripts.ts'
import { createOrg, startGateway, type TestGateway, type TestOrg } from '../support/gateway.ts'
import { startHaltingProxy, type HaltingProxy } from '../support/halting-proxy.ts'
import { books, openClient } from '../support/ledger.ts'
import { chatAnswer, chatBody, chunkEvent, CHAT_COST, postChat, startOrigin } from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { removeFolder } from '../support/folder.ts'

const redis = await startRedis()
const store = await openClient({ url: redis.url })
const origin = await startOrigin()
const LEASE = { leaseSeconds: 1 }
const survivor = await startGateway({ redisUrl: redis.url, upstreamUrl: origin.url, config: LEASE })
t.teardown(async () => {
  await survivor.stop()
  store.disconnect()
  await origin.stop()
  await redis.stop()
})

const sha1 = (name: ScriptName): string => createHash('sha1').update(scriptSource(name)).digest('hex')
/** The server knows the scripts, so that what is met on the way is the script and not the question for it. */
for (const name of ['reserve', 'settle', 'replay'] as const) await store.script('LOAD', scriptSource(name))

const STREAM = chatBody({ stream: true })
const promptOf = (body: string): number => Math.ceil(Buffer.byteLength(body) / 3) * 1_000
const PROMPT = promptOf(chatBody())
const COST = CHAT_COST * 1e6

interface Stage {
  readonly org: TestOrg
  readonly proxy: HaltingProxy
  readonly victim: TestGateway
}

/** A gateway to kill, with a network and a journal of its own, that has served the organization's key before. */
async function stage(
  t: Test,
  config: Readonly<Record<string, unknown>> = {},
): Promise<Stage & { dir: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'tg-journal-'))
  const proxy = await startHaltingProxy(redis.port)
  const victim = await startGateway({
    redisUrl: `redis://127.0.0.1:${proxy.port}`,
    upstreamUrl: origin.url,
    config: { ...LEASE, journal: { dir }, ...config },
  })
  t.teardown(async () => {
    await victim.kill()
    await proxy.stop()
    removeFolder(dir)
  })
  const org = await createOrg(survivor)
  const me = await fetch(`${victim.dataUrl}/tollgate/v1/me`, {
    headers: { authorization: `Bearer ${org.key}` },
  })
  t.equal(me.status, 200, 'the victim knows the key')
  origin.answer = (_request, response) => chatAnswer(response)
  return { org, proxy, victim, dir }
}

const booksOf = (org: TestOrg) => books(store, org.id, ['ada'])

/** When the lease is over: nothing is held, and every sum is this one. */
async function endsWith(t: Test, org: TestOrg, used: number): Promise<void> {
  await until(async () => (await booksOf(org)).leases === 0, { what: 'the lease is over' })
  t.same(await booksOf(org), {
    used,
    held: 0,
    usersUsed: used,
    usersHeld: 0,
    openHolds: 0,
    days: used,
    models: used,
    leases: 0,
  })
}

const call = (victim: TestGateway, org: TestOrg, body?: string): Promise<Response | null> =>
  postChat(victim.dataUrl, org.key, body).catch(() => null)

void t.test('C3, C6: killed before the hold: nothing is held or charged', async (t) => {
  const { org, proxy, victim } = await stage(t)
  const forwarded = origin.received.length
  const halted = proxy.haltAt(sha1('reserve'), 'before')
  void call(victim, org)
  await halted
  await victim.kill()
  await endsWith(t, org, 0)
  t.equal(origin.received.length, forwarded)
  proxy.deliverKept()
  await until(async () => (await booksOf(org)).held > 0, { what: 'the question of the dead arrives' })
  await endsWith(t, org, PROMPT)
})

void t.test('C6: killed with a hold, before the call is sent: the prompt', async (t) => {
  const { org, proxy, victim } = await stage(t)
  const forwarded = origin.received.length
  const halted = proxy.haltAt(sha1('reserve'), 'after')
  void call(victim, org)
  await halted
  await until(async () => (await booksOf(org)).held > 0)
  await victim.kill()
  await endsWith(t, org, PROMPT)
  t.equal(origin.received.length, forwarded, 'it was never sent')
})

void t.test('C6: killed when the call was sent and nothing came back: the prompt', async (t) => {
  const { org, victim } = await stage(t)
  let isThere = false
  origin.answer = () => void (isThere = true)
  void call(victim, org)
  await until(() => isThere)
  await victim.kill()
  await endsWith(t, org, PROMPT)
})

void t.test('C6: killed in the middle of a stream: the prompt', async (t) => {
  const { org, victim } = await stage(t)
  origin.answer = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(chunkEvent('one'))
  }
  const response = await call(victim, org, STREAM)
  await response?.body?.getReader().read()
  await victim.kill()
  await endsWith(t, org, promptOf(STREAM))
})

void t.test(
  'C3, C6: killed when it has answered and not settled: the prompt; a settle of the dead charges the rest, once',
  async (t) => {
    const { org, proxy, victim } = await stage(t)
    const halted = proxy.haltAt(sha1('settle'), 'before')
    const response = await call(victim, org)
    t.equal(response?.status, 200)
    await halted
    await victim.kill()
    await endsWith(t, org, PROMPT)
    proxy.deliverKept()
    await until(async () => (await booksOf(org)).used > PROMPT, { what: 'the settle of the dead arrives' })
    await endsWith(t, org, COST)
    proxy.deliverKept()
    await store.ping()
    await endsWith(t, org, COST)
  },
)

void t.test('C3: killed when the settle ran and its answer is on the way: the cost, once', async (t) => {
  const { org, proxy, victim } = await stage(t)
  const halted = proxy.haltAt(sha1('settle'), 'after')
  t.equal((await call(victim, org))?.status, 200)
  await halted
  await victim.kill()
  await until(async () => (await booksOf(org)).used > 0)
  await endsWith(t, org, COST)
})

const CALLS = 80

/** So many calls of the victim, which the provider answers when it has all of them. */
async function crowd(victim: TestGateway, org: TestOrg): Promise<void> {
  let answerAll: () => void = () => undefined
  const all = new Promise<void>((resolve) => (answerAll = resolve))
  let count = 0
  origin.answer = async (_request, response) => {
    count += 1
    if (count === CALLS) answerAll()
    await all
    chatAnswer(response)
  }
  const statuses = await Promise.all(
    Array.from({ length: CALLS }, async () => {
      const status = (await call(victim, org))?.status ?? 'none'
      // The provider will never have all of them: those that wait for that need not.
      if (status !== 200) answerAll()
      return status
    }),
  )
  t.same([...new Set(statuses)], [200], `each of ${CALLS} calls is served`)
}

/** How many of the organization's calls were charged by their usage, as against their prompt. */
async function settledOf(org: TestOrg): Promise<number> {
  const usage = (await survivor.admin('GET', `/v1/orgs/${org.id}/usage?by=model`)) as {
    readonly items: readonly { readonly calls: number; readonly outputTokens: number }[]
  }
  t.equal(usage.items[0]?.calls, CALLS, 'each call counts once')
  return (usage.items[0]?.outputTokens ?? 0) / 10
}

for (const when of ['before', 'after'] as const) {
  void t.test(
    `C3, C6: killed in the middle of a run of settles, ${when} the second batch: each batch whole or not at all`,
    async (t) => {
      const { org, proxy, victim } = await stage(t)
      const halted = proxy.haltAt(sha1('settle'), when, 2)
      await crowd(victim, org)
      await halted
      await victim.kill()
      await until(async () => (await booksOf(org)).leases === 0)
      const settled = await settledOf(org)
      t.ok(settled > 0, `${settled} of ${CALLS} were settled`)
      if (when === 'before') t.ok(settled < CALLS)
      await endsWith(t, org, settled * COST + (CALLS - settled) * PROMPT)
    },
  )
}

for (const [when, nth] of [
  ['after', 1],
  ['before', 2],
] as const) {
  void t.test(
    `D2: killed while its journal is replayed, ${when} batch ${nth}: the next one charges what is missing`,
    async (t) => {
      const { org, proxy, victim, dir } = await stage(t, { onStoreDown: 'open' })
      proxy.halt()
      await until(async () => (await victim.metric('tollgate_store_up')) === 0)
      await crowd(victim, org)
      await until(async () => (await victim.metric('tollgate_journal_entries')) === CALLS)
      const halted = proxy.haltAt(sha1('replay'), when, nth)
      proxy.goOn()
      await halted
      await victim.kill()
      const config = { ...LEASE, journal: { dir } }
      const next = await startGateway({ redisUrl: redis.url, upstreamUrl: origin.url, config })
      t.teardown(() => next.stop())
      await until(() => readdirSync(dir).length === 0, { what: 'the journal is done with' })
      await endsWith(t, org, CALLS * COST)
      proxy.deliverKept()
      await store.ping()
      await endsWith(t, org, CALLS * COST)
    },
  )
}
