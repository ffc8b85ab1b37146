/** `serve --workers N`: one gateway made of several processes, which share their ports and their scrape. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { request } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { stringify } from 'yaml'
import * as keys from '../../src/store/keys.ts'
import {
  createOrg,
  OPERATOR_TOKEN,
  startGateway,
  type TestGateway,
  type TestOrg,
} from '../support/gateway.ts'
import { books, openClient } from '../support/ledger.ts'
import { CHAT_COST, chatAnswer, chatBody, postChat, type Received, startOrigin } from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { removeFolder } from '../support/folder.ts'

const MAIN = new URL('../../dist/main.js', import.meta.url).pathname

const redis = await startRedis()
const store = await openClient({ url: redis.url })
const origin = await startOrigin()
const gateway = await startWorkers({})
t.teardown(async () => {
  await gateway.stop()
  store.disconnect()
  await origin.stop()
  await redis.stop()
})
t.beforeEach(() => {
  origin.answer = (_request, response) => chatAnswer(response)
})

async function startWorkers(config: Readonly<Record<string, unknown>>): Promise<TestGateway> {
  const started = await startGateway({
    redisUrl: redis.url,
    upstreamUrl: origin.url,
    config,
    args: ['--workers', '2'],
  })
  // Each process writes its own lines, and not at once.
  await until(() => pidsOf(started).length === 2)
  return started
}

/** A gateway of the test's own; killed at the end where the test failed before it stopped. */
async function startVictim(t: Test, config: Readonly<Record<string, unknown>> = {}): Promise<TestGateway> {
  const victim = await startWorkers(config)
  t.teardown(() => victim.kill())
  return victim
}

interface LogLine {
  readonly pid: number
  readonly msg: string
  readonly worker?: number
  readonly workers?: number
  readonly how?: string
}

function linesOf({ log }: TestGateway): LogLine[] {
  return log.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as LogLine)
}

/** Process ids of all workers so far, in the order in which they began to serve. */
function pidsOf(of: TestGateway): number[] {
  return linesOf(of)
    .filter(({ msg }) => msg === 'a worker serves')
    .map(({ pid }) => pid)
}

/** The process id of the nth worker, from 0. */
function pidOf(of: TestGateway, nth: number): number {
  const pid = pidsOf(of)[nth]
  // Signals to process 0 would go to this test.
  if (pid === undefined) throw new Error(`there was no worker number ${nth}`)
  return pid
}

/** Whether a process still runs. One that ended but that nobody collected does not. */
async function runs(pid: number): Promise<boolean> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'stat=', '-p', String(pid)])
    return !stdout.trim().startsWith('Z')
  } catch {
    return false
  }
}

interface Answer {
  readonly status: number
  readonly body: string
}

/** A request on a connection of its own, so that the next worker gets it. */
async function send(
  url: string,
  init: { readonly key?: string; readonly body?: string } = {},
): Promise<Answer> {
  const sent = request(url, {
    agent: false,
    method: init.body === undefined ? 'GET' : 'POST',
    headers: {
      'content-type': 'application/json',
      ...(init.key === undefined ? {} : { authorization: `Bearer ${init.key}` }),
    },
  })
  sent.end(init.body)
  const [response] = (await once(sent, 'response')) as [import('node:http').IncomingMessage]
  const body = (await response.toArray()).join('')
  return { status: response.statusCode ?? 0, body }
}

function chat(to: TestGateway, org: TestOrg, body = chatBody()): Promise<Answer> {
  return send(`${to.openaiUrl}/chat/completions`, { key: org.key, body })
}

const statusesOf = (answers: readonly Answer[]): number[] => answers.map(({ status }) => status)

/** Lets no call be answered until `release`, or none of those that `isHeld` picks. */
function holdAnswers(isHeld: (request: Received) => boolean = () => true): {
  readonly waiting: () => number
  readonly release: () => void
} {
  let waiting = 0
  let release: () => void = () => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  origin.answer = async (received, response) => {
    if (isHeld(received)) {
      waiting += 1
      await released
    }
    chatAnswer(response)
  }
  return { waiting: () => waiting, release }
}

