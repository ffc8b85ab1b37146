import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createOrg, startGateway, type TestGateway, type TestOrg } from '../support/gateway.ts'
import { books } from '../support/ledger.ts'
import {
  CHAT_COST,
  chatAnswer,
  chatBody,
  chunkEvent,
  DONE_EVENT,
  postChat,
  USAGE_EVENT,
} from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'
import { openStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const { redis, store, origin, start } = await openStage()
/** Sees what those that stop leave behind. */
const survivor = await start()
t.beforeEach(() => {
  origin.answer = (_request, response) => chatAnswer(response)
})

const dir = t.testdir()
const STREAM = chatBody({ stream: true, stream_options: { include_usage: true } })

/** A gateway that is to stop; killed at the end where the test failed before that. */
async function startVictim(t: Test, config: Readonly<Record<string, unknown>>): Promise<TestGateway> {
  const victim = await startGateway({ redisUrl: redis.url, upstreamUrl: origin.url, config })
  t.teardown(() => victim.kill())
  return victim
}

/** The origin answers streams with one chunk, and with the rest when `finish` is called; all else at once. */
function answerStreamsSlowly(): { readonly finish: () => void; readonly open: () => number } {
  let finish: () => void = () => undefined
  const finished = new Promise<void>((resolve) => (finish = resolve))
  let open = 0
  origin.answer = async ({ body }, response) => {
    if (body !== STREAM) {
      chatAnswer(response)
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(chunkEvent('one'))
    open += 1
    await finished
    response.end(chunkEvent('two') + USAGE_EVENT + DONE_EVENT)
  }
  return { finish, open: () => open }
}
const WHOLE_STREAM = chunkEvent('one') + chunkEvent('two') + USAGE_EVENT + DONE_EVENT

/** Whether a new connection to the data plane is refused. */
async function isClosed(gateway: TestGateway): Promise<boolean> {
  return fetch(`${gateway.dataUrl}/tollgate/v1/me`).then(
    () => false,
    () => true,
  )
}

/** Asserts through another gateway, and in the store, that nothing is held and what was used. */
async function settled(t: Test, org: TestOrg, credits: number): Promise<void> {
  t.equal(await org.usedWhenIdle(), credits)
  const used = Math.round(credits * 1e6)
  t.match(await books(store, org.id, ['ada']), {
    used,
    held: 0,
    usersUsed: used,
    usersHeld: 0,
    openHolds: 0,
    leases: 0,
  })
}

void t.test(
  'SIGTERM under load: not ready at once, calls are taken for the grace, those in flight finish, all is settled',
  async (t) => {
    const org = await createOrg(survivor)
    const victim = await startVictim(t, { shutdownGraceSeconds: 3 })
    const { finish, open } = answerStreamsSlowly()
    const streams = Array.from({ length: 5 }, async () =>
      (await postChat(victim.dataUrl, org.key, STREAM)).text(),
    )
    await until(() => open() === 5)

    const served: {
      readonly status: number
      readonly connection: string | null
      readonly whileStopping: boolean
    }[] = []
    let stopping = false
    let loading = true
    const workers = Array.from({ length: 8 }, async () => {
      while (loading) {
        const whileStopping = stopping
        const response = await postChat(victim.dataUrl, org.key)
        await response.arrayBuffer()
        served.push({
          status: response.status,
          connection: response.headers.get('connection'),
          whileStopping,
        })
      }
    })
    await until(() => served.length >= 50)
    t.equal((await fetch(`${victim.adminUrl}/readyz`)).status, 200)
    const exit = victim.stop()
    await until(async () => (await fetch(`${victim.adminUrl}/readyz`)).status === 503)
    t.equal((await fetch(`${victim.adminUrl}/healthz`)).status, 200, 'it is still up')
    stopping = true
    await until(() => served.filter(({ whileStopping }) => whileStopping).length >= 50)
    for (const path of ['/openai/v1/models', '/tollgate/v1/me', '/openai/v1/nowhere']) {
      const response = await fetch(victim.dataUrl + path, { headers: { authorization: `Bearer ${org.key}` } })
      t.equal(response.status, path.endsWith('nowhere') ? 404 : 200, `${path} is answered`)
      t.equal(response.headers.get('connection'), 'close', path)
      await response.arrayBuffer()
    }
    loading = false
    await Promise.all(workers)
    t.same(
      [...new Set(served.map(({ status }) => status))],
      [200],
      'no call was refused, before or while stopping',
    )
    const late = served.filter(({ whileStopping }) => whileStopping)
    t.same([...new Set(late.map(({ connection }) => connection))], ['close'], 'connections are not kept')

    await until(() => isClosed(victim), { what: 'the listener closes after the grace' })
    t.ok((await org.user()).held > 0, 'the streams still hold credits')
    t.equal(victim.process.exitCode, null, 'they are waited for')
    finish()
    for (const stream of streams) t.equal(await stream, WHOLE_STREAM)
    t.equal(await exit, 0)
    await settled(t, org, Math.round((served.length + streams.length) * CHAT_COST * 1e6) / 1e6)
  },
)

void t.test('a free call that is in flight finishes too', async (t) => {
  const org = await createOrg(survivor)
  const victim = await startVictim(t, { shutdownGraceSeconds: 0 })
  let finish: () => void = () => undefined
  const finished = new Promise<void>((resolve) => (finish = resolve))
  let started = false
  origin.answer = async (_request, response) => {
    started = true
    await finished
    response.end('{"object":"list","data":[]}')
  }
  const answer = fetch(`${victim.dataUrl}/openai/v1/models`, {
    headers: { authorization: `Bearer ${org.key}` },
  })
  await until(() => started)
  const exit = victim.stop()
  await until(() => isClosed(victim))
  finish()
  t.equal(await (await answer).text(), '{"object":"list","data":[]}')
  t.equal(await exit, 0)
})

void t.test(
  'a call that takes longer than shutdownSeconds is ended, and charged by the estimate',
  async (t) => {
    const org = await createOrg(survivor)
    const victim = await startVictim(t, { shutdownGraceSeconds: 0, shutdownSeconds: 1 })
    const { open } = answerStreamsSlowly()
    const response = await postChat(victim.dataUrl, org.key, STREAM)
    await until(() => open() === 1)
    const broken = t.rejects(response.text(), 'the client sees the break')
    t.equal(await victim.stop(), 0)
    await broken
    const prompt = Math.ceil(Buffer.byteLength(STREAM) / 3) * 1_000
    await settled(t, org, (prompt + 1 * 10_000) / 1e6)
  },
)

void t.test('SIGTERM right after the start ends it in good order', async (t) => {
  const victim = await startVictim(t, {})
  t.equal(await victim.stop(), 0)
})

interface Serve {
  readonly child: ChildProcess
  readonly ended: Promise<{
    readonly code: number | null
    readonly signal: string | null
    readonly stderr: string
    readonly stdout: string
  }>
}

/** `tollgate serve` with a configuration of the test's own. */
function serve(t: Test, yaml: string, name = 'tollgate.yaml'): Serve {
  const file = join(dir, name)
  writeFileSync(file, yaml)
  const main = new URL('../../dist/main.js', import.meta.url).pathname
  const child = spawn(process.execPath, [main, 'serve', '--config', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
    stdout,
    stderr,
  }))
  return { child, ended }
}

async function takenPort(t: Test): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const UPSTREAM = 'upstreams: { openai: { family: openai, prefix: /openai, url: "http://127.0.0.1:9" } }'

void t.test('SIGTERM while it waits for a store that does not answer ends it in good order', async (t) => {
  const silent = createServer().listen(0, '127.0.0.1')
  const sockets: Socket[] = []
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    silent.close()
  })
  await once(silent, 'listening')
  const connected = once(silent, 'connection') as Promise<[Socket]>
  silent.on('connection', (socket) => sockets.push(socket.on('error', () => undefined)))
  const { port } = silent.address() as AddressInfo
  const { child, ended } = serve(t, `redis: { url: "redis://127.0.0.1:${port}" }\n${UPSTREAM}\n`)
  await connected
  child.kill('SIGTERM')
  t.match(await ended, { code: 0, signal: null, stderr: '' })
})

