import { setTimeout as pause } from 'node:timers/promises'
import type { ServerResponse } from 'node:http'
import t from 'tap'
import { createOrg, startGateway } from '../support/gateway.ts'
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
import { openStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const { redis, origin, start } = await openStage()
const gateway = await start({
  config: { limits: { drainBytes: 65_536, drainSeconds: 1 } },
  upstream: { timeouts: { connectSeconds: 1, firstByteSeconds: 1, idleSeconds: 1 } },
})

/** The estimate of C5: bytes of the prompt / 3 and bytes of text / 4, rounded up, at 1,000 and 10,000 microcredits. */
function estimated(body: string, text: string): number {
  const microcredits =
    Math.ceil(Buffer.byteLength(body) / 3) * 1_000 + Math.ceil(Buffer.byteLength(text) / 4) * 10_000
  return microcredits / 1e6
}

function startStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
}

const STREAM = chatBody({ stream: true, stream_options: { include_usage: true } })

void t.test(
  'C5: a client that leaves before the first byte is charged what the provider served',
  async (t) => {
    const org = await createOrg(gateway)
    const leave = new AbortController()
    origin.answer = async (_request, response) => {
      leave.abort()
      await pause(50)
      chatAnswer(response)
    }
    await t.rejects(postChat(gateway.dataUrl, org.key, chatBody(), { signal: leave.signal }))
    t.equal(await org.usedWhenIdle(), CHAT_COST)
  },
)

void t.test(
  'C5: a client that leaves in mid-stream is charged by the usage report, which is read on to',
  async (t) => {
    const org = await createOrg(gateway)
    const leave = new AbortController()
    let gone = false
    origin.answer = async (_request, response) => {
      startStream(response)
      response.write(chunkEvent('one'))
      while (!gone) await pause(5)
      await pause(50)
      response.end(chunkEvent('two') + USAGE_EVENT + DONE_EVENT)
    }
    const response = await postChat(gateway.dataUrl, org.key, STREAM, { signal: leave.signal })
    const reader = response.body?.getReader()
    await reader?.read()
    leave.abort()
    gone = true
    t.equal(await org.usedWhenIdle(), CHAT_COST)
  },
)

for (const [name, feed] of [
  [
    'more bytes',
    async (response: ServerResponse) => {
      for (let count = 0; count < 200 && !response.destroyed; count += 1) {
        response.write(chunkEvent('x'.repeat(1_000)))
        await pause(1)
      }
    },
  ],
  [
    'more time',
    async (response: ServerResponse) => {
      while (!response.destroyed) {
        response.write(': keep-alive\n\n')
        await pause(50)
      }
    },
  ],
] as const) {
  void t.test(
    `C5: reading on is bounded: ${name} than allowed ends in the estimate, and the upstream call is ended`,
    async (t) => {
      const org = await createOrg(gateway)
      const leave = new AbortController()
      let ended = false
      origin.answer = async (_request, response) => {
        response.on('close', () => (ended = true))
        startStream(response)
        response.write(chunkEvent('one!'))
        await feed(response)
      }
      const response = await postChat(gateway.dataUrl, org.key, STREAM, { signal: leave.signal })
      await response.body?.getReader().read()
      leave.abort()
      const used = await org.usedWhenIdle()
      t.ok(used >= estimated(STREAM, 'one!') && used < estimated(STREAM, 'x'.repeat(200_000)), `${used}`)
      await until(() => ended)
      t.ok(ended)
    },
  )
}

void t.test(
  'C5: an upstream that breaks in mid-stream: the client sees the break, the estimate is charged',
  async (t) => {
    const org = await createOrg(gateway)
    origin.answer = async (_request, response) => {
      startStream(response)
      response.write(chunkEvent('Grüße'))
      await pause(20)
      response.destroy()
    }
    const response = await postChat(gateway.dataUrl, org.key, STREAM)
    await t.rejects(response.text(), 'an answer that merely ended would look whole')
    t.equal(await org.usedWhenIdle(), estimated(STREAM, 'Grüße'))
  },
)

void t.test('C5: an upstream that breaks before it answers: 502, and the prompt is charged', async (t) => {
  const org = await createOrg(gateway)
  origin.answer = (_request, response) => void response.destroy()
  const response = await postChat(gateway.dataUrl, org.key)
  t.equal(response.status, 502)
  t.match(await response.json(), { error: { code: 'upstream_unreachable', type: 'server_error' } })
  t.equal(await org.usedWhenIdle(), estimated(chatBody(), ''))
})

void t.test('C5: no first byte in time: 504, and the prompt is charged', async (t) => {
  const org = await createOrg(gateway)
  origin.answer = () => undefined
  const response = await postChat(gateway.dataUrl, org.key)
  t.equal(response.status, 504)
  t.match(await response.json(), { error: { code: 'upstream_timeout' } })
  t.equal(await org.usedWhenIdle(), estimated(chatBody(), ''))
})

void t.test('C5: a stream that falls silent is ended, and charged by the estimate', async (t) => {
  const org = await createOrg(gateway)
  origin.answer = (_request, response) => {
    startStream(response)
    response.write(chunkEvent('four'))
  }
  const response = await postChat(gateway.dataUrl, org.key, STREAM)
  await t.rejects(response.text())
  t.equal(await org.usedWhenIdle(), estimated(STREAM, 'four'))
})

