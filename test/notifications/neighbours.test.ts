/** A receiver that is slow, silent or gone costs the others nothing, and loses none of its deliveries. */
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import type { DeliveryState } from '../../src/outbox/notice-log.ts'
import type { Senders } from '../../src/notifications/channels/channel.ts'
import { createSmtpSender } from '../../src/notifications/channels/email.ts'
import { parseSender } from '../../src/notifications/channels/mail-message.ts'
import { openClient } from '../support/ledger.ts'
import { sendersOf } from '../support/notices.ts'
import { mailOf, startPipeline, type Pipeline } from '../support/pipeline.ts'
import { freePort } from '../support/ports.ts'
import { startReceiver } from '../support/receiver.ts'
import { startRedis } from '../support/redis.ts'
import { startSmtp, type SmtpSink } from '../support/smtp.ts'
import { until } from '../support/until.ts'

const NEVER = new Promise<void>(() => undefined)
const users = (count: number): string[] => Array.from({ length: count }, (_, i) => `user-${i}`)

/** A store of the test's own: its workers take nothing of another test's. */
async function openStore(t: Test) {
  const server = await startRedis()
  const redis = await openClient({ url: server.url })
  t.teardown(async () => {
    redis.disconnect()
    await server.stop()
  })
  return { redis, url: server.url }
}

/** Webhooks that may take an hour, or mail whose every step may take as long as is said. */
function sendersTo(t: Test, { smtpUrl, mailMs = 60_000 }: { smtpUrl?: string; mailMs?: number }): Senders {
  const { target } = sendersOf(t, { timeoutMs: 3_600_000 })
  const from = parseSender('Tollgate <noreply@example.com>')
  if (from === null) throw new Error('no address')
  const url = smtpUrl ?? 'smtp://127.0.0.1:1'
  const email = createSmtpSender({ url, from, startTls: 'optional', timeoutMs: mailMs })
  t.teardown(() => email.close())
  return { target, email }
}

void t.test(
  'N2: receivers that never answer hold a part of the slots: deliveries to others arrive',
  async (t) => {
    const { redis, url } = await openStore(t)
    const pipeline = await startPipeline(t, redis, url, sendersTo(t, {}))
    const [mute, well] = [await startReceiver(), await startReceiver()]
    let ended = 0
    const hanging: ServerResponse[] = []
    mute.answer = (response) => {
      hanging.push(response)
      response.once('close', () => (ended += 1))
    }
    for (const [org, to] of [
      ['stuck', mute],
      ['fine', well],
    ] as const) {
      await pipeline.createOrg(org, users(30))
      await pipeline.addWebhook(org, to.url)
    }
    await pipeline.cross('stuck', users(30))
    await until(() => mute.posts.length === 4, { what: 'as many hang as may' })
    await pipeline.cross('fine', users(30))
    await until(() => well.posts.length === 30, { what: 'the others arrive' })
    t.equal(ended, 0, 'while the first still hang')
    t.equal(mute.posts.length, 4, 'and no more than these')
    const stuck = (await pipeline.deliveries('stuck')).filter(({ channel }) => channel === 'webhook')
    t.equal(stuck.length, 30)
    t.ok(
      stuck.every(({ state, attempts }) => state === 'queued' && attempts === 0),
      'a delivery that waits for a slot has used up no attempt',
    )

    mute.answer = (response) => void response.end()
    for (const response of hanging) response.end()
    const isSent = async () =>
      (await pipeline.deliveries('stuck')).every(
        ({ state, channel }) => state === 'sent' || channel === 'email',
      )
    await until(isSent, { what: 'and when it answers, all of it arrives', timeoutMs: 120_000 })
  },
)

/** A port on which a server can be replaced by another. */
async function listenRaw(
  onConnection: (socket: Socket) => void = () => undefined,
): Promise<{ port: number; connections: () => number; stop(): Promise<void> }> {
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => undefined)
    onConnection(socket)
  })
  const port = await freePort()
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port,
    connections: () => connections,
    async stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

