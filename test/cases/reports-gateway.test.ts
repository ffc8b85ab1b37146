/** Reports through a whole gateway: what the client sees of them, what is charged, and what the operator hears. */
import t from 'tap'
import { createOrg, startGateway } from '../support/gateway.ts'
import { chatBody, chunkEvent, DONE_EVENT, postChat, startOrigin, USAGE_EVENT } from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'

const redis = await startRedis()
const origin = await startOrigin()
const gateway = await startGateway({ redisUrl: redis.url, upstreamUrl: origin.url })
t.teardown(async () => {
  await gateway.stop()
  await Promise.all([origin.stop(), redis.stop()])
})

/** 20 × 1,000 + 10 × 10,000 microcredits. */
const REPORTED = 0.12
const UNUSUAL_EVENT = `data: ${JSON.stringify({ id: 'c', usage: { prompt_tokens: 20, completion_tokens: 10 } })}\n\n`

async function ask(body: string, answer: string, headers: Record<string, string>, pieces = 1) {
  const org = await createOrg(gateway)
  origin.answer = (_request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    const size = Math.ceil(answer.length / pieces)
    for (let at = 0; at < answer.length; at += size) response.write(answer.slice(at, at + size))
    response.end()
  }
  const got = await postChat(gateway.dataUrl, org.key, body)
  const text = await got.text()
  return { text, status: got.status, used: await org.usedWhenIdle() }
}

for (const type of ['text/event-stream', 'text/plain; charset=utf-8', 'application/json', null]) {
  for (const [name, event] of [
    ['an empty list of choices', USAGE_EVENT],
    ['no list of choices', UNUSUAL_EVENT],
  ] as const) {
    for (const pieces of [1, 7, 400]) {
      void t.test(
        `C10, cases 20 and 22: a stream labelled ${type ?? 'nothing'}, in ${pieces} pieces, whose usage has ${name}`,
        async (t) => {
          const headers = type === null ? {} : { 'content-type': type }
          const plain = chunkEvent('Hello there.')
          const hidden = await ask(chatBody({ stream: true }), plain + event + DONE_EVENT, headers, pieces)
          t.equal(hidden.text, plain + DONE_EVENT, 'hidden from a client that did not ask')
          t.equal(hidden.used, REPORTED)
          const asked = chatBody({ stream: true, stream_options: { include_usage: true } })
          const shown = await ask(asked, plain + event + DONE_EVENT, headers, pieces)
          t.equal(shown.text, plain + event + DONE_EVENT, 'shown to one that did')
          t.equal(shown.used, REPORTED)
        },
      )
    }
  }
}

void t.test('C10, case 20: JSON in answer to a stream passes unchanged, whatever its label', async (t) => {
  const answer = JSON.stringify({ choices: [], usage: { prompt_tokens: 20, completion_tokens: 10 } })
  for (const type of ['text/event-stream', 'application/json', 'text/plain']) {
    const { text, used } = await ask(chatBody({ stream: true }), answer, { 'content-type': type }, 5)
    t.equal(text, answer)
    t.equal(used, REPORTED)
  }
})

void t.test('C5, case 24: an answer of 200 that holds only an error costs nothing', async (t) => {
  const answer = JSON.stringify({ error: { message: 'overloaded', type: 'server_error' } })
  const whole = await ask(chatBody(), answer, { 'content-type': 'application/json' })
  t.same([whole.status, whole.text, whole.used], [200, answer, 0])
  const stream = await ask(chatBody({ stream: true }), `data: ${answer}\n\n`, {
    'content-type': 'text/event-stream',
  })
  t.same([stream.status, stream.used], [200, 0])
})

void t.test(
  'C11, case 9: a tier without a price is charged as standard, counted, and logged once an hour',
  async (t) => {
    const metric = 'tollgate_unpriced_usage_total{kind="service_tier"}'
    const before = await gateway.metric(metric)
    const usage = { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 }
    const answer = JSON.stringify({ model: 'test-model', service_tier: 'priority', choices: [], usage })
    for (let call = 0; call < 2; call += 1) {
      t.equal((await ask(chatBody(), answer, { 'content-type': 'application/json' })).used, REPORTED)
    }
    t.equal((await gateway.metric(metric)) - before, 2)
    const lines = gateway.log.filter((line) => line.includes('has no price') && line.includes('priority'))
    t.equal(lines.length, 1, lines.join('\n'))
  },
)