for (const status of [400, 401, 404, 429, 500, 503, 529]) {
  void t.test(`C5: a ${status} without usage costs nothing, and reaches the client as it is`, async (t) => {
    const org = await createOrg(gateway)
    const body = '{"error":{"message":"from the provider"}}'
    origin.answer = (_request, response) => {
      response.writeHead(status, {
        'content-type': 'application/json',
        'retry-after': '7',
        'x-request-id': 'req_theirs',
      })
      response.end(body)
    }
    const response = await postChat(gateway.dataUrl, org.key)
    t.equal(response.status, status)
    t.equal(await response.text(), body)
    t.equal(response.headers.get('retry-after'), '7')
    t.equal(response.headers.get('x-upstream-request-id'), 'req_theirs')
    t.equal(await org.usedWhenIdle(), 0)
  })
}

void t.test('C5: an error that reports usage is charged', async (t) => {
  const org = await createOrg(gateway)
  origin.answer = (_request, response) => {
    response.writeHead(500, { 'content-type': 'application/json' })
    response.end('{"error":{},"usage":{"prompt_tokens":20,"completion_tokens":10}}')
  }
  await (await postChat(gateway.dataUrl, org.key)).text()
  t.equal(await org.usedWhenIdle(), CHAT_COST)
})

void t.test('C5: a 200 without usage is charged by the estimate', async (t) => {
  const org = await createOrg(gateway)
  origin.answer = (_request, response) => chatAnswer(response, null)
  t.equal((await postChat(gateway.dataUrl, org.key)).status, 200)
  t.equal(await org.usedWhenIdle(), estimated(chatBody(), 'Hello there.'))
})

void t.test(
  'C5: a refused connection costs nothing: 502, without a word about where the provider is',
  async (t) => {
    const dead = await startOrigin()
    const other = await startGateway({ redisUrl: redis.url, upstreamUrl: dead.url })
    await dead.stop()
    const org = await createOrg(other)
    const response = await postChat(other.dataUrl, org.key)
    t.equal(response.status, 502)
    const text = await response.text()
    t.match(text, /upstream_unreachable/)
    t.notMatch(text, /127\.0\.0\.1|ECONNREFUSED/)
    t.equal(await org.usedWhenIdle(), 0)
    await other.stop()
  },
)

void t.test('streams pass unbuffered: a chunk arrives while the next one is not even sent', async (t) => {
  const org = await createOrg(gateway)
  let goOn: () => void = () => undefined
  const seen = new Promise<void>((resolve) => (goOn = resolve))
  origin.answer = async (_request, response) => {
    startStream(response)
    response.write(chunkEvent('one'))
    await seen
    response.end(USAGE_EVENT + DONE_EVENT)
  }
  const response = await postChat(gateway.dataUrl, org.key, STREAM)
  const reader = response.body?.getReader()
  const first = await reader?.read()
  t.equal(Buffer.from((first?.value as Uint8Array | undefined) ?? []).toString(), chunkEvent('one'))
  goOn()
  while ((await reader?.read())?.done === false);
  t.equal(await org.usedWhenIdle(), CHAT_COST)
})

void t.test('back-pressure reaches the upstream: a client that does not read stops it', async (t) => {
  const org = await createOrg(gateway)
  let written = 0
  let blocked = false
  origin.answer = async (_request, response) => {
    startStream(response)
    const chunk = chunkEvent('x'.repeat(60_000))
    while (written < 200_000_000 && !response.destroyed && !blocked) {
      written += chunk.length
      if (response.write(chunk)) continue
      blocked = await Promise.race([
        new Promise<boolean>((resolve) => response.once('drain', () => resolve(false))),
        pause(500, true),
      ])
    }
    response.end(USAGE_EVENT)
  }
  const response = await postChat(gateway.dataUrl, org.key, STREAM)
  await until(() => blocked, { what: 'the upstream is stopped' })
  t.ok(written < 100_000_000, `${written} bytes were taken from the upstream`)
  t.match(await response.text(), /"usage"/)
  t.equal(await org.usedWhenIdle(), CHAT_COST)
})

void t.test(
  'include_usage is asked for unseen: its chunk is kept from a client that did not ask',
  async (t) => {
    const org = await createOrg(gateway)
    origin.answer = (request, response) => {
      t.match(JSON.parse(request.body), { stream_options: { include_usage: true } })
      startStream(response)
      response.write(chunkEvent('one') + USAGE_EVENT.slice(0, 30))
      setImmediate(() => response.end(USAGE_EVENT.slice(30) + DONE_EVENT))
    }
    const body = chatBody({ stream: true })
    const response = await postChat(gateway.dataUrl, org.key, body)
    t.equal(await response.text(), chunkEvent('one') + DONE_EVENT)
    t.equal(await org.usedWhenIdle(), CHAT_COST)
    const sent = origin.received.at(-1)?.body ?? ''
    t.equal(
      sent,
      `{"stream_options":{"include_usage":true},${body.slice(1)}`,
      'spliced in, not re-serialised',
    )
  },
)

void t.test('a client that asked for usage gets every byte of the stream', async (t) => {
  const org = await createOrg(gateway)
  origin.answer = (_request, response) => {
    startStream(response)
    response.end(chunkEvent('one') + USAGE_EVENT + DONE_EVENT)
  }
  const response = await postChat(gateway.dataUrl, org.key, STREAM)
  t.equal(await response.text(), chunkEvent('one') + USAGE_EVENT + DONE_EVENT)
  t.equal(origin.received.at(-1)?.body, STREAM, 'the request went on byte for byte')
})
