/** What calls cost while the store is down, and what becomes of it when a gateway does not live to see it back (D1, D2). */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { mintKey } from '../../src/core/virtual-key.ts'
import { createOrg, startGateway, type TestGateway, type TestOrg } from '../support/gateway.ts'
import { chatAnswer, chatBody, CHAT_COST, postChat, startOrigin, type Origin } from '../support/origin.ts'
import { startHaltingProxy } from '../support/halting-proxy.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { removeFolder } from '../support/folder.ts'

const server = await startRedis()
const origin = await startOrigin()
t.teardown(async () => {
  await origin.stop()
  await server.stop()
})

/** A gateway with a journal in a folder of the test's own; several of a test share it. */
function gateways(t: Test, config: Readonly<Record<string, unknown>> = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'tg-journal-'))
  const running: TestGateway[] = []
  t.teardown(async () => {
    server.thaw()
    await Promise.all(running.map((gateway) => gateway.stop()))
    removeFolder(dir)
  })
  return {
    dir,
    start: async (redisUrl = server.url): Promise<TestGateway> => {
      const gateway = await startGateway({
        redisUrl,
        upstreamUrl: origin.url,
        patienceSeconds: 0,
        config: { leaseSeconds: 60, journal: { dir, ...(config['journal'] as object) }, ...without(config) },
      })
      running.push(gateway)
      return gateway
    },
  }
}

function without(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).filter(([name]) => name !== 'journal'))
}

const entries = (gateway: TestGateway): Promise<number> => gateway.metric('tollgate_journal_entries')

const refuses: Origin['answer'] = (_request, response) => void response.writeHead(429).end()

/** A call that waits at the provider until it is told to go on. */
async function callInFlight(
  gateway: TestGateway,
  org: TestOrg,
  end: Origin['answer'] = (_request, response) => chatAnswer(response),
) {
  let finish: () => void = () => undefined
  let isThere = false
  origin.answer = async (request, response, raw) => {
    isThere = true
    await new Promise<void>((resolve) => (finish = resolve))
    await end(request, response, raw)
  }
  const answer = postChat(gateway.dataUrl, org.key)
  await until(() => isThere)
  origin.answer = (_request, response) => chatAnswer(response)
  return { answer, finish: () => finish() }
}

/** A call that is settled: from then on the gateway knows the key, and owes the store nothing. */
async function becomesKnown(gateway: TestGateway, org: TestOrg): Promise<void> {
  await (await postChat(gateway.dataUrl, org.key)).arrayBuffer()
  await until(async () => (await org.usedWhenIdle()) === CHAT_COST)
}

async function storeIsDown(gateway: TestGateway): Promise<void> {
  await until(async () => (await gateway.metric('tollgate_store_up')) === 0)
}

void t.test('D2: a settle is journaled while the store is down, and charged when it is back', async (t) => {
  const { start } = gateways(t)
  const gateway = await start()
  const org = await createOrg(gateway)
  const call = await callInFlight(gateway, org)
  server.freeze()
  await storeIsDown(gateway)
  call.finish()
  t.equal((await call.answer).status, 200, 'the caller notices nothing')
  await until(async () => (await entries(gateway)) === 1)
  server.thaw()
  await until(async () => (await entries(gateway)) === 0)
  t.equal(await org.usedWhenIdle(), CHAT_COST)
})

void t.test(
  'D2: a gateway that dies before the store is back loses nothing: the next one charges it',
  async (t) => {
    const { start, dir } = gateways(t)
    const gateway = await start()
    const org = await createOrg(gateway)
    const call = await callInFlight(gateway, org)
    server.freeze()
    await storeIsDown(gateway)
    call.finish()
    t.equal((await call.answer).status, 200)
    await until(async () => (await entries(gateway)) === 1)
    await gateway.kill()
    server.thaw()
    const next = await start()
    const seen = reading(next, org)
    await until(async () => (await seen.used()) === CHAT_COST)
    await until(() => readdirSync(dir).length === 0, { what: 'the orphan is done with, and removed' })
    t.equal(await seen.used(), CHAT_COST, 'once')
  },
)

/** The used credits of an organization, asked of another gateway than the one that made it. */
function reading(gateway: TestGateway, org: TestOrg) {
  return {
    used: async (): Promise<number> => {
      const page = (await gateway.admin('GET', `/v1/orgs/${org.id}`)) as { used: number; held: number }
      return page.held === 0 ? page.used : -1
    },
  }
}

const PROMPT = Math.round(Math.ceil(Buffer.byteLength(chatBody()) / 3) * 1_000) / 1e6
const LEASE = { leaseSeconds: 1 }

void t.test(
  'C5: a refused call costs nothing, though the store is down for longer than its lease',
  async (t) => {
    const { start } = gateways(t, LEASE)
    const gateway = await start()
    const org = await createOrg(gateway)
    const call = await callInFlight(gateway, org, refuses)
    server.freeze()
    await storeIsDown(gateway)
    call.finish()
    t.equal((await call.answer).status, 429)
    await until(async () => (await entries(gateway)) === 1, { what: 'the free is on the disk' })
    const since = Date.now()
    await until(() => Date.now() - since > 1_500, { what: 'a lease and a half have passed' })
    server.thaw()
    await until(async () => (await entries(gateway)) === 0)
    t.equal(await org.usedWhenIdle(), 0)
  },
)

