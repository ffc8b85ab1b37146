/**
 * A gateway is killed (SIGKILL) at each step between a charge and an inbox (N1, N2). Where it stops is no matter of time: the
 * network to the store stands still in front of a script or behind it, or the mail server keeps its answer back.
 */
import { createHash } from 'node:crypto'
import t from 'tap'
import * as keys from '../../src/store/keys.ts'
import { scriptSource, type ScriptName } from '../../src/store/scripts.ts'
import { createOrg, startGateway, type TestGateway, type TestOrg } from '../support/gateway.ts'
import { startHaltingProxy, type HaltingProxy } from '../support/halting-proxy.ts'
import { openClient } from '../support/ledger.ts'
import { chatAnswer, postChat, startOrigin } from '../support/origin.ts'
import { watchQueue } from '../support/queues.ts'
import { startRedis } from '../support/redis.ts'
import { startSmtp } from '../support/smtp.ts'
import { until } from '../support/until.ts'

const redis = await startRedis()
const store = await openClient({ url: redis.url })
const origin = await startOrigin()
const smtp = await startSmtp()
const crossings = watchQueue({ url: redis.url })
const deliveries = watchQueue({ url: redis.url }, 'tollgate-deliveries')
/** 1.2 credits a call. */
origin.answer = (_request, response) =>
  chatAnswer(response, { prompt_tokens: 200, completion_tokens: 100, total_tokens: 300 })
const notifications = {
  smtp: { url: smtp.url, from: 'Tollgate <noreply@example.com>' },
  backoffSeconds: 0.05,
  maxBackoffSeconds: 0.2,
  sweepSeconds: 1,
  lockSeconds: 1,
}
/** Serves the admin plane, and neither relays nor delivers what it did not cross itself. */
const desk = await startGateway({
  redisUrl: redis.url,
  upstreamUrl: origin.url,
  config: { notifications: { ...notifications, deliver: false, sweepSeconds: 3_600 } },
})
await until(async () => (await store.get(keys.OUTBOX_SWEEP)) === '0', { what: 'its only sweep is over' })
await store.del(keys.OUTBOX_SWEEP)

const SCRIPTS = ['settle', 'open-notices', 'relayed', 'plan-deliveries', 'log-delivery'] as const
const sha1 = (name: ScriptName): string => createHash('sha1').update(scriptSource(name)).digest('hex')
/** The server knows the scripts, so that what is met on the way is the script and not the question for it. */
for (const name of SCRIPTS) await store.script('LOAD', scriptSource(name))

interface Node {
  readonly gateway: TestGateway
  readonly proxy: HaltingProxy
}

/** A gateway with a network of its own. Each is killed in its turn, and the next one finds what it left. */
async function start(): Promise<Node> {
  const proxy = await startHaltingProxy(redis.port)
  const gateway = await startGateway({
    redisUrl: `redis://127.0.0.1:${proxy.port}`,
    upstreamUrl: origin.url,
    config: { leaseSeconds: 1, notifications },
  })
  return { gateway, proxy }
}
let node = await start()
t.teardown(async () => {
  await node.gateway.kill()
  await node.proxy.stop()
  await desk.stop()
  for (const watched of [crossings, deliveries]) await watched.close()
  store.disconnect()
  await smtp.stop()
  await origin.stop()
  await redis.stop()
})

/** Resolves when the gateway stands still there. */
type Halt = () => Promise<void>
const script =
  (name: (typeof SCRIPTS)[number], when: 'before' | 'after'): Halt =>
  () =>
    node.proxy.haltAt(sha1(name), when)

/** The mail server has the whole mail, and says nothing until the gateway is gone. */
const mail: Halt = () =>
  new Promise((resolve) => {
    smtp.answer = async () => {
      smtp.answer = () => undefined
      resolve()
      await until(() => node.gateway.process.signalCode !== null)
    }
  })

const STEPS: readonly (readonly [string, Halt, number])[] = [
  ['when the crossing is recorded, and nobody was told so', script('settle', 'after'), 1],
  ['before the log has it', script('open-notices', 'before'), 1],
  ['when the log has it, and no queue', script('open-notices', 'after'), 1],
  ['when the queue has it, and the outbox too', script('relayed', 'before'), 1],
  ['when it has left the outbox', script('relayed', 'after'), 1],
  ['before it was decided who is told', script('plan-deliveries', 'before'), 1],
  ['when that was decided, and nothing queued', script('plan-deliveries', 'after'), 1],
  ['when the mail server has the mail, and has not said so', mail, 2],
  ['when the mail was taken, and not logged', script('log-delivery', 'before'), 2],
  ['when it was logged, and its job is not done', script('log-delivery', 'after'), 1],
]

const inLine = (): Promise<number> => deliveries.queue.getJobCountByTypes('waiting', 'active', 'delayed')

async function isSent(org: TestOrg): Promise<boolean> {
  const page = (await desk.admin('GET', `/v1/orgs/${org.id}/notifications?state=sent`)) as {
    items: unknown[]
  }
  return page.items.length === 1 && (await inLine()) === 0 && (await store.xlen(keys.outbox(org.id))) === 0
}

for (const [what, halt, mails] of STEPS) {
  void t.test(`N1, N2: killed ${what}: one job, ${mails === 1 ? 'one mail' : 'a repeat'}`, async (t) => {
    const org = await createOrg(desk, { limit: 1 })
    const email = `grace@${org.id}.example`
    await desk.admin('PUT', `/v1/orgs/${org.id}/members/grace`, { role: 'admin', email, name: 'Grace' })
    const halted = halt()
    void postChat(node.gateway.dataUrl, org.key).catch(() => null)
    await halted
    await node.gateway.kill()
    await node.proxy.stop()
    node = await start()
    await until(() => isSent(org), { what: 'the next gateway has told them' })
    const [job, ...others] = await crossings.jobsOf(org.id)
    t.strictSame(others, [])
    t.equal((await crossings.added()).filter((id) => id === job?.id).length, 1, 'put into the queue once')
    const received = smtp.mails.filter(({ to }) => to.includes(email))
    t.equal(received.length, mails)
    t.equal(new Set(received.map(({ parsed }) => parsed.messageId)).size, 1, 'under one Message-ID')
  })
}
