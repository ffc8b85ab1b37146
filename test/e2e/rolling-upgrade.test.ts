/** Two gateways behind a load balancer are replaced one after the other, while calls flow: no call fails, and no hold is left. */
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { createOrg, startGateway, type TestGateway } from '../support/gateway.ts'
import { books, openClient } from '../support/ledger.ts'
import { startLoadBalancer } from '../support/load-balancer.ts'
import {
  CHAT_COST,
  chatAnswer,
  chatBody,
  chunkEvent,
  DONE_EVENT,
  postChat,
  startOrigin,
  USAGE_EVENT,
} from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const redis = await startRedis()
const origin = await startOrigin()
const balancer = await startLoadBalancer()
const running: TestGateway[] = []
t.setTimeout(180_000)
t.teardown(async () => {
  await Promise.all(running.map((gateway) => gateway.kill()))
  await balancer.stop()
  await origin.stop()
  await redis.stop()
})

const STREAM = chatBody({ stream: true, stream_options: { include_usage: true } })
const CHUNKS = [chunkEvent('one'), chunkEvent('two'), chunkEvent('three'), USAGE_EVENT + DONE_EVENT]
let served = 0
origin.answer = async ({ body }, response) => {
  served += 1
  if (body !== STREAM) {
    chatAnswer(response)
    return
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const chunk of CHUNKS) {
    response.write(chunk)
    await pause(40)
  }
  response.end()
}

async function start(): Promise<TestGateway> {
  const config = { shutdownGraceSeconds: 1 }
  const gateway = await startGateway({ redisUrl: redis.url, upstreamUrl: origin.url, config })
  running.push(gateway)
  balancer.add(gateway)
  await until(() => balancer.serves(gateway), { what: 'it gets traffic' })
  return gateway
}

void t.test(
  'C3: a rolling upgrade under load: no call fails, what is charged is what was served',
  async (t) => {
    const gateways = [await start(), await start()]
    const org = await createOrg(gateways[0] ?? never())
    const answers: string[] = []
    let isOn = true
    async function work(body: string, expected: string | null): Promise<void> {
      while (isOn) {
        const answer = await postChat(balancer.url, org.key, body).then(
          async (response) => {
            const text = await response.text()
            return response.status === 200 && (expected === null || text === expected)
              ? 'served'
              : `${response.status} ${text}`
          },
          (error: unknown) => String(error),
        )
        answers.push(answer)
      }
    }
    const load = [
      ...Array.from({ length: 4 }, () => work(chatBody(), null)),
      ...Array.from({ length: 6 }, () => work(STREAM, CHUNKS.join(''))),
    ]
    const more = async (count: number): Promise<void> => {
      const soFar = answers.length
      await until(() => answers.length > soFar + count)
    }
    await more(50)
    for (const old of gateways) {
      const exit = old.stop()
      await until(() => !balancer.serves(old), { what: 'it is taken out' })
      const standing = fetch(`${old.dataUrl}/tollgate/v1/me`, {
        headers: { authorization: `Bearer ${org.key}` },
      })
      t.equal(
        await standing.then(({ status }) => status, String),
        200,
        'it still takes calls when the balancer has noticed',
      )
      t.equal(await exit, 0, 'it ends by itself')
      balancer.remove(old)
      await more(50)
      await start()
      await more(50)
    }
    isOn = false
    await Promise.all(load)
    t.strictSame([...new Set(answers)], ['served'])
    t.strictSame(balancer.failures, [])
    t.equal(served, answers.length)
    const store = await openClient({ url: redis.url })
    const used = Math.round(served * CHAT_COST * 1e6)
    await until(async () => (await books(store, org.id, ['ada'])).held === 0)
    const left = { used, held: 0, usersUsed: used, usersHeld: 0, openHolds: 0, leases: 0 }
    t.match(await books(store, org.id, ['ada']), left)
    store.disconnect()
  },
)

function never(): never {
  throw new Error('no gateway')
}