/** How many gateway processes have open holds of an organization: each mints hold ids with a name of its own. */
async function processesThatHold(org: TestOrg): Promise<number> {
  const leases = await store.zrange(keys.leases(org.id), 0, -1)
  return new Set(leases.map((lease) => lease.split(' ')[2]?.split('.')[1])).size
}

/** The samples of a scrape, by name with labels as they stand there. */
function samplesOf({ body }: Answer): Map<string, number> {
  return new Map(
    body
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line): [string, number] => {
        const space = line.lastIndexOf(' ')
        return [line.slice(0, space), Number(line.slice(space + 1))]
      }),
  )
}

const OK = 'tollgate_requests_total{upstream="openai",family="openai",outcome="ok"}'

async function scrape(of: TestGateway): Promise<Map<string, number>> {
  const answer = await send(`${of.adminUrl}/metrics`)
  if (answer.status !== 200) throw new Error(`a scrape was answered with ${answer.status}: ${answer.body}`)
  return samplesOf(answer)
}

/** Nothing is held any more, the books agree, and so much was used. */
async function settled(t: Test, org: TestOrg, calls: number): Promise<void> {
  const used = Math.round(calls * CHAT_COST * 1e6)
  t.match(await books(store, org.id, ['ada']), {
    used,
    held: 0,
    usersUsed: used,
    usersHeld: 0,
    openHolds: 0,
    leases: 0,
  })
}

void t.test('it says once where it listens; lines of workers carry the worker', (t) => {
  const lines = linesOf(gateway)
  t.match(
    lines.filter(({ msg }) => msg === 'listening'),
    [{ pid: gateway.process.pid, workers: 2, dataUrl: gateway.dataUrl, adminUrl: gateway.adminUrl }],
  )
  const [first, second, ...more] = pidsOf(gateway)
  t.same(more, [])
  t.not(first, second)
  for (const { pid, worker } of lines) t.equal(worker, { [first ?? 0]: 1, [second ?? 0]: 2 }[pid])
  t.end()
})

void t.test('calls are served by all workers, and whichever is scraped answers for all', async (t) => {
  const org = await createOrg(gateway)
  const { waiting, release } = holdAnswers()
  const calls = Array.from({ length: 10 }, () => chat(gateway, org))
  await until(() => waiting() === 10)
  t.equal(await processesThatHold(org), 2, 'both have calls in flight')
  t.match(Object.fromEntries(await scrape(gateway)), {
    tollgate_holds_open: 10,
    tollgate_streams_open: 0,
    tollgate_store_up: 1,
  })
  release()
  t.same(statusesOf(await Promise.all(calls)), Array(10).fill(200))
  await org.usedWhenIdle()
  for (let turn = 0; turn < 6; turn += 1) {
    const samples = await scrape(gateway)
    t.equal(samples.get(OK), 10)
    t.equal(samples.get('tollgate_request_overhead_seconds_count'), 10)
    t.equal(samples.get('tollgate_request_overhead_seconds_bucket{le="+Inf"}'), 10)
    t.equal(samples.get('tollgate_upstream_seconds_count{upstream="openai"}'), 10)
    t.equal(Math.round((samples.get('tollgate_credits_total{kind="charged"}') ?? 0) * 1e6), 1_200_000)
    t.equal(samples.get('tollgate_hold_exceeded_total'), 0)
    t.equal(samples.get('tollgate_holds_open'), 0)
    t.equal(samples.get('tollgate_store_up'), 1, 'not the sum')
    t.same(
      [...samples].filter(([name]) => name.startsWith('nodejs_version_info')).map(([, value]) => value),
      [1],
    )
    t.ok((samples.get('process_resident_memory_bytes') ?? 0) > 0)
    t.same(
      [...samples].filter(([, value]) => !Number.isFinite(value)),
      [],
      'every sample is a number',
    )
  }
})

void t.test('many scrapes at once are all answered with the whole', async (t) => {
  const before = (await scrape(gateway)).get(OK)
  const answers = await Promise.all(Array.from({ length: 40 }, () => scrape(gateway)))
  t.same([...new Set(answers.map((samples) => samples.get(OK)))], [before])
})

