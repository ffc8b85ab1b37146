/** Calls wait for a store that stumbles (D1): none is refused, nothing is counted twice, and waiting ends where it must. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { mintKey } from '../../src/core/virtual-key.ts'
import { createOrg, startGateway, type TestGateway, type TestOrg } from '../support/gateway.ts'
import { CHAT_COST, chatBody, postChat, startOrigin } from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'
import { came, until } from '../support/until.ts'

/** No outage of these tests lasts so long, on whatever machine. */
const ENDLESS = 60

let password = 'first'
const server = await startRedis({
  persist: true,
  args: () => ['--user', 'gateway', 'on', `>${password}`, 'allkeys', 'allchannels', '+@all'],
})
const operator = new Redis(server.url, { retryStrategy: () => 50, maxRetriesPerRequest: 0 })
operator.on('error', () => undefined)
const origin = await startOrigin()
const redisUrl = server.url.replace('//', '//gateway:first@')
const upstreamUrl = origin.url
const [patient, brief, open] = await Promise.all([
  startGateway({ redisUrl, upstreamUrl, patienceSeconds: ENDLESS }),
  startGateway({ redisUrl, upstreamUrl, patienceSeconds: 1 }),
  startGateway({ redisUrl, upstreamUrl, patienceSeconds: 1, config: { onStoreDown: 'open' } }),
])
t.teardown(async () => {
  operator.disconnect()
  server.thaw()
  await Promise.all([patient.stop(), brief.stop(), open.stop()])
  await origin.stop()
  await server.stop()
})

const WAITS = 'tollgate_store_waits_total'
const microcredits = (credits: number): number => Math.round(credits * 1e6)

async function call(
  gateway: TestGateway,
  key: string,
  init: Parameters<typeof postChat>[3] = {},
): Promise<string> {
  const response = await postChat(gateway.dataUrl, key, chatBody(), init)
  const { error } = (await response.json()) as { readonly error?: { readonly code: string } }
  return error === undefined ? String(response.status) : `${response.status} ${error.code}`
}

const isUp = (gateway: TestGateway): Promise<boolean> =>
  gateway.metric('tollgate_store_up').then((up) => up === 1)
const isFound = (gateway: TestGateway): Promise<void> =>
  until(async () => !(await isUp(gateway)), { what: 'the gateway finds that the store does not answer' })
const isBack = (gateway: TestGateway): Promise<void> =>
  until(() => isUp(gateway), { what: 'the gateway finds that the store answers again' })

/** All that was served is charged once, and nothing is held. */
async function agrees(t: Test, org: TestOrg, served: number): Promise<void> {
  t.equal(microcredits(await org.usedWhenIdle()), served * microcredits(CHAT_COST))
  const usage = (await patient.admin('GET', `/v1/orgs/${org.id}/usage?by=user`)) as {
    readonly items: readonly { readonly calls: number }[]
  }
  t.equal(usage.items[0]?.calls, served)
  t.match(await patient.admin('GET', `/v1/orgs/${org.id}`), { held: 0 })
}

/** Sixty calls a second until told to stop; what each was answered. */
function traffic(gateway: TestGateway, key: string) {
  const calls: Promise<string>[] = []
  const timer = setInterval(() => calls.push(call(gateway, key)), 1_000 / 60)
  return {
    sent: () => calls.length,
    async stop(): Promise<readonly string[]> {
      clearInterval(timer)
      return Promise.all(calls)
    },
  }
}

const stumbles: readonly { readonly what: string; readonly happens: () => Promise<void> }[] = [
  {
    what: 'stops for 900 ms',
    async happens() {
      server.freeze()
      await pause(900)
      server.thaw()
    },
  },
  {
    what: 'is killed and starts again',
    async happens() {
      await server.kill()
      await server.restart()
    },
  },
  {
    what: 'stops for longer than a command may take',
    async happens() {
      server.freeze()
      await pause(2_500)
      server.thaw()
    },
  },
  {
    what: 'is a replica for a while (READONLY)',
    async happens() {
      await operator.replicaof('127.0.0.1', '1')
      await isFound(patient)
      await operator.replicaof('NO', 'ONE')
    },
  },
]

