/** Case 39 of public bug reports: admins who share a mailbox, and crossings that nobody could be told of. */
import t, { type Test } from 'tap'
import { createOrg, startGateway, type TestOrg } from '../support/gateway.ts'
import { chatAnswerAt, postChat, startOrigin } from '../support/origin.ts'
import { startReceiver } from '../support/receiver.ts'
import { startRedis } from '../support/redis.ts'
import { startSmtp } from '../support/smtp.ts'
import { until } from '../support/until.ts'

const redis = await startRedis()
const origin = await startOrigin()
const smtp = await startSmtp()
const gateway = await startGateway({
  redisUrl: redis.url,
  upstreamUrl: origin.url,
  config: {
    notifications: {
      smtp: { url: smtp.url, from: 'Tollgate <noreply@example.com>', startTls: 'optional' },
      allowTargets: ['127.0.0.1/32'],
    },
  },
})
t.teardown(async () => {
  await gateway.stop()
  await origin.stop()
  await smtp.stop()
  await redis.stop()
})

interface Notice {
  readonly id: string
  readonly deliveries: readonly {
    readonly channel: string
    readonly recipient: string
    readonly state: string
  }[]
}

async function put(org: TestOrg, user: string, email: string | null, role = 'admin'): Promise<void> {
  await gateway.admin('PUT', `/v1/orgs/${org.id}/members/${user}`, { email, name: user, role })
}

async function notices(org: TestOrg): Promise<readonly Notice[]> {
  return ((await gateway.admin('GET', `/v1/orgs/${org.id}/notifications`)) as { items: Notice[] }).items
}

/** States of the deliveries, once all of them are decided. */
async function settled(org: TestOrg, wanted: readonly string[]): Promise<readonly string[]> {
  let states: string[] = []
  await until(
    async () => {
      const { deliveries } = (await notices(org))[0] ?? { deliveries: [] }
      states = deliveries.map(({ channel, recipient, state }) => `${channel} ${recipient} ${state}`)
      return states.length === wanted.length && wanted.every((state) => states.includes(state))
    },
    { what: wanted.join() },
  )
  return states
}

/** An organization whose alert fires with the first call. */
async function crossed(org: TestOrg, user = 'ada'): Promise<void> {
  await gateway.admin('POST', `/v1/orgs/${org.id}/alerts`, {
    type: 'absolute',
    threshold: 1,
    recipients: 'all',
  })
  origin.answer = (_request, response) => chatAnswerAt(response, 1.5)
  await postChat(gateway.dataUrl, org.key)
  await org.usedWhenIdle(user)
}

const mailsTo = (...addresses: readonly string[]): readonly string[] =>
  smtp.mails.flatMap(({ to }) => to).filter((to) => addresses.some((address) => to.toLowerCase() === address))

const MAILBOXES: readonly (readonly [name: string, a: string, b: string, mails: number])[] = [
  ['the same address', 'ops1@example.com', 'ops1@example.com', 1],
  ['in another case', 'ops2@example.com', 'Ops2@Example.com', 1],
  ['another address', 'ops3@example.com', 'ops3+b@example.com', 2],
]

for (const [name, a, b, mails] of MAILBOXES) {
  void t.test(`case 39: two admins, ${name}: ${mails} mail`, async (t) => {
    const org = await createOrg(gateway)
    await put(org, 'first', a)
    await put(org, 'second', b)
    await crossed(org)
    const wanted = ['email first sent', ...(mails === 2 ? ['email second sent'] : [])]
    t.equal((await settled(org, wanted)).length, mails)
    t.equal(mailsTo(a.toLowerCase(), b.toLowerCase()).length, mails)
  })
}

void t.test(
  'case 39: the user who reached it shares a mailbox with an admin: one mail, the one for admins',
  async (t) => {
    const org = await createOrg(gateway)
    await put(org, 'boss', 'desk@example.com')
    await put(org, 'ada', 'desk@example.com', 'member')
    await gateway.admin('PUT', `/v1/orgs/${org.id}/user-alerts`, {
      enabled: true,
      threshold: 1,
      recipients: 'all',
      notifyUser: true,
    })
    origin.answer = (_request, response) => chatAnswerAt(response, 1.5)
    await postChat(gateway.dataUrl, org.key)
    t.same(await settled(org, ['email boss sent']), ['email boss sent'])
    t.equal(mailsTo('desk@example.com').length, 1)
  },
)

const SOMEBODY: readonly (readonly [
  name: string,
  before: (org: TestOrg) => Promise<void>,
  save: (org: TestOrg, t: Test) => Promise<void>,
  after: string,
])[] = [
  [
    'an admin gets an address',
    (org) => put(org, 'boss', null),
    (org) => put(org, 'boss', 'late1@example.com'),
    'email boss sent',
  ],
  [
    'somebody becomes an admin',
    () => Promise.resolve(),
    (org) => put(org, 'boss', 'late2@example.com'),
    'email boss sent',
  ],
  [
    'a member with an address is made admin',
    (org) => put(org, 'boss', 'late3@example.com', 'member'),
    (org) => put(org, 'boss', 'late3@example.com'),
    'email boss sent',
  ],
]

for (const [index, [name, before, save, after]] of SOMEBODY.entries()) {
  void t.test(`case 39: nobody can be told: the log says so, and it is sent once when ${name}`, async (t) => {
    const org = await createOrg(gateway)
    await before(org)
    await crossed(org)
    await until(
      async () => (await notices(org))[0]?.deliveries.some(({ state }) => state === 'no_recipients') === true,
    )
    await save(org, t)
    t.same(await settled(org, [after]), [after])
    t.equal((await notices(org)).length, 1)
    const address = `late${index + 1}@example.com`
    await put(org, 'boss', address)
    await put(org, 'other', `other${index}@example.com`)
    t.same(await settled(org, [after]), [after], 'what somebody heard of is not sent again')
    t.equal(mailsTo(address, `other${index}@example.com`).length, 1)
  })
}

void t.test('case 39: nobody can be told: it is sent when a webhook is there', async (t) => {
  const receiver = await startReceiver()
  receiver.answer = (response) => void response.writeHead(204).end()
  const org = await createOrg(gateway)
  await crossed(org)
  await until(async () => (await notices(org))[0]?.deliveries[0]?.state === 'no_recipients')
  await gateway.admin('POST', `/v1/orgs/${org.id}/channels`, { kind: 'webhook', url: receiver.url })
  await until(() => receiver.posts.length === 1, { what: 'the webhook is called' })
  t.match(receiver.posts[0]?.body, 'org.alert.crossed')
})