void t.test(
  'C4, strict: 400 concurrent calls through two workers, room for exactly k: exactly k succeed',
  async (t) => {
    const calls = 400
    const body = chatBody({ max_tokens: 88 })
    const worstCase = Buffer.byteLength(body) * 1_000 + 88 * 10_000
    const k = 23
    const limit = Math.ceil((k * worstCase) / 1e6)
    t.equal(Math.floor((limit * 1e6) / worstCase), k, 'the limit has room for exactly k')
    const org = await createOrg(gateway, { admission: 'strict', limit })
    // Nobody is served before all have been decided, so that no settled call makes room.
    const { waiting, release } = holdAnswers()
    const IN_FLIGHT = 'tollgate_denials_total{code="credits_in_flight"}'
    const first: Promise<Answer>[] = []
    for (const nth of [1, 2]) {
      first.push(chat(gateway, org, body))
      await until(() => waiting() === nth)
    }
    t.equal(await processesThatHold(org), 2, 'each has admitted one')
    const more = Array.from({ length: calls - 2 }, () => chat(gateway, org, body))
    const racing = Promise.all([...first, ...more])
    await until(async () => ((await scrape(gateway)).get(IN_FLIGHT) ?? 0) + waiting() === calls, {
      timeoutMs: 120_000,
    })
    release()
    const statuses = statusesOf(await racing)
    t.equal(statuses.filter((status) => status === 200).length, k)
    t.equal(statuses.filter((status) => status === 429).length, calls - k)
    t.equal(await org.usedWhenIdle(), Math.round(k * CHAT_COST * 1e6) / 1e6)
  },
)

void t.test(
  'a worker is killed: calls keep being served, no count falls, and another one takes its place',
  async (t) => {
    const org = await createOrg(gateway)
    const counted = (await scrape(gateway)).get(OK) ?? 0
    let calls = 0
    for (; calls < 10; calls += 1) t.equal((await chat(gateway, org)).status, 200)
    await org.usedWhenIdle()
    const before = await scrape(gateway)
    t.equal(before.get(OK), counted + calls)

    const [first, second] = [pidOf(gateway, 0), pidOf(gateway, 1)]
    process.kill(first, 'SIGKILL')
    await until(() => linesOf(gateway).some(({ how }) => how === 'SIGKILL'))
    for (; pidsOf(gateway).length < 3 || calls < 30; calls += 1) {
      const { status } = await chat(gateway, org)
      if (status !== 200) t.fail(`a call was answered with ${status}`)
    }
    t.match(
      linesOf(gateway).find(({ how }) => how !== undefined),
      { worker: 1, how: 'SIGKILL', msg: 'a worker went away and is replaced' },
    )
    t.match(pidsOf(gateway), [first, second, Number])
    t.equal(linesOf(gateway).find(({ pid }) => pid === pidsOf(gateway)[2])?.worker, 3)

    await org.usedWhenIdle()
    const after = await scrape(gateway)
    t.equal(after.get(OK), counted + calls, 'with what the dead one had counted')
    t.equal(after.get('tollgate_store_up'), 1, 'gauges are of those that live')
    const fell = [...before].filter(
      ([name, value]) =>
        /^(?:tollgate|process)_.*_(?:total|count|bucket)\b/.test(name) && (after.get(name) ?? 0) < value,
    )
    t.same(fell, [])

    const { waiting, release } = holdAnswers()
    const held = Array.from({ length: 4 }, () => chat(gateway, org))
    await until(() => waiting() === 4)
    t.equal(await processesThatHold(org), 2, 'both serve again')
    release()
    await Promise.all(held)
    await org.usedWhenIdle()
  },
)

void t.test(
  'a worker that gets a SIGTERM of its own finishes its calls, is replaced, and its counts stay',
  async (t) => {
    const org = await createOrg(gateway)
    const counted = (await scrape(gateway)).get(OK) ?? 0
    const { waiting, release } = holdAnswers()
    const calls = Array.from({ length: 4 }, () => chat(gateway, org))
    await until(() => waiting() === 4)
    process.kill(pidOf(gateway, 1), 'SIGTERM')
    release()
    t.same(statusesOf(await Promise.all(calls)), [200, 200, 200, 200])
    await until(() => pidsOf(gateway).length === 4)
    await org.usedWhenIdle()
    t.equal((await scrape(gateway)).get(OK), counted + 4, 'though nobody had scraped them')
    t.equal(linesOf(gateway).find(({ worker, how }) => worker === 2 && how !== undefined)?.how, 'exit code 0')
  },
)

