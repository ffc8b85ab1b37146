/** The examples for teams that consume events themselves, run as they stand against a running gateway (N2). */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { createOrg, startGateway, type TestGateway } from '../support/gateway.ts'
import { chatAnswer, postChat, startOrigin } from '../support/origin.ts'
import { freePort } from '../support/ports.ts'
import { watchQueue } from '../support/queues.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const origin = await startOrigin()
/** 1.2 credits a call. */
origin.answer = (_request, response) =>
  chatAnswer(response, { prompt_tokens: 200, completion_tokens: 100, total_tokens: 300 })
t.teardown(() => origin.stop())

const fileOf = (path: string): string => new URL(`../../${path}`, import.meta.url).pathname

async function start(t: Test, notifications: object): Promise<{ gateway: TestGateway; redisUrl: string }> {
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const upstreamUrl = origin.url
  const gateway = await startGateway({ redisUrl: redis.url, upstreamUrl, config: { notifications } })
  t.teardown(() => gateway.stop())
  return { gateway, redisUrl: redis.url }
}

interface Example {
  readonly process: ChildProcess
  /** Its lines so far. */
  readonly lines: () => string[]
}

function run(t: Test, name: string, env: Readonly<Record<string, string>>): Example {
  const child = spawn(process.execPath, [fileOf(`examples/${name}`)], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  return { process: child, lines: () => out.split('\n').filter((line) => line !== '') }
}

void t.test('the documents show the examples as they are run', (t) => {
  const shownIn = {
    'queue-consumer.mjs': 'docs/notifications.md',
    'webhook-receiver.mjs': 'docs/channels.md',
  }
  for (const [name, document] of Object.entries(shownIn))
    t.ok(
      readFileSync(fileOf(document), 'utf8').includes(
        `\`\`\`js\n${readFileSync(fileOf(`examples/${name}`), 'utf8')}\`\`\``,
      ),
      name,
    )
  t.end()
})

void t.test(
  'N2: with `deliver: false` a consumer of the queue gets each event once, and nobody else does',
  async (t) => {
    const { gateway, redisUrl } = await start(t, { deliver: false })
    const watched = watchQueue({ url: redisUrl })
    t.teardown(() => watched.close())
    const org = await createOrg(gateway, { limit: 1 })
    t.equal((await postChat(gateway.dataUrl, org.key)).status, 200)
    await until(async () => (await watched.jobsOf(org.id)).length === 1, {
      what: 'the crossing is in the queue',
    })
    const [job] = await watched.jobsOf(org.id)
    t.equal(await job?.getState(), 'waiting', 'the gateway leaves it there')
    const consumer = run(t, 'queue-consumer.mjs', { REDIS_URL: redisUrl })
    const line = `user.limit.reached ${job?.id ?? ''} ada 1.2 used, mark 1`
    await until(() => consumer.lines().length > 0)
    t.strictSame(consumer.lines(), [line])
    await until(async () => (await job?.getState()) === 'completed')

    // As the queue does it for a worker that died before it said that it was done.
    await job?.retry('completed')
    await until(async () => (await job?.getState()) === 'completed')
    t.strictSame(consumer.lines(), [line], 'a repeat is dropped')
    const path = `/v1/orgs/${org.id}/notifications/${job?.id ?? ''}`
    t.match(await gateway.admin('GET', path), { type: 'user.limit.reached', deliveries: [] })
    const refused = await gateway.admin('POST', `${path}/redeliver`).catch((error: unknown) => String(error))
    t.match(refused, /delivery_off/)
    consumer.process.kill('SIGTERM')
    t.strictSame(await once(consumer.process, 'exit'), [0, null], 'it ends when it is told to')
  },
)

void t.test('N2: the receiver of webhooks takes a crossing of real traffic, and no forged one', async (t) => {
  const { gateway } = await start(t, { allowTargets: ['127.0.0.1/32'], backoffSeconds: 0.05 })
  const org = await createOrg(gateway, { limit: 1 })
  const port = await freePort()
  const url = `http://127.0.0.1:${port}/`
  const channel = (await gateway.admin('POST', `/v1/orgs/${org.id}/channels`, { kind: 'webhook', url })) as {
    readonly secret: string
  }
  const receiver = run(t, 'webhook-receiver.mjs', { PORT: String(port), WEBHOOK_SECRET: channel.secret })
  const post = (body: string): Promise<number> =>
    fetch(url, { method: 'POST', body }).then(
      ({ status }) => status,
      () => 0,
    )
  await until(async () => (await post('{}')) === 401, { what: 'the receiver listens' })
  t.match(await post('x'.repeat(100_000)), /^(?:413|0)$/, 'what is too long is not read to its end')
  t.equal((await postChat(gateway.dataUrl, org.key)).status, 200)
  await until(() => receiver.lines().length > 0)
  t.match(receiver.lines(), [/^user\.limit\.reached cx_[0-9a-f]{32}$/])
})