for (const end of ['kill', 'stop'] as const) {
  void t.test(
    `C5: a refused call costs nothing, though its lease ran out and its gateway is gone (${end}) before the store has heard of it`,
    async (t) => {
      const { start, dir } = gateways(t, LEASE)
      const proxy = await startHaltingProxy(server.port)
      t.teardown(() => proxy.stop())
      const cutOff = await start(`redis://127.0.0.1:${proxy.port}`)
      const survivor = await start()
      const org = await createOrg(survivor)
      const call = await callInFlight(cutOff, org, refuses)
      proxy.halt()
      call.finish()
      t.equal((await call.answer).status, 429)
      await until(async () => (await entries(cutOff)) === 1)
      await until(async () => (await org.user()).used === PROMPT, { what: 'the lease ran out' })
      await cutOff[end]()
      if (end === 'stop') t.equal(cutOff.process.exitCode, 0)
      await until(async () => (await org.user()).used === 0, { what: 'the journal was taken over' })
      await until(() => readdirSync(dir).length === 0)
      t.equal(await survivor.metric('tollgate_credits_total{kind="returned"}'), PROMPT)
      const usage = (await survivor.admin('GET', `/v1/orgs/${org.id}/usage`)) as { total: { calls: number } }
      t.equal(usage.total.calls, 0, 'and is no call')
    },
  )
}

const OPEN = { onStoreDown: 'open' }

void t.test('D1: open: calls pass while the store is down, and are charged when it is back', async (t) => {
  const { start } = gateways(t, OPEN)
  const gateway = await start()
  const org = await createOrg(gateway, { limit: 1 })
  await becomesKnown(gateway, org)
  server.freeze()
  await storeIsDown(gateway)
  const answers = await Promise.all(Array.from({ length: 20 }, () => postChat(gateway.dataUrl, org.key)))
  t.same(
    answers.map(({ status }) => status),
    Array.from({ length: 20 }, () => 200),
    'without limits',
  )
  t.equal(answers[0]?.headers.get('x-tollgate-credits-remaining'), null, 'which nobody knows now')
  t.equal((await postChat(gateway.dataUrl, mintKey(randomBytes))).status, 503, 'an unknown key does not pass')
  await until(async () => (await entries(gateway)) === 20)
  server.thaw()
  await until(async () => (await entries(gateway)) === 0)
  t.equal(await org.usedWhenIdle(), Math.round(21 * CHAT_COST * 1e6) / 1e6)
  t.equal((await postChat(gateway.dataUrl, org.key)).status, 402, 'the limit holds again')
  t.equal(
    await gateway.metric('tollgate_crossings_total{type="user.limit.reached"}'),
    1,
    'and was crossed once',
  )
})

void t.test(
  'D1: open: the gateway dies with a call in flight: the price of its prompt is charged',
  async (t) => {
    const { start, dir } = gateways(t, OPEN)
    const gateway = await start()
    const org = await createOrg(gateway)
    await becomesKnown(gateway, org)
    server.freeze()
    await storeIsDown(gateway)
    t.equal((await postChat(gateway.dataUrl, org.key)).status, 200)
    const call = await callInFlight(gateway, org)
    call.answer.catch(() => undefined)
    await gateway.kill()
    server.thaw()
    const next = await start()
    const seen = reading(next, org)
    const expected = Math.round((2 * CHAT_COST + PROMPT) * 1e6) / 1e6
    await until(async () => (await seen.used()) === expected)
    await until(() => readdirSync(dir).length === 0)
    t.equal(await seen.used(), expected)
  },
)

void t.test('D1: open: a call that was not served costs nothing', async (t) => {
  const { start } = gateways(t, OPEN)
  const gateway = await start()
  const org = await createOrg(gateway)
  await becomesKnown(gateway, org)
  server.freeze()
  await storeIsDown(gateway)
  origin.answer = (_request, response) => void response.writeHead(500).end()
  t.equal((await postChat(gateway.dataUrl, org.key)).status, 500)
  origin.answer = (_request, response) => chatAnswer(response)
  await until(async () => (await entries(gateway)) === 0)
  server.thaw()
  // Until the gateway knows that the store is back, calls pass without it, and are charged as well.
  let served = 1
  await until(async () => {
    served += 1
    return (await postChat(gateway.dataUrl, org.key)).headers.has('x-tollgate-credits-remaining')
  })
  await until(async () => (await entries(gateway)) === 0)
  t.equal(await org.usedWhenIdle(), Math.round(served * CHAT_COST * 1e6) / 1e6)
})

void t.test('D1: open: a full journal refuses: 503, and nothing is forwarded', async (t) => {
  const { start } = gateways(t, { ...OPEN, journal: { maxBytes: 65_536 } })
  const gateway = await start()
  const org = await createOrg(gateway)
  await becomesKnown(gateway, org)
  server.freeze()
  await storeIsDown(gateway)
  let served = 0
  let refused = 0
  // The end of the last call may leave some of the room that was kept for it, in which one more fits.
  await until(async () => {
    const { status } = await postChat(gateway.dataUrl, org.key)
    if (status === 200) served += 1
    refused = status === 503 ? refused + 1 : 0
    return refused === 3
  })
  t.ok(served > 10)
  const forwarded = origin.received.length
  t.equal((await postChat(gateway.dataUrl, org.key)).status, 503)
  t.equal(origin.received.length, forwarded)
  server.thaw()
  await until(async () => (await entries(gateway)) === 0)
  t.equal(await org.usedWhenIdle(), Math.round((served + 1) * CHAT_COST * 1e6) / 1e6)
})

void t.test('D1: open: a folder that cannot be written refuses: 503', async (t) => {
  const { start, dir } = gateways(t, OPEN)
  rmSync(dir, { recursive: true })
  writeFileSync(dir, 'a file where the folder should be')
  const gateway = await start()
  const org = await createOrg(gateway)
  await becomesKnown(gateway, org)
  server.freeze()
  await storeIsDown(gateway)
  t.equal((await postChat(gateway.dataUrl, org.key)).status, 503)
  await until(() => gateway.log.some((line) => line.includes('the journal cannot be written')))
  server.thaw()
})