void t.test(
  'D1: a gateway without its store stops when it is told to: nobody waits for deliveries',
  async (t) => {
    for (const end of ['kill', 'freeze'] as const) {
      const own = await startRedis()
      // The time for calls is longer than that of this test.
      const victim = await startGateway({
        redisUrl: own.url,
        upstreamUrl: origin.url,
        config: { shutdownSeconds: 3_600 },
      })
      t.teardown(async () => {
        await victim.kill()
        if (end === 'freeze') own.thaw()
        await own.stop()
      })
      const { key } = await createOrg(victim)
      t.equal((await postChat(victim.dataUrl, key)).status, 200)
      await until(async () => (await victim.metric('tollgate_holds_open')) === 0)
      await own[end]()
      t.equal(await victim.stop(), 0, end)
    }
  },
)

void t.test('a port that is taken is exit code 2, and one line that names the key', async (t) => {
  const port = await takenPort(t)
  const planes = [
    ['listen', 'admin'],
    ['admin', 'listen'],
  ] as const
  const outcomes = planes.map(([taken, other]) => {
    const listeners = `${taken}: { port: ${port} }\n${other}: { port: 0 }\n`
    return serve(t, `${listeners}redis: { url: "${redis.url}" }\n${UPSTREAM}\n`, `${taken}.yaml`).ended
  })
  for (const [index, [taken]] of planes.entries()) {
    const outcome = await outcomes[index]
    const line = new RegExp(
      `^${taken}\\.port: cannot listen on 127\\.0\\.0\\.1:${port}: .*EADDRINUSE[^\\n]*\\n$`,
    )
    t.match(outcome, { code: 2, signal: null, stderr: line })
  }
})

const GOOD = `redis: { url: "${redis.url}" }\n${UPSTREAM}\n`
const BAD: readonly (readonly [what: string, yaml: string, line: RegExp])[] = [
  ['a key that does not exist', `${GOOD}listen: { prot: 1 }\n`, /^listen\.prot: /],
  ['a value out of bounds', `${GOOD}listen: { port: 70000 }\n`, /^listen\.port: /],
  ['a key that is missing', UPSTREAM, /^redis: /],
  [
    'a variable that is not set',
    `redis: { url: "\${TG_NOT_SET}" }\n${UPSTREAM}\n`,
    /^redis\.url: .*TG_NOT_SET/,
  ],
]

void t.test('a bad configuration is exit code 1, and one line that names the key', async (t) => {
  const outcomes = BAD.map(([what, yaml]) => serve(t, yaml, `${what.replaceAll(' ', '-')}.yaml`).ended)
  for (const [index, [what, , line]] of BAD.entries()) {
    const outcome = await outcomes[index]
    t.match(outcome, { code: 1, signal: null, stdout: '', stderr: line }, what)
    t.equal(outcome?.stderr.split('\n').length, 2, 'one line')
  }
})
