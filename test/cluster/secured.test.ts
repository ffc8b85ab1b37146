/**
 * A cluster as one runs it beyond a single machine: TLS and nothing else, by names, with certificates on both sides, a password on the default user, and
 * for the gateways the user of deploy/redis/tollgate.acl.
 */
import t from 'tap'
import { slotOf } from '../../src/store/cluster-slot.ts'
import * as keys from '../../src/store/keys.ts'
import { makeCertificate } from '../support/certificate.ts'
import {
  allServed,
  callOf,
  exact,
  openClusterStage,
  redisConfig,
  rootAddress,
  startLoad,
  type Outcome,
} from '../support/cluster-load.ts'
import { startGateway, type TestGateway, type TestOrg } from '../support/gateway.ts'
import { watchQueue } from '../support/queues.ts'
import { errorReplies, moveSlot } from '../support/redis-cluster.ts'
import { changed, REFUSED, RELOADED, type Settings } from '../support/reload.ts'
import { createStoreUser, refusedToUser, USER_RULES } from '../support/store-user.ts'
import { until } from '../support/until.ts'

const PASSWORD = 'of-the-user-of-the-gateways'
const stage = await openClusterStage(2, {
  replicas: false,
  password: 'of-the-default-user',
  tls: makeCertificate('DNS:localhost'),
  userPassword: PASSWORD,
})
const { cluster, gateways, origin } = stage
const masters = await cluster.masters()
const [one, two, three] = masters
const [first] = gateways
if (one === undefined || two === undefined || three === undefined) throw new Error('three masters')
if (first === undefined) throw new Error('a gateway')
const queue = watchQueue(rootAddress(cluster))
t.setTimeout(180_000)
t.teardown(async () => {
  await queue.close()
  await stage.stop()
})

/** What was refused to the gateways, on any node, but for passwords. */
async function refused(): Promise<string[]> {
  const lines = (await Promise.all(masters.map(({ client }) => refusedToUser(client)))).flat()
  return lines.filter((line) => !line.startsWith('auth '))
}

void t.test(
  'calls of every slot are admitted, charged and told of; a revoked key is known everywhere',
  async (t) => {
    for (const master of masters) {
      const org = await stage.orgOn(master, { limit: 1, allowance: 100 })
      const at = `/v1/orgs/${org.id}`
      await first.admin('PUT', `${at}/members/grace`, { email: null, name: 'Grace', role: 'admin' })
      await first.admin('POST', `${at}/alerts`, { type: 'absolute', threshold: 1, recipients: 'all' })
      for (let i = 0; i < 9; i += 1) {
        await until(async () => (await callOf(gateways[i % 2] ?? first, org)).status === 200)
        await org.usedWhenIdle()
      }
      await until(async () => (await callOf(first, org)).code === 'user_credit_limit_reached')
      await until(async () => (await queue.jobsOf(org.id)).length === 2, { what: `crossings of ${org.id}` })
      await until(async () => (await stage.store.xlen(keys.outbox(org.id))) === 0)
      await exact(t, stage, org)
      const { items } = (await first.admin('GET', `${at}/keys`)) as { items: readonly { id: string }[] }
      for (const { id } of items) await first.admin('DELETE', `${at}/keys/${id}`)
      for (const gateway of gateways)
        await until(async () => (await callOf(gateway, org)).status === 401, { what: 'revoked' })
    }
    t.strictSame(await refused(), [])
  },
)