for (const { what, happens } of stumbles) {
  void t.test(
    `D1: the store ${what} under 60 calls a second: all are answered 200, all agrees`,
    async (t) => {
      const org = await createOrg(patient)
      const forwarded = origin.received.length
      const load = traffic(patient, org.key)
      await until(() => load.sent() > 20)
      await happens()
      await isBack(patient)
      const sent = load.sent()
      await until(() => load.sent() > sent + 20)
      const answers = await load.stop()
      t.same([...new Set(answers)], ['200'])
      t.equal(origin.received.length - forwarded, answers.length, 'each was forwarded once')
      await agrees(t, org, answers.length)
    },
  )
}

void t.test('D1: 200 calls at once wait in batches and pass; counted as waits', async (t) => {
  const org = await createOrg(patient)
  t.equal(await call(patient, org.key), '200')
  const before = {
    waits: await patient.metric(WAITS),
    ended: await patient.metric('tollgate_store_wait_seconds_count'),
  }
  server.freeze()
  await isFound(patient)
  const asked = await patient.metric('tollgate_ledger_batch_size_count{script="reserve"}')
  const calls = Array.from({ length: 200 }, () => call(patient, org.key))
  await until(async () => (await patient.metric(WAITS)) === before.waits + 200, { what: '200 calls wait' })
  t.equal(
    await patient.metric('tollgate_ledger_batch_size_count{script="reserve"}'),
    asked,
    'nothing is sent',
  )
  server.thaw()
  t.same([...new Set(await Promise.all(calls))], ['200'])
  t.equal(await patient.metric('tollgate_store_wait_seconds_count'), before.ended + 200)
  const batches = (await patient.metric('tollgate_ledger_batch_size_count{script="reserve"}')) - asked
  t.ok(batches <= 10, `they went out in ${batches} batches`)
  await agrees(t, org, 201)
})

void t.test('D1: 200 calls at once beside four processes that burn the cores: none is refused', async (t) => {
  const org = await createOrg(patient)
  t.equal(await call(patient, org.key), '200')
  const burners = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ['--eval', 'process.stdout.write("burns"); for (;;);']),
  )
  t.teardown(() => burners.forEach((burner) => burner.kill('SIGKILL')))
  await Promise.all(burners.map(({ stdout }) => came(once(stdout, 'data'), 'a process burns its core')))
  const answers = await Promise.all(Array.from({ length: 200 }, () => call(patient, org.key)))
  t.same([...new Set(answers)], ['200'])
  burners.forEach((burner) => burner.kill('SIGKILL'))
  await agrees(t, org, 201)
})

void t.test('D1: those that wait are decided in the order in which they came', async (t) => {
  const org = await createOrg(patient, { limit: 2, admission: 'strict' })
  t.equal(await call(patient, org.key), '200')
  const before = await patient.metric(WAITS)
  server.freeze()
  await isFound(patient)
  const calls: Promise<string>[] = []
  // A few of these fit into the limit, and the others do not.
  const body = chatBody({ max_tokens: 18 })
  const send = async (): Promise<string> => {
    const response = await postChat(patient.dataUrl, org.key, body)
    await response.text()
    return String(response.status)
  }
  for (let count = 1; count <= 12; count += 1) {
    calls.push(send())
    await until(async () => (await patient.metric(WAITS)) === before + count, { what: `call ${count} waits` })
  }
  server.thaw()
  const answers = await Promise.all(calls)
  const served = answers.filter((status) => status === '200').length
  t.ok(served > 0 && served < answers.length, `${served} fit`)
  t.same(
    answers.slice(0, served),
    Array.from({ length: served }, () => '200'),
    answers.join(' '),
  )
  t.notOk(answers.slice(served).includes('200'), 'the later ones are refused')
})

void t.test('D1: who hangs up while waiting leaves the line and holds nothing', async (t) => {
  const org = await createOrg(patient)
  t.equal(await call(patient, org.key), '200')
  const forwarded = origin.received.length
  const gone = 'tollgate_requests_total{upstream="openai",family="openai",outcome="client_gone"}'
  const before = { waits: await patient.metric(WAITS), gone: await patient.metric(gone) }
  server.freeze()
  await isFound(patient)
  const hangUp = new AbortController()
  const calls = Array.from({ length: 20 }, () => call(patient, org.key, { signal: hangUp.signal }))
  const staying = call(patient, org.key)
  await until(async () => (await patient.metric(WAITS)) === before.waits + 21, { what: '21 calls wait' })
  hangUp.abort()
  t.ok((await Promise.allSettled(calls)).every(({ status }) => status === 'rejected'))
  await until(async () => (await patient.metric(gone)) === before.gone + 20, {
    what: 'they have left before the store is back',
  })
  server.thaw()
  t.equal(await staying, '200')
  t.equal(origin.received.length, forwarded + 1, 'only the one that stayed was forwarded')
  await agrees(t, org, 2)
})

