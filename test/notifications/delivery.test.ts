/** From a charge to somebody's inbox, through gateways as processes, a real Redis and a real mail server. */
import t from 'tap'
import { createOrg, startGateway, type TestOrg } from '../support/gateway.ts'
import { chatAnswer, postChat, startOrigin } from '../support/origin.ts'
import { watchQueue } from '../support/queues.ts'
import { startRedis } from '../support/redis.ts'
import { smtpError, startSmtp, type ReceivedMail } from '../support/smtp.ts'
import { until } from '../support/until.ts'

const redis = await startRedis()
const origin = await startOrigin()
const smtp = await startSmtp()
const watched = watchQueue({ url: redis.url })
/** 1.2 credits a call. */
const USAGE = { prompt_tokens: 200, completion_tokens: 100, total_tokens: 300 }
origin.answer = (_request, response) => chatAnswer(response, USAGE)

const config = {
  notifications: {
    smtp: { url: smtp.url, from: 'Tollgate <noreply@example.com>' },
    attempts: 4,
    backoffSeconds: 0.05,
    maxBackoffSeconds: 0.2,
    perSecond: 1_000,
    sweepSeconds: 1,
    lockSeconds: 1,
  },
}
const start = () => startGateway({ redisUrl: redis.url, upstreamUrl: origin.url, config })
const gateways = await Promise.all([start(), start()])
const [gateway] = gateways
t.teardown(async () => {
  await Promise.all(gateways.map((one) => one.stop()))
  await watched.close()
  await smtp.stop()
  await origin.stop()
  await redis.stop()
})

interface Member {
  readonly role: 'admin' | 'member'
  readonly email: string | null
}

async function addMembers(org: TestOrg, members: Readonly<Record<string, Member>>): Promise<void> {
  for (const [user, member] of Object.entries(members))
    await gateway.admin('PUT', `/v1/orgs/${org.id}/members/${user}`, { ...member, name: `Name of ${user}` })
}

const admin = (user: string): Member => ({ role: 'admin', email: `${user}@example.com` })
const member = (user: string): Member => ({ role: 'member', email: `${user}@example.com` })

async function setUserAlert(
  org: TestOrg,
  threshold: number,
  fields: { readonly recipients?: unknown; readonly notifyUser?: boolean } = {},
): Promise<void> {
  const settings = { enabled: true, threshold, recipients: 'all', notifyUser: false, ...fields }
  await gateway.admin('PUT', `/v1/orgs/${org.id}/user-alerts`, settings)
}

/** The id that an alert of an absolute threshold gets. */
async function addOrgAlert(org: TestOrg, threshold: number, recipients: unknown): Promise<string> {
  const body = { type: 'absolute', threshold, recipients }
  return ((await gateway.admin('POST', `/v1/orgs/${org.id}/alerts`, body)) as { id: string }).id
}

async function call(key: string, user: string, through = gateway): Promise<number> {
  const response = await postChat(through.dataUrl, key, undefined, { headers: { 'x-tollgate-user': user } })
  await response.arrayBuffer()
  return response.status
}

const appKey = (org: TestOrg): Promise<string> => org.createKey({ name: 'app', app: true, user: null })

/** "what happened to whom > who was told", for every mail that the org's crossings led to. */
async function told(org: TestOrg): Promise<string[]> {
  const crossings = new Map((await watched.jobsOf(org.id)).map(({ data }) => [data.id, data]))
  return smtp.mails
    .flatMap((mail) => {
      const crossing = crossings.get(crossingIdOf(mail))
      if (crossing === undefined) return []
      return mail.to.map((to) => `${crossing.type} ${crossing.alert ?? crossing.user ?? ''} > ${to}`)
    })
    .sort()
}

function crossingIdOf({ parsed }: ReceivedMail): string {
  const id = parsed.headers.get('x-tollgate-crossing')
  return typeof id === 'string' ? id : ''
}