void t.test('slots move under load: redirections need nothing that the user may not', async (t) => {
  const org: TestOrg = await stage.orgOn(one)
  const before = [await errorReplies(masters, 'MOVED'), await errorReplies(masters, 'ASK')] as const
  const load = startLoad(stage, [org])
  await until(() => load.count(org, 200) > 30)
  for (const [from, to] of [
    [one, two],
    [two, three],
    [three, one],
  ] as const) {
    await moveSlot(cluster, slotOf(org.id), { from, to })
    const soFar = load.count(org, 200)
    await until(() => load.count(org, 200) > soFar + 30)
  }
  await load.end()
  allServed(t, load.outcomes, 'all are answered')
  // All keys have gone, and the slot has not: what asks for one key is sent to the other node. Scripts wait for the slot.
  let usage: unknown
  const waiting: Promise<Outcome>[] = []
  await moveSlot(cluster, slotOf(org.id), {
    from: one,
    to: two,
    atEnd: async () => {
      waiting.push(callOf(first, org))
      usage = await first.admin('GET', `/v1/orgs/${org.id}/usage`)
    },
  })
  t.ok(usage)
  t.ok((await errorReplies(masters, 'ASK')) > before[1], 'a request was sent to the other node')
  allServed(t, await Promise.all(waiting), 'what came while the slot was on its way')
  t.ok((await errorReplies(masters, 'MOVED')) > before[0], 'calls were redirected')
  await exact(t, stage, org)
  t.strictSame(await refused(), [])
})

void t.test(
  'the password is changed and changed back while gateways run: 503, then all goes on; no log has it',
  async (t) => {
    const org = await stage.orgOn(one)
    await until(async () => (await callOf(first, org)).status === 200)
    for (const { client } of masters) {
      await createStoreUser(client, 'another')
      await client.call('CLIENT', 'KILL', 'USER', 'tollgate')
    }
    for (const gateway of gateways)
      await until(async () => (await callOf(gateway, org)).code === 'credit_store_unavailable')
    for (const { client } of masters) await createStoreUser(client, PASSWORD)
    for (const gateway of gateways) {
      await until(async () => (await callOf(gateway, org)).status === 200, { timeoutMs: 120_000 })
      t.notMatch(gateway.log.join('\n'), PASSWORD)
      t.notMatch(gateway.log.join('\n'), /PRIVATE KEY/)
    }
    await exact(t, stage, org)
  },
)

const redis = redisConfig(cluster, PASSWORD)
const { file: ca = '', keyFile = '' } = cluster.options.tls ?? {}
const byAddress = cluster.seeds.map((seed) => seed.replace('localhost', '127.0.0.1'))
const stranger = makeCertificate('DNS:localhost')
const BAD_STARTS: readonly (readonly [
  what: string,
  redis: Readonly<Record<string, unknown>>,
  line: RegExp,
])[] = [
  [
    'a wrong password',
    { ...redis, password: 'wrong' },
    /^redis\.password: the Redis Cluster at \S+, .* does not take/,
  ],
  ['no password', { cluster: redis['cluster'], tls: redis['tls'] }, /^redis\.password: .* wants a password/],
  ['no authority', { ...redis, tls: true }, /^redis\.tls\.ca: .* from no known authority/],
  ['no certificate', { ...redis, tls: { ca } }, /^redis\.tls\.cert: .* does not take the certificate/],
  [
    'a strange certificate',
    { ...redis, tls: { ca, cert: stranger.file, key: stranger.keyFile } },
    /^redis\.tls\.cert: .* does not take the certificate/,
  ],
  ['another name', { ...redis, cluster: byAddress }, /^redis\.tls\.serverName: .* for another name/],
]
for (const [what, wrong, line] of BAD_STARTS)
  void t.test(`${what} ends the start at once, with the key that is wrong`, async (t) => {
    const start = startGateway({ upstreamUrl: origin.url, config: { redis: wrong } })
    const output = await start.then(
      async (gateway) => `it started, and ended with ${String(await gateway.stop())}`,
      (error: unknown) => String(error),
    )
    const [head, ...rest] = output.trimEnd().split('\n')
    t.equal(head, 'Error: the gateway exited with 1:')
    t.match(rest.join('\n'), line)
    t.equal(rest.length, 1, 'in one line')
    t.notMatch(output, PASSWORD)
  })

void t.test('nodes that are known by address, with the name that is in their certificates', async (t) => {
  const tls = { ca, cert: ca, key: keyFile, serverName: 'localhost' }
  const gateway = await stage.start({ redis: { ...redis, cluster: byAddress, tls } })
  const org = await stage.orgOn(two)
  await until(async () => (await callOf(gateway, org)).status === 200)
  t.pass('it serves')
})