void t.test(
  'a worker that stands still: no sum without it; what it had not taken when it died goes to another',
  async (t) => {
    const org = await createOrg(gateway)
    const counted = (await scrape(gateway)).get(OK) ?? 0
    const still = pidOf(gateway, 3)
    process.kill(still, 'SIGSTOP')
    // Each listener gives a worker one connection at a time: of several calls, the worker that stands still has one.
    let answered = 0
    const count = (answer: Answer): Answer => {
      answered += 1
      return answer
    }
    const calls = Array.from({ length: 4 }, () => chat(gateway, org).then(count))
    await until(() => answered === 3)
    const scrapes = Array.from({ length: 2 }, () => send(`${gateway.adminUrl}/metrics`))
    const { status, body } = await Promise.race(scrapes)
    t.equal(status, 503)
    t.match(body, /^Not every worker reported in time/)
    t.equal(answered, 3)
    process.kill(still, 'SIGKILL')
    t.same(statusesOf(await Promise.all(calls)), [200, 200, 200, 200])
    t.same(statusesOf(await Promise.all(scrapes)).sort(), [200, 503])
    await org.usedWhenIdle()
    t.equal((await scrape(gateway)).get(OK), counted + 4)
  },
)

void t.test(
  'SIGTERM under load: no worker is ready, no call fails, all is settled, exit code 0',
  async (t) => {
    const victim = await startVictim(t, { shutdownGraceSeconds: 5 })
    const org = await createOrg(gateway)
    const HELD = chatBody({ user: 'held' })
    const { waiting, release } = holdAnswers(({ body }) => body === HELD)
    const held = Array.from({ length: 4 }, () => chat(victim, org, HELD))
    await until(() => waiting() === 4)
    const statuses: number[] = []
    const load = Array.from({ length: 6 }, async () => {
      let isKept = true
      // As a load balancer does, it goes elsewhere when it is told that its connection is not kept.
      while (isKept) {
        const response = await postChat(victim.dataUrl, org.key)
        await response.arrayBuffer()
        statuses.push(response.status)
        isKept = response.headers.get('connection') !== 'close'
      }
    })
    await until(() => statuses.length >= 30)
    const exit = victim.stop()
    await Promise.all(load)
    t.same([...new Set(statuses)], [200])
    await until(async () => {
      const looks = Array.from({ length: 6 }, () => send(`${victim.adminUrl}/readyz`))
      return statusesOf(await Promise.all(looks)).every((status) => status === 503)
    })
    const isClosed = () =>
      send(victim.dataUrl).then(
        () => false,
        () => true,
      )
    await until(isClosed, { what: 'the grace is over' })
    release()
    t.same(statusesOf(await Promise.all(held)), [200, 200, 200, 200])
    t.equal(await exit, 0)
    await settled(t, org, statuses.length + 4)
    for (const pid of pidsOf(victim)) t.notOk(await runs(pid))
  },
)

/** Process ids of the children that run. */
async function childrenOf(parent: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'pid=,ppid='])
  const pairs = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
  return pairs.flatMap(([pid = 0, ppid]) => (ppid === parent ? [pid] : []))
}

void t.test(
  'SIGTERM while a worker is being replaced: the one that does not serve yet ends as well',
  async (t) => {
    const victim = await startVictim(t)
    const known = pidsOf(victim)
    process.kill(pidOf(victim, 0), 'SIGKILL')
    await until(async () => (await childrenOf(victim.process.pid ?? 0)).some((pid) => !known.includes(pid)))
    t.equal(await victim.stop(), 0)
  },
)

void t.test('asked a second time, all end at once, with exit code 1', async (t) => {
  const victim = await startVictim(t, { shutdownGraceSeconds: 300 })
  victim.process.kill('SIGTERM')
  await until(async () => (await send(`${victim.adminUrl}/readyz`)).status === 503)
  await until(() => {
    if (victim.process.exitCode === null) victim.process.kill('SIGTERM')
    return victim.process.exitCode !== null
  })
  t.equal(victim.process.exitCode, 1)
  for (const pid of pidsOf(victim))
    await until(async () => !(await runs(pid)), { what: 'the workers are gone' })
})