void t.test(
  'O7, U3, L4: 50 users race over thresholds through two gateways: exactly those mails, to exactly those people',
  async (t) => {
    const org = await createOrg(gateway, { limit: 3 })
    const racers = Array.from({ length: 50 }, (_, i) => `racer-${i}`)
    await addMembers(org, {
      grace: admin('grace'),
      heidi: admin('heidi'),
      ivan: { role: 'admin', email: null },
      judy: admin('judy'),
      ...Object.fromEntries(racers.map((user) => [user, member(user)])),
    })
    await setUserAlert(org, 2, { notifyUser: true })
    await gateway.admin('PUT', `/v1/orgs/${org.id}/user-limits`, {
      enabled: true,
      default: 3,
      recipients: ['grace', 'judy'],
    })
    // Who stops being an admin after the save gets nothing.
    await addMembers(org, { judy: member('judy') })
    const low = await addOrgAlert(org, 1, 'all')
    const high = await addOrgAlert(org, 150, ['heidi'])
    await addOrgAlert(org, 1_000, 'all')
    const key = await appKey(org)
    await Promise.all(
      racers.map(async (user, i) => {
        for (let n = i; (await call(key, user, gateways[n % 2])) !== 402; n += 1);
      }),
    )
    const expected = [
      `org.alert.crossed ${low} > grace@example.com`,
      `org.alert.crossed ${low} > heidi@example.com`,
      `org.alert.crossed ${high} > heidi@example.com`,
      ...racers.flatMap((user) => [
        `user.alert.crossed ${user} > grace@example.com`,
        `user.alert.crossed ${user} > heidi@example.com`,
        `user.alert.crossed ${user} > ${user}@example.com`,
        `user.limit.reached ${user} > grace@example.com`,
      ]),
    ].sort()
    await until(async () => (await told(org)).length >= expected.length, {
      timeoutMs: 120_000,
      what: 'all mails',
    })
    await until(async () => (await watched.queue.getActiveCount()) === 0)
    t.strictSame(await told(org), expected)
    const ids = (await watched.jobsOf(org.id)).map(({ id }) => id)
    t.equal(new Set(ids).size, 102, 'every crossing is one job')
    t.equal(await gateway.metric('tollgate_outbox_lag_seconds'), 0)
  },
)

void t.test(
  'a mail server that refuses for now is tried again; one that refuses for good is not',
  async (t) => {
    const org = await createOrg(gateway, { limit: null })
    await addMembers(org, { grace: admin('grace'), mallory: admin('mallory') })
    await setUserAlert(org, 1)
    const attempts: string[] = []
    smtp.answer = ({ to, parsed }) => {
      attempts.push(`${to.join()} ${parsed.messageId ?? ''}`)
      if (to.includes('mallory@example.com')) throw smtpError(550, 'no such mailbox')
      if (attempts.filter((one) => one.startsWith('grace')).length < 3) throw smtpError(450, 'try later')
    }
    t.equal(await call(await appKey(org), 'ada'), 200)
    await until(async () => (await told(org)).length === 1)
    await until(() => attempts.length === 4)
    smtp.answer = () => undefined
    t.equal(
      new Set(attempts.filter((one) => one.startsWith('grace'))).size,
      1,
      'repeats bear the same Message-ID',
    )
    t.equal(attempts.filter((one) => one.startsWith('mallory')).length, 1)
  },
)

interface Shown {
  readonly id: string
  readonly deliveries: readonly Record<string, unknown>[]
}

async function shown(org: TestOrg, query = ''): Promise<readonly Shown[]> {
  const page = (await gateway.admin('GET', `/v1/orgs/${org.id}/notifications${query}`)) as { items: Shown[] }
  return page.items
}

