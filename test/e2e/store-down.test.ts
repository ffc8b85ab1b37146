/**
 * What callers see of a store that is down, where they do not wait for it (D1, patience 0). store-troubles.test.ts has every
 * way in which a real Redis can be down, store-patience.test.ts how calls wait.
 */
import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import t from 'tap'
import { mintKey } from '../../src/core/virtual-key.ts'
import { createOrg, startGateway } from '../support/gateway.ts'
import { chatAnswer, postChat, startOrigin } from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const server = await startRedis({ persist: true })
const origin = await startOrigin()
const gateway = await startGateway({ redisUrl: server.url, upstreamUrl: origin.url, patienceSeconds: 0 })
const org = await createOrg(gateway)
const operator = new Redis(server.url, { retryStrategy: () => 50, maxRetriesPerRequest: 0 })
operator.on('error', () => undefined)
t.teardown(async () => {
  operator.disconnect()
  server.thaw()
  await gateway.stop()
  await origin.stop()
  await server.stop()
})

const says = (text: string): number => gateway.log.filter((line) => line.includes(text)).length
const DOWN = 'the credit store does not answer'
const UP = 'the credit store answers again'

async function call(key = org.key): Promise<{ status: number; code: string | undefined }> {
  const response = await postChat(gateway.dataUrl, key)
  const body = (await response.json()) as { error?: { code?: string } }
  if (response.status === 503) t.equal(response.headers.get('retry-after'), '1')
  return { status: response.status, code: body.error?.code }
}

const SERVED = { status: 200, code: undefined }
const REFUSED = { status: 503, code: 'credit_store_unavailable' }

async function isBack(): Promise<void> {
  await until(async () => (await call()).status === 200, { what: 'the gateway serves again' })
}

void t.test('D1: a store that hangs: calls get 503 and do not wait behind it', async (t) => {
  t.same(await call(), SERVED)
  const asks = (): Promise<number> => gateway.metric('tollgate_ledger_batch_size_count{script="reserve"}')
  const before = { down: says(DOWN), up: says(UP), forwarded: origin.received.length, asks: await asks() }
  server.freeze()
  t.same(
    await Promise.all(Array.from({ length: 20 }, () => call())),
    Array.from({ length: 20 }, () => REFUSED),
  )
  await until(() => says(DOWN) > before.down)
  t.match(
    gateway.log.filter((line) => line.includes(DOWN)).at(-1),
    '"reason":"no answer"',
    'found by its silence, before any call ran into a time-out',
  )
  t.same(
    await Promise.all(Array.from({ length: 200 }, () => call())),
    Array.from({ length: 200 }, () => REFUSED),
  )
  t.ok((await asks()) - before.asks <= 1, 'none of them was put to the store, at most what was on its way')
  t.same(await call(mintKey(randomBytes)), REFUSED, 'an unknown key is never a 401')
  t.equal((await call('no key at all')).status, 401, 'what cannot be a key is')
  t.equal((await fetch(`${gateway.adminUrl}/readyz`)).status, 503)
  t.equal(await gateway.metric('tollgate_store_up'), 0)
  t.equal(origin.received.length, before.forwarded, 'nothing was forwarded')
  server.thaw()
  await isBack()
  t.equal(says(DOWN), before.down + 1, 'one line when it goes')
  await until(() => says(UP) > before.up)
  t.equal(says(UP), before.up + 1, 'and one when it is back')
  t.equal(await gateway.metric('tollgate_store_up'), 1)
  t.equal(await gateway.metric('tollgate_store_transitions_total{to="down"}'), before.down + 1)
})

void t.test('D1: a store that is killed, and starts again', async (t) => {
  await server.kill()
  t.same(await call(), REFUSED)
  t.same(await call(mintKey(randomBytes)), REFUSED)
  await server.restart()
  await isBack()
})

void t.test('D1: what is served is settled also at maxmemory, where nothing new is admitted', async (t) => {
  await isBack()
  const own = await createOrg(gateway)
  let finish: () => void = () => undefined
  let isThere = false
  origin.answer = async (_request, response) => {
    isThere = true
    await new Promise<void>((resolve) => (finish = resolve))
    chatAnswer(response)
  }
  const running = postChat(gateway.dataUrl, own.key)
  await until(() => isThere)
  await operator.config('SET', 'maxmemory', '1')
  finish()
  t.equal((await running).status, 200)
  t.equal(await own.usedWhenIdle(), 0.12, 'charged while memory is full')
  t.equal((await call(own.key)).status, 503)
  origin.answer = (_request, response) => chatAnswer(response)
  await operator.config('SET', 'maxmemory', '0')
  await isBack()
})
