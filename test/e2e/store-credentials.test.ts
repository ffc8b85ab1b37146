/** The credentials of the store are changed while calls run, in the store and in the configuration (D1, D2). */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { createOrg, startGateway, type TestGateway } from '../support/gateway.ts'
import { CHAT_COST, postChat, startOrigin } from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'
import { changed, logged, REFUSED, RELOADED } from '../support/reload.ts'
import { until } from '../support/until.ts'
import { removeFolder } from '../support/folder.ts'

const ALL = ['on', 'allkeys', 'allchannels', '+@all']
const users = ['ann', 'bob'].flatMap((name) => ['--user', name, ...ALL, `>${name}-1`])
const server = await startRedis({ persist: true, args: users })
const operator = new Redis(server.url, { retryStrategy: () => 50 })
operator.on('error', () => undefined)
const origin = await startOrigin()
const mails = mkdtempSync(join(tmpdir(), 'tg-credentials-'))
t.teardown(async () => {
  operator.disconnect()
  await origin.stop()
  await server.stop()
  removeFolder(mails)
})

const as = (credentials: string): string => server.url.replace('//', `//${credentials}@`)

async function start(t: Test, redisUrl: string, args: readonly string[] = []): Promise<TestGateway> {
  const config = { notifications: { mailDir: mails } }
  const gateway = await startGateway({ redisUrl, upstreamUrl: origin.url, args, config })
  t.teardown(() => gateway.stop())
  return gateway
}

const DOWN = 'the credit store does not answer'

const change = (gateway: TestGateway, url: string, outcome: string): Promise<string> =>
  changed(gateway, (settings) => void (settings['redis'] = { url }), outcome)

/** As whom the store's clients are there, and which of them only listen. */
async function clients(name: string): Promise<{ readonly all: number; readonly deaf: number }> {
  const lines = String(await operator.client('LIST'))
    .split('\n')
    .filter((line) => line.includes(` user=${name} `))
  return { all: lines.length, deaf: lines.filter((line) => line.includes(' sub=0 ')).length }
}

/** A caller, one call after the other. */
function load(t: Test, gateway: TestGateway, key: string) {
  let isOver = false
  const statuses: number[] = []
  async function caller(): Promise<void> {
    while (!isOver) {
      const response = await postChat(gateway.dataUrl, key)
      await response.arrayBuffer()
      statuses.push(response.status)
    }
  }
  const calling = caller()
  async function stop(): Promise<void> {
    isOver = true
    await calling
  }
  t.teardown(stop)
  const served = (): number => statuses.filter((status) => status === 200).length
  return { statuses, served, stop }
}

/** Somebody reaches a limit, and a mail about it is written: queues and their workers are connected. */
async function hearsOfLimits(gateway: TestGateway): Promise<void> {
  const metric = 'tollgate_notifications_total{channel="email",state="sent"}'
  const before = await gateway.metric(metric)
  const org = await createOrg(gateway, { limit: 0 })
  await gateway.admin('PUT', `/v1/orgs/${org.id}/members/boss`, { role: 'admin', email: 'boss@example.com' })
  await (await postChat(gateway.dataUrl, org.key)).arrayBuffer()
  await until(async () => (await gateway.metric(metric)) > before, { what: 'a mail is sent' })
}

for (const args of [[], ['--workers', '2']]) {
  void t.test(
    `another user of the same store is taken over: no call fails (${args.join(' ')})`,
    async (t) => {
      await operator.call('ACL', 'SETUSER', 'ann', ...ALL, '>ann-1')
      const gateway = await start(t, as('ann:ann-1'), args)
      const org = await createOrg(gateway)
      const forwarded = origin.received.length
      const calls = load(t, gateway, org.key)
      await until(() => calls.served() > 10)
      await change(gateway, as('bob:bob-1'), RELOADED)
      await until(async () => (await clients('ann')).deaf === 0, {
        what: 'whoever asks is bob',
        timeoutMs: 120_000,
      })
      await operator.call('ACL', 'DELUSER', 'ann')
      t.equal((await clients('ann')).all, 0, 'and whoever listens, once the store has closed its connection')
      const served = calls.served()
      await until(() => calls.served() > served + 50)
      await calls.stop()
      t.same([...new Set(calls.statuses)], [200])
      t.same(logged(gateway, DOWN), [])
      t.equal(
        Math.round((await org.usedWhenIdle()) * 1e6),
        (origin.received.length - forwarded) * Math.round(CHAT_COST * 1e6),
      )
      await hearsOfLimits(gateway)
      const line = await change(gateway, as('bob:wrong'), REFUSED)
      t.match(
        (JSON.parse(line) as { reason: string }).reason,
        /^redis\.url: the store refuses these credentials: WRONGPASS/,
      )
      t.notMatch(line, /bob:|wrong@/, 'the log has no password')
      t.equal((await postChat(gateway.dataUrl, org.key)).status, 200)
    },
  )
}

void t.test(
  'D1, D2: a password that only the store has yet is an outage, until the configuration has it',
  async (t) => {
    const gateway = await start(t, server.url)
    const org = await createOrg(gateway)
    const forwarded = origin.received.length
    const calls = load(t, gateway, org.key)
    await until(() => calls.served() > 10)
    await operator.config('SET', 'requirepass', 'another')
    t.teardown(() => operator.config('SET', 'requirepass', ''))
    const served = calls.served()
    await until(() => calls.served() > served + 10, { what: 'who is connected stays so' })
    await operator.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await until(() => logged(gateway, DOWN).length === 1)
    t.match(
      gateway.log.find((line) => line.includes(DOWN)),
      'NOAUTH',
    )
    await until(() => calls.statuses.at(-1) === 503)
    await change(gateway, as(':another'), RELOADED)
    const before = calls.served()
    await until(() => calls.served() > before + 10, { what: 'calls are served again' })
    await calls.stop()
    t.same([...new Set(calls.statuses)].sort(), [200, 503])
    t.equal(logged(gateway, DOWN).length, 1)
    t.equal(
      Math.round((await org.usedWhenIdle()) * 1e6),
      (origin.received.length - forwarded) * Math.round(CHAT_COST * 1e6),
    )
    await hearsOfLimits(gateway)
  },
)

void t.test('credentials that no store is there to judge are believed', async (t) => {
  const gateway = await start(t, as('bob:bob-1'))
  const org = await createOrg(gateway)
  await server.kill()
  await change(gateway, as('bob:bob-2'), RELOADED)
  await server.restart()
  await until(() => gateway.log.some((line) => line.includes(DOWN)))
  // As a store that comes back with the password that was announced.
  await until(
    async () => (await operator.call('ACL', 'SETUSER', 'bob', '>bob-2', '<bob-1').catch(() => null)) === 'OK',
  )
  await until(async () => (await postChat(gateway.dataUrl, org.key)).status === 200)
  t.equal((await clients('bob')).deaf > 0, true)
})

void t.test('another store needs a restart, as before', async (t) => {
  const gateway = await start(t, server.url)
  const elsewhere = server.url.replace(/:\d+$/, ':1')
  t.match(await change(gateway, elsewhere, REFUSED), 'redis.url: a change of this needs a restart')
})