void t.test(
  'N4: the log shows each delivery; what was parked is sent again, once, and audited',
  async (t) => {
    const org = await createOrg(gateway, { limit: null })
    await addMembers(org, { grace: admin('grace'), ivan: { role: 'admin', email: null } })
    await setUserAlert(org, 1)
    smtp.answer = () => {
      throw smtpError(450, 'try later')
    }
    t.equal(await call(await appKey(org), 'ada'), 200)
    await until(async () => (await shown(org, '?state=parked')).length === 1)
    const [parked] = await shown(org)
    t.match(parked, {
      type: 'user.alert.crossed',
      user: 'ada',
      mark: 1,
      used: 1.2,
      deliveries: [
        { channel: 'email', recipient: 'grace', state: 'parked', attempts: 4, error: /450|try later/ },
        {
          channel: 'email',
          recipient: 'ivan',
          state: 'no_recipients',
          attempts: 0,
          error: 'no e-mail address',
        },
      ],
    })
    t.strictSame(await shown(org, '?state=sent'), [])
    t.equal((await shown(org, '?state=no_recipients&type=user.alert.crossed')).length, 1)
    t.strictSame(await shown(org, '?type=user.limit.reached'), [])

    smtp.answer = () => undefined
    await addMembers(org, { ivan: admin('ivan') })
    const path = `/v1/orgs/${org.id}/notifications/${parked?.id ?? ''}`
    await gateway.admin('POST', `${path}/redeliver`)
    await until(async () => (await told(org)).length === 2)
    t.strictSame(await told(org), [
      'user.alert.crossed ada > grace@example.com',
      'user.alert.crossed ada > ivan@example.com',
    ])
    await until(async () => (await shown(org, '?state=sent')).length === 1)
    await until(async () => (await shown(org, '?state=queued')).length === 0)
    t.match(await gateway.admin('GET', path), {
      deliveries: [{ state: 'sent', attempts: 1 }, { state: 'sent' }],
    })
    const again = await gateway.admin('POST', `${path}/redeliver`).catch((error: unknown) => String(error))
    t.match(again, / 409 .*nothing_to_redeliver/)
    t.match(await gateway.admin('GET', `/v1/orgs/${org.id}/audit?action=notification.redeliver`), {
      items: [{ actor: 'operator', target: parked?.id, before: { parked: 1, no_recipients: 1 } }],
    })
    const counted = await Promise.all(
      gateways.map((one) => one.metric('tollgate_notifications_total{channel="email",state="parked"}')),
    )
    t.ok(counted.reduce((sum, count) => sum + count) >= 1)
  },
)

void t.test(
  'O7, U3: recipients are looked up at each attempt: who is none any more gets nothing, a new address is used',
  async (t) => {
    const org = await createOrg(gateway, { limit: null })
    await addMembers(org, {
      ada: member('ada'),
      grace: admin('grace'),
      heidi: admin('heidi'),
      ivan: admin('ivan'),
    })
    await setUserAlert(org, 1, { notifyUser: true })
    const moved = { role: 'admin', email: 'heidi@elsewhere.example' } as const
    const meanwhile: Readonly<Record<string, () => Promise<unknown>>> = {
      'ada@example.com': () => setUserAlert(org, 1, { notifyUser: false }),
      'grace@example.com': () => addMembers(org, { grace: member('grace') }),
      'heidi@example.com': () => addMembers(org, { heidi: moved }),
      'ivan@example.com': () => gateway.admin('DELETE', `/v1/orgs/${org.id}/members/ivan`),
    }
    const tried: string[] = []
    smtp.answer = async ({ to, parsed }) => {
      tried.push(`${to.join()} ${parsed.messageId ?? ''}`)
      const change = meanwhile[to.join()]
      if (change === undefined) return
      await change()
      throw smtpError(450, 'try later')
    }
    t.teardown(() => (smtp.answer = () => undefined))
    t.equal(await call(await appKey(org), 'ada'), 200)
    await until(async () => (await shown(org, '?state=sent')).length === 1)
    await until(async () => (await shown(org, '?state=failed')).length === 0)
    t.match(await shown(org), [
      {
        deliveries: [
          { recipient: 'ada', state: 'no_recipients', error: 'no longer a recipient' },
          { recipient: 'grace', state: 'no_recipients', error: 'no longer a recipient' },
          { recipient: 'heidi', state: 'sent', attempts: 2 },
          { recipient: 'ivan', state: 'no_recipients', error: 'no longer a recipient' },
        ],
      },
    ])
    t.strictSame(await told(org), ['user.alert.crossed ada > heidi@elsewhere.example'])
    t.equal(tried.length, 5, 'nobody was written to again but heidi')
    t.equal(new Set(tried.filter((one) => one.startsWith('heidi')).map((one) => one.split(' ')[1])).size, 1)
  },
)

void t.test('O7: nobody is an admin any more: logged as no_recipients', async (t) => {
  const org = await createOrg(gateway, { limit: null })
  await setUserAlert(org, 1)
  t.equal(await call(await appKey(org), 'ada'), 200)
  await until(async () => (await shown(org, '?state=no_recipients')).length === 1)
  t.match(await shown(org), [{ deliveries: [{ channel: 'email', recipient: null, state: 'no_recipients' }] }])
})