async function all(pipeline: Pipeline, org: string, wanted: DeliveryState, count: number): Promise<void> {
  const isThere = async () => {
    const found = await pipeline.deliveries(org)
    return found.length === count && found.every(({ state }) => state === wanted)
  }
  await until(isThere, { what: `all ${wanted}`, timeoutMs: 120_000 })
}

const mailsOf = (smtp: SmtpSink, org: string) =>
  smtp.mails.filter(({ to }) => to.includes(mailOf(org, 'grace')))

/** Every user's mail came, and nothing was given up. */
async function allArrive(smtp: SmtpSink, org: string, count: number): Promise<void> {
  const ids = () => new Set(mailsOf(smtp, org).map(({ parsed }) => parsed.messageId))
  await until(() => ids().size === count, { what: `${count} mails`, timeoutMs: 120_000 })
}

void t.test(
  'N2: a mail server that takes connections and says nothing ends attempts; the mails come when it speaks',
  async (t) => {
    const { redis, url } = await openStore(t)
    const silent = await listenRaw()
    const smtpUrl = `smtp://127.0.0.1:${silent.port}`
    const pipeline = await startPipeline(t, redis, url, sendersTo(t, { smtpUrl, mailMs: 1_000 }), {
      attempts: 100,
    })
    await pipeline.createOrg('mute', users(20), ['grace'])
    await pipeline.cross('mute', users(20))
    await all(pipeline, 'mute', 'failed', 20)
    const [first] = await pipeline.deliveries('mute')
    t.match(first, { error: /the mail server did not finish in time/ })
    await silent.stop()
    const smtp = await startSmtp({ port: silent.port })
    t.teardown(() => smtp.stop())
    await allArrive(smtp, 'mute', 20)
    await all(pipeline, 'mute', 'sent', 20)
  },
)

void t.test(
  'N2: a mail server that hangs after the last byte of a mail: attempts end, and repeats have the same id',
  async (t) => {
    const { redis, url } = await openStore(t)
    const smtp = await startSmtp()
    t.teardown(() => smtp.stop())
    const pipeline = await startPipeline(t, redis, url, sendersTo(t, { smtpUrl: smtp.url, mailMs: 1_000 }), {
      attempts: 100,
    })
    await pipeline.createOrg('slow', users(20), ['grace'])
    const seen = new Set<string>()
    let hung = 0
    smtp.answer = ({ parsed }) => {
      seen.add(parsed.messageId ?? '')
      hung += 1
      return NEVER
    }
    await pipeline.cross('slow', users(20))
    await all(pipeline, 'slow', 'failed', 20)
    t.ok(hung > 4, 'a connection that hung is not kept: more than the server’s connections were tried')
    smtp.answer = () => undefined
    await allArrive(smtp, 'slow', 20)
    await all(pipeline, 'slow', 'sent', 20)
    for (const { parsed } of smtp.mails) seen.add(parsed.messageId ?? '')
    t.equal(seen.size, 20)
  },
)

void t.test(
  'N2: a mail server that is down gets a probe now and then, not every mail; nothing is parked',
  async (t) => {
    const { redis, url } = await openStore(t)
    const closing = await listenRaw((socket) => void socket.destroy())
    const smtpUrl = `smtp://127.0.0.1:${closing.port}`
    const settings = { backoffSeconds: 0.2, maxBackoffSeconds: 0.4, attempts: 100 }
    const pipeline = await startPipeline(t, redis, url, sendersTo(t, { smtpUrl }), settings)
    await pipeline.createOrg('down', users(80), ['grace'])
    await pipeline.cross('down', users(80))
    const attempts = async () =>
      (await pipeline.deliveries('down')).reduce((sum, one) => sum + one.attempts, 0)
    await until(async () => (await attempts()) > 300, { timeoutMs: 120_000 })
    const asked = closing.connections()
    t.ok(asked * 5 < (await attempts()), `${asked} connections`)
    await closing.stop()
    const smtp = await startSmtp({ port: closing.port })
    t.teardown(() => smtp.stop())
    await allArrive(smtp, 'down', 80)
    await all(pipeline, 'down', 'sent', 80)
  },
)