void t.test('D1: an admin request waits as well', async (t) => {
  const org = await createOrg(patient)
  server.freeze()
  await isFound(patient)
  const asked = patient.admin('GET', `/v1/orgs/${org.id}`)
  t.equal(await Promise.race([asked.then(() => 'answered'), isFound(patient).then(() => 'waits')]), 'waits')
  server.thaw()
  t.match(await asked, { id: org.id, held: 0 })
})

void t.test('D1: a key that nobody here knows waits as well, and is never a wrong 401', async (t) => {
  const org = await createOrg(patient)
  server.freeze()
  await isFound(patient)
  const before = await patient.metric(WAITS)
  const calls = [call(patient, org.key), call(patient, mintKey(randomBytes))]
  await until(async () => (await patient.metric(WAITS)) === before + 2, { what: 'both look-ups wait' })
  server.thaw()
  t.same(await Promise.all(calls), ['200', '401 invalid_api_key'])
})

void t.test(
  'D1: when the patience ends, closed refuses, open passes, and /readyz turns; not before',
  async (t) => {
    const org = await createOrg(patient)
    for (const gateway of [patient, brief, open]) t.equal(await call(gateway, org.key), '200')
    const readiness = async (gateway: TestGateway): Promise<number> =>
      (await fetch(`${gateway.adminUrl}/readyz`)).status
    server.freeze()
    const waiting = call(patient, org.key)
    t.same(await Promise.all([call(brief, org.key), call(open, org.key)]), [
      '503 credit_store_unavailable',
      '200',
    ])
    await until(async () => (await readiness(brief)) === 503, {
      what: 'the gateway with little patience is not ready',
    })
    await isFound(patient)
    t.equal(await readiness(patient), 200, 'nobody was refused there')
    t.equal(await call(open, org.key), '200', 'under open, later calls pass at once')
    server.thaw()
    t.equal(await waiting, '200')
    await until(async () => (await readiness(brief)) === 200)
    t.equal(microcredits(await org.usedWhenIdle()) % microcredits(CHAT_COST), 0)
    await until(async () => (await org.user()).used === 6 * CHAT_COST, {
      what: 'the calls that passed are charged',
    })
  },
)

void t.test('D1: refused credentials and rights are told at once, whatever the patience', async (t) => {
  const org = await createOrg(patient)
  t.equal(await call(patient, org.key), '200')
  await operator.call('ACL', 'SETUSER', 'gateway', '-@all', '+ping', '+info')
  t.equal(await call(patient, org.key), '503 credit_store_unavailable', 'NOPERM')
  t.equal(await call(patient, org.key), '503 credit_store_unavailable')
  await operator.call('ACL', 'SETUSER', 'gateway', '+@all')
  await isBack(patient)
  await operator.call('ACL', 'SETUSER', 'gateway', 'resetpass', '>another')
  await operator.client('KILL', 'USER', 'gateway')
  t.equal(await call(patient, org.key), '503 credit_store_unavailable', 'WRONGPASS')
  await operator.call('ACL', 'SETUSER', 'gateway', '>first')
  await isBack(patient)
  t.equal(await call(patient, org.key), '200')
})

void t.test('D1: a store that comes back and refuses is not waited for any longer', async (t) => {
  const org = await createOrg(patient)
  t.equal(await call(patient, org.key), '200')
  await server.kill()
  await isFound(patient)
  const before = await patient.metric(WAITS)
  const calls = [call(patient, org.key), call(patient, mintKey(randomBytes))]
  const asked = patient.admin('GET', `/v1/orgs/${org.id}`).catch(String)
  await until(async () => (await patient.metric(WAITS)) === before + 2, {
    what: 'the call and the look-up wait',
  })
  password = 'another'
  await server.restart()
  const refused = '503 credit_store_unavailable'
  t.same(await came(Promise.all(calls), 'the refusals', { timeoutMs: ENDLESS * 500 }), [refused, refused])
  t.match(
    await came(asked, 'the refusal of the request', { timeoutMs: ENDLESS * 500 }),
    /credit_store_unavailable/,
  )
  await operator.call('ACL', 'SETUSER', 'gateway', '>first')
  await isBack(patient)
  t.equal(await call(patient, org.key), '200')
})