void t.test('the primary is killed: its workers finish their calls, and are gone', async (t) => {
  const victim = await startVictim(t)
  const org = await createOrg(gateway)
  const { waiting, release } = holdAnswers()
  const calls = Array.from({ length: 4 }, () => chat(victim, org))
  await until(() => waiting() === 4, { what: 'all four calls have come to the provider' })
  victim.process.kill('SIGKILL')
  await until(() => linesOf(victim).filter(({ msg }) => msg.startsWith('the primary is gone')).length === 2)
  release()
  t.same(statusesOf(await Promise.all(calls)), [200, 200, 200, 200])
  for (const pid of pidsOf(victim))
    await until(async () => !(await runs(pid)), { what: 'the workers are gone' })
  await settled(t, org, 4)
})

/** Command lines of the running servers whose socket is in this folder, by process id. */
async function serversIn(dir: string): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'pid=,stat=,args='])
  return stdout
    .split('\n')
    .filter((line) => line.includes(`unixsocket:${dir}/`) && !/^\s*\d+\s+Z/.test(line))
    .map((line) => Number.parseInt(line, 10))
}

void t.test('an embedded Redis is started once for all workers, and goes with the primary', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'tg-w-'))
  t.teardown(() => removeFolder(dir))
  const victim = await startVictim(t, { redis: { embedded: join(dir, 'redis') } })
  const [server, ...more] = await serversIn(dir)
  t.type(server, 'number')
  t.same(more, [])
  const org = await createOrg(victim)
  t.same(
    statusesOf(await Promise.all(Array.from({ length: 6 }, () => chat(victim, org)))),
    Array(6).fill(200),
  )
  t.equal(await org.usedWhenIdle(), Math.round(6 * CHAT_COST * 1e6) / 1e6)

  victim.process.kill('SIGKILL')
  for (const pid of pidsOf(victim))
    await until(async () => !(await runs(pid)), { what: 'the workers are gone' })
  await until(async () => (await serversIn(dir)).length === 0, { what: 'so is the server' })

  const next = await startVictim(t, { redis: { embedded: join(dir, 'redis') } })
  t.equal((await serversIn(dir)).length, 1)
  t.equal(await next.stop(), 0)
  t.same(await serversIn(dir), [], 'stopped in good order, too')
})

/** Runs the command line to its end. */
async function run(t: Test, args: readonly string[]): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  let stderr = ''
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stderr }
}

function configFile(t: Test, config: Readonly<Record<string, unknown>>): string {
  const upstream = { family: 'openai', prefix: '/openai', url: origin.url }
  return join(
    t.testdir({
      'tollgate.yaml': stringify({
        redis: { url: redis.url },
        listen: { port: 0 },
        admin: { port: 0, operatorToken: OPERATOR_TOKEN },
        upstreams: { openai: upstream },
        ...config,
      }),
    }),
    'tollgate.yaml',
  )
}

void t.test(
  'what is in the way of every worker is said once: a port that is taken, exit code 2',
  async (t) => {
    const taken = createServer().listen(0, '127.0.0.1')
    t.teardown(() => taken.close())
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const { code, stderr } = await run(t, [
      'serve',
      '--config',
      configFile(t, { listen: { port } }),
      '--workers',
      '4',
    ])
    t.equal(code, 2)
    t.match(stderr, /^listen\.port: cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE.*\n$/)
  },
)

void t.test(
  'what is in the way of every worker is said once: a file that is missing, exit code 1',
  async (t) => {
    const upstreams = {
      openai: { family: 'openai', prefix: '/openai', url: 'https://127.0.0.1:9', ca: 'none.pem' },
    }
    const { code, stderr } = await run(t, [
      'serve',
      '--config',
      configFile(t, { upstreams }),
      '--workers',
      '4',
    ])
    t.equal(code, 1)
    t.match(stderr, /^upstreams\.openai\.ca: cannot be read: .*\n$/)
  },
)

for (const count of ['0', '65', 'two', '1.5', '']) {
  void t.test(`--workers ${count} is refused on one line, with exit code 1`, async (t) => {
    const { code, stderr } = await run(t, ['serve', '--config', 'none.yaml', '--workers', count])
    t.equal(code, 1)
    t.equal(stderr, `--workers must be a whole number from 1 to 64, not ${count}\n`)
  })
}
