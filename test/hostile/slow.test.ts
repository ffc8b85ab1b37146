/** Callers that take their time, or a lot of room: each has a bound, and nobody else waits for them. */
import t from 'tap'
import { createOrg, startGateway } from '../support/gateway.ts'
import { chatBody, startOrigin } from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { dial, exchange, requestBytes, statusOf, type Wire } from '../support/wire.ts'

const CONNECTIONS = 6
const CHAT = '/openai/v1/chat/completions'

const redis = await startRedis()
const origin = await startOrigin()
const start = (listen: object): ReturnType<typeof startGateway> =>
  startGateway({
    redisUrl: redis.url,
    upstreamUrl: origin.url,
    config: { listen: { port: 0, ...listen }, limits: { bodyBytes: 900_000, bufferedBytes: 2 ** 20 } },
  })
const [hasty, patient] = await Promise.all([
  start({ headSeconds: 0.4, requestSeconds: 1 }),
  start({ connections: CONNECTIONS }),
])
t.teardown(async () => {
  await Promise.all([hasty.stop(), patient.stop()])
  await origin.stop()
  await redis.stop()
})

/** Writes one byte after the other, as long as the connection takes them. */
function trickle({ socket }: Wire, bytes: string): void {
  let at = 0
  const writing = setInterval(() => socket.write(bytes.charAt(at++ % bytes.length)), 20)
  socket.on('close', () => clearInterval(writing))
}

void t.test(
  'slowloris: a head that does not come to its end is given up after listen.headSeconds',
  async (t) => {
    const wire = await dial(hasty.dataUrl)
    wire.socket.write(`POST ${CHAT} HTTP/1.1\r\nHost: gateway\r\nX-A: `)
    trickle(wire, 'a')
    await until(wire.closed)
    t.match(wire.text(), /^HTTP\/1\.1 400 [^]*"The request did not come whole in time\."/)
  },
)

void t.test('slowloris: a connection on which nothing comes is closed, too', async (t) => {
  const wire = await dial(hasty.dataUrl)
  await until(wire.closed)
  t.equal(origin.received.length, 0)
})

for (const [name, key] of [
  ['a key', null],
  ['an unknown key', 'tg_unknown'],
] as const) {
  void t.test(
    `slowloris: a body that does not come to its end is given up after listen.requestSeconds, with ${name}`,
    async (t) => {
      const org = await createOrg(hasty)
      const wire = await dial(hasty.dataUrl)
      const headers = ['Content-Length: 100000']
      wire.socket.write(requestBytes({ path: CHAT, key: key ?? org.key, headers, body: '{"model":"' }))
      trickle(wire, 'a')
      await until(wire.closed)
      if (key !== null) t.equal(statusOf(wire.text()), 401)
      else t.match(wire.text(), /"The request did not come whole in time\."/)
      t.equal(origin.received.length, 0, 'nothing is forwarded')
      t.equal(await org.usedWhenIdle(), 0, 'nothing is held')
      t.equal(await hasty.metric('tollgate_holds_open'), 0)
    },
  )
}

void t.test(
  'connections past listen.connections are closed, and there is room again when others end',
  async (t) => {
    const org = await createOrg(patient)
    const idle = await Promise.all(Array.from({ length: CONNECTIONS }, () => dial(patient.dataUrl)))
    const another = await dial(patient.dataUrl)
    await until(another.closed)
    t.equal(another.text(), '')
    t.notOk(
      idle.some(({ closed }) => closed()),
      'the others stay',
    )
    t.equal((await fetch(`${patient.adminUrl}/healthz`)).status, 200, 'the admin plane has its own')
    for (const { socket } of idle) socket.destroy()
    const bytes = requestBytes({ path: CHAT, key: org.key, headers: ['Connection: close'], body: chatBody() })
    await until(async () => statusOf(await exchange(patient.dataUrl, bytes)) === 200)
  },
)

void t.test(
  'bodies past limits.bufferedBytes are answered 503 and hold nothing; there is room again when others are gone',
  async (t) => {
    const org = await createOrg(patient)
    const body = chatBody({ x: 'x'.repeat(600_000) })
    const bytes = requestBytes({ path: CHAT, key: org.key, headers: ['Connection: close'], body })
    const dialHalf = async (): Promise<Wire> => {
      const wire = await dial(patient.dataUrl)
      wire.socket.write(bytes.slice(0, -10))
      return wire
    }
    let half = await dialHalf()
    let refused = ''
    await until(async () => {
      // On a busy machine the other body may have come first.
      if (half.closed()) half = await dialHalf()
      refused = await exchange(patient.dataUrl, bytes)
      return statusOf(refused) === 503
    })
    t.match(refused, /"code":"overloaded"/)
    t.match(refused, /\r\nretry-after: 1\r\n/)
    half.socket.destroy()
    await until(async () => statusOf(await exchange(patient.dataUrl, bytes)) === 200)
    // What a call that was served took is given back as well.
    for (let call = 0; call < 4; call += 1) t.equal(statusOf(await exchange(patient.dataUrl, bytes)), 200)
    await org.usedWhenIdle()
  },
)
