import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { createOrg, startGateway } from '../support/gateway.ts'
import { chatAnswer, chatBody, chunkEvent, postChat } from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'
import { openStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const { redis, origin } = await openStage()

void t.test(
  'calls past limits.concurrent are answered 503 at once, hold nothing, and the others go on',
  async (t) => {
    const gateway = await startGateway({
      redisUrl: redis.url,
      upstreamUrl: origin.url,
      config: { limits: { concurrent: 2 } },
    })
    t.teardown(() => gateway.stop())
    const org = await createOrg(gateway)
    let release: () => void = () => undefined
    const released = new Promise<void>((resolve) => (release = resolve))
    let waiting = 0
    origin.answer = async (_request, response) => {
      waiting += 1
      await released
      chatAnswer(response)
    }
    const both = [postChat(gateway.dataUrl, org.key), postChat(gateway.dataUrl, org.key)]
    await until(() => waiting === 2)
    const third = await postChat(gateway.dataUrl, org.key)
    t.equal(third.status, 503)
    t.equal(third.headers.get('retry-after'), '1')
    t.match(await third.json(), { error: { code: 'overloaded', type: 'server_error' } })
    release()
    for (const call of both) t.equal((await call).status, 200)
    t.equal(await org.usedWhenIdle(), 0.24)
  },
)

void t.test(
  'D1: with the store down, calls get 503 with retry-after 1 and reach no provider; then they pass again',
  async (t) => {
    const own = await startRedis({ persist: true })
    const gateway = await startGateway({ redisUrl: own.url, upstreamUrl: origin.url, patienceSeconds: 0 })
    t.teardown(async () => {
      await gateway.stop()
      await own.stop()
    })
    origin.answer = (_request, response) => chatAnswer(response)
    const org = await createOrg(gateway)
    t.equal((await postChat(gateway.dataUrl, org.key)).status, 200)
    t.equal(await org.usedWhenIdle(), 0.12)
    await own.kill()
    const before = origin.received.length
    const refused = await postChat(gateway.dataUrl, org.key)
    t.equal(refused.status, 503)
    t.equal(refused.headers.get('retry-after'), '1')
    t.match(await refused.json(), { error: { code: 'credit_store_unavailable' } })
    t.equal((await fetch(`${gateway.adminUrl}/readyz`)).status, 503)
    t.equal((await fetch(`${gateway.adminUrl}/healthz`)).status, 200)
    await until(async () => (await gateway.metric('tollgate_store_up')) === 0)
    t.equal(origin.received.length, before)
    await own.restart()
    await until(async () => (await postChat(gateway.dataUrl, org.key)).status === 200)
    t.ok((await org.usedWhenIdle()) >= 0.24, 'what was used before is still counted')
  },
)

void t.test('D2: a call that ends while the store is down is charged when it is back', async (t) => {
  const own = await startRedis({ persist: true })
  const gateway = await startGateway({ redisUrl: own.url, upstreamUrl: origin.url })
  t.teardown(async () => {
    await gateway.stop()
    await own.stop()
  })
  const org = await createOrg(gateway)
  let finish: () => void = () => undefined
  let started = false
  origin.answer = async (_request, response) => {
    started = true
    await new Promise<void>((resolve) => (finish = resolve))
    chatAnswer(response)
  }
  const call = postChat(gateway.dataUrl, org.key)
  await until(() => started)
  await own.kill()
  finish()
  t.equal((await call).status, 200, 'the caller notices nothing')
  await own.restart()
  await until(async () => (await gateway.metric('tollgate_store_up')) === 1, { what: 'the store is back' })
  t.equal(await org.usedWhenIdle(), 0.12)
})

/** A connection to the gateway, for what no HTTP client would send. */
async function open(url: string): Promise<ReturnType<typeof connect>> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

function wire(key: string, body: string, length = Buffer.byteLength(body)): string {
  return [
    'POST /openai/v1/chat/completions HTTP/1.1',
    'host: gateway',
    `authorization: Bearer ${key}`,
    'content-type: application/json',
    `content-length: ${length}`,
    '',
    body,
  ].join('\r\n')
}

void t.test(
  'C5: a client that pipelined its calls goes away: each of them is ended and settled',
  async (t) => {
    const gateway = await startGateway({
      redisUrl: redis.url,
      upstreamUrl: origin.url,
      config: { limits: { drainSeconds: 1 } },
    })
    t.teardown(() => gateway.stop())
    const org = await createOrg(gateway)
    let streaming = 0
    origin.answer = (_request, response) => {
      streaming += 1
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const feeding = setInterval(() => response.write(chunkEvent('x'.repeat(20_000))), 5)
      response.on('close', () => clearInterval(feeding))
    }
    const socket = await open(gateway.dataUrl)
    const one = wire(org.key, chatBody({ stream: true, max_tokens: 10 }))
    socket.write(one + one + one)
    await until(() => streaming === 3)
    socket.destroy()
    await until(async () => (await gateway.metric('tollgate_holds_open')) === 0)
    t.equal(await gateway.metric('tollgate_streams_open'), 0)
    t.ok((await org.usedWhenIdle()) > 0)
  },
)

void t.test(
  'limits.concurrent counts calls whose body still comes, and forgets those that never finish',
  async (t) => {
    const gateway = await startGateway({
      redisUrl: redis.url,
      upstreamUrl: origin.url,
      config: { limits: { concurrent: 1 } },
    })
    t.teardown(() => gateway.stop())
    origin.answer = (_request, response) => chatAnswer(response)
    const org = await createOrg(gateway)
    const slow = await open(gateway.dataUrl)
    slow.write(wire(org.key, chatBody().slice(0, 20), Buffer.byteLength(chatBody())))
    await until(async () => {
      const response = await postChat(gateway.dataUrl, org.key)
      await response.arrayBuffer()
      return response.status === 503
    })
    slow.destroy()
    await until(async () => {
      const response = await postChat(gateway.dataUrl, org.key)
      await response.arrayBuffer()
      return response.status === 200
    })
    t.ok(await org.usedWhenIdle())
  },
)