/** Connections of this user on any node, but for those that only listen. */
async function askingAs(name: string): Promise<string[]> {
  const lists = await Promise.all(masters.map(({ client }) => client.client('LIST') as Promise<string>))
  return lists
    .flatMap((list) => list.split('\n'))
    .filter((line) => line.includes(` user=${name} `) && line.includes(' sub=0 '))
    .filter((line) => !line.includes(' name=ioredis-cluster(subscriber) '))
}

void t.test(
  'a reload exchanges the user under load, and back: no call fails, and all is told of',
  async (t) => {
    const credentials = (username: string, password: string) => (settings: Settings) =>
      void (settings['redis'] = { ...(settings['redis'] as object), username, password })
    const refusal = await changed(first, credentials('nobody', PASSWORD), REFUSED)
    t.match(refusal, /redis\.password: the store refuses these credentials: WRONGPASS/)
    const orgs = await Promise.all(masters.map((master) => stage.orgOn(master)))
    const load = startLoad(stage, orgs)
    const goesOn = async (): Promise<void> => {
      const soFar = load.outcomes.length
      await until(() => load.outcomes.length > soFar + 60)
    }
    for (const [before, after, password] of [
      ['tollgate', 'its-next', `${PASSWORD}-next`],
      ['its-next', 'tollgate', PASSWORD],
    ] as const) {
      await goesOn()
      for (const { client } of masters) await createStoreUser(client, password, USER_RULES, after)
      for (const gateway of gateways) await changed(gateway, credentials(after, password))
      await until(async () => (await askingAs(before)).length === 0, {
        what: `whoever asks is ${after}`,
        timeoutMs: 120_000,
      })
      for (const { client } of masters) await client.call('ACL', 'DELUSER', before)
      await goesOn()
    }
    await load.end()
    allServed(t, load.outcomes, 'all are answered')
    for (const org of orgs) {
      await exact(t, stage, org)
      await first.admin('PUT', `/v1/orgs/${org.id}/user-limits`, {
        enabled: true,
        default: 0,
        recipients: 'all',
      })
      await until(async () => (await callOf(first, org)).code === 'user_credit_limit_reached')
      await until(async () => (await queue.jobsOf(org.id)).length === 1, { what: 'its crossing is queued' })
    }
    t.strictSame(await refused(), [])
    for (const { log } of gateways) t.notMatch(log.join('\n'), PASSWORD)
  },
)

const changePassword = (gateway: TestGateway, password: string, outcome: string): Promise<string> =>
  changed(gateway, (settings) => void (settings['redis'] = { ...redis, password }), outcome)

void t.test('a reload exchanges the password, on every node and for what connects later', async (t) => {
  const orgs = await Promise.all(masters.map((master) => stage.orgOn(master, { limit: 0 })))
  for (const { client } of masters) await client.call('ACL', 'SETUSER', 'tollgate', '>next')
  const refusal = await changePassword(first, 'wrong', REFUSED)
  t.match(refusal, /redis\.password: the store refuses these credentials: WRONGPASS/)
  await changePassword(first, 'next', RELOADED)
  for (const { client } of masters) {
    await client.call('ACL', 'SETUSER', 'tollgate', `<${PASSWORD}`)
    await client.call('CLIENT', 'KILL', 'USER', 'tollgate')
  }
  for (const org of orgs) {
    await until(async () => (await callOf(first, org)).code === 'user_credit_limit_reached')
    await until(async () => (await queue.jobsOf(org.id)).length === 1, { what: 'its crossing is queued' })
  }
  t.notMatch(first.log.join('\n'), /next"|wrong"/)
})

void t.test('a user that may not run scripts is named at the start', async (t) => {
  for (const { client } of masters) await createStoreUser(client, PASSWORD, ['+cluster|slots', '+info'])
  const start = startGateway({ upstreamUrl: origin.url, config: { redis } })
  await t.rejects(start, { message: /exited with 1:\nredis\.username: .*tollgate\.acl.*NOPERM/ })
})
