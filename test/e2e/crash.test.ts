import t from 'tap'
import { createOrg, startGateway } from '../support/gateway.ts'
import { chatAnswer, chatBody, chunkEvent, postChat, startOrigin } from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const redis = await startRedis()
const origin = await startOrigin()
const config = { leaseSeconds: 1 }
const survivor = await startGateway({ redisUrl: redis.url, upstreamUrl: origin.url, config })
t.teardown(async () => {
  await survivor.stop()
  await origin.stop()
  await redis.stop()
})

/** A stream that never ends through a gateway that is killed in its middle. */
async function dieInMidStream(key: string, body: string): Promise<void> {
  const victim = await startGateway({ redisUrl: redis.url, upstreamUrl: origin.url, config })
  origin.answer = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(chunkEvent('one'))
  }
  const response = await postChat(victim.dataUrl, key, body)
  await response.body?.getReader().read()
  await victim.kill()
}

const STREAM = chatBody({ stream: true, max_tokens: 100 })
const PROMPT = Math.ceil(Buffer.byteLength(STREAM) / 3) * 0.001

void t.test(
  'C6: a gateway dies in mid-stream: after the lease its hold is gone and the prompt is charged',
  async (t) => {
    const org = await createOrg(survivor)
    await dieInMidStream(org.key, STREAM)
    t.ok((await org.user()).held > 1, 'the hold is still there')
    t.equal(await org.usedWhenIdle(), PROMPT)
  },
)

void t.test(
  'C6: the user whom the dead gateway’s hold stands in the way of is unblocked by a call of his own',
  async (t) => {
    const org = await createOrg(survivor, { limit: 1 })
    await dieInMidStream(org.key, STREAM)
    origin.answer = (_request, response) => chatAnswer(response)
    const statuses: number[] = []
    await until(async () => {
      const response = await postChat(survivor.dataUrl, org.key)
      await response.arrayBuffer()
      statuses.push(response.status)
      return response.status === 200
    })
    t.equal(statuses[0], 429, 'blocked while the lease runs')
    t.equal(await org.usedWhenIdle(), Math.round((PROMPT + 0.12) * 1e6) / 1e6)
  },
)

void t.test('C6: a call that outlasts its lease keeps its hold, which is renewed', async (t) => {
  const org = await createOrg(survivor)
  let finish: () => void = () => undefined
  origin.answer = async (_request, response) => {
    await new Promise<void>((resolve) => (finish = resolve))
    chatAnswer(response)
  }
  const call = postChat(survivor.dataUrl, org.key)
  const started = Date.now()
  await until(() => Date.now() - started > 2_500, { what: 'two and a half leases have passed' })
  t.match(await org.user(), { used: 0 }, 'not expired')
  t.ok((await org.user()).held > 0)
  finish()
  t.equal((await call).status, 200)
  t.equal(await org.usedWhenIdle(), 0.12)
})
