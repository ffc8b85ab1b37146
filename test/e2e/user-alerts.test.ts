/** U1–U5 and L9: the alert on every user's usage, saved over the admin API, crossed by calls through a running gateway. */
import t from 'tap'
import type { TestOrg } from '../support/gateway.ts'
import { openSettings } from '../support/settings.ts'

const { save, saved, use, crossings, org: newOrg, member } = await openSettings()

async function fired(org: TestOrg): Promise<string[]> {
  const seen = await crossings(org)
  return seen
    .filter(({ type }) => type === 'user.alert.crossed')
    .map(({ user, threshold }) => `${user ?? ''} ${Number(threshold) / 1e6}`)
}

/** An organization with `bob`, too, and what he calls with. */
async function twoUsers(): Promise<{ org: TestOrg; bob: { key: string; user: string } }> {
  const org = await newOrg({ allowance: 1_000 })
  await member(org, 'bob', 'member')
  return { org, bob: { user: 'bob', key: await org.createKey({ name: 'k', user: 'bob' }) } }
}

void t.test(
  'U1: one switch and one threshold of at least 1 credit, saved whole; wrong ones are named',
  async (t) => {
    const org = await newOrg()
    t.match(await saved(org, 'GET', '/user-alerts'), { enabled: false, threshold: 500, recipients: 'all' })
    for (const [body, field] of [
      [{ enabled: true }, 'threshold'],
      [{ enabled: true, threshold: 0 }, 'threshold'],
      [{ enabled: true, threshold: 1.5 }, 'threshold'],
      [{ threshold: 5 }, 'enabled'],
      [{ enabled: true, threshold: 5, notifyUser: 'yes' }, 'notifyUser'],
      [{ enabled: true, threshold: 5, recipients: [] }, 'recipients'],
    ] as const)
      t.match((await save(org, 'PUT', '/user-alerts', body)).body, { status: 400, errors: [{ field }] })
    const whole = { enabled: true, threshold: 7, recipients: 'all', notifyUser: true }
    t.same(await saved(org, 'PUT', '/user-alerts', whole), whole)
    t.same(await saved(org, 'GET', '/user-alerts'), whole)
  },
)

void t.test('U2: fires when a user first reaches it, once per user and period', async (t) => {
  const { org, bob } = await twoUsers()
  await saved(org, 'PUT', '/user-alerts', { enabled: true, threshold: 5 })
  await use(org, 4.99)
  t.same(await fired(org), [])
  await use(org, 0.01)
  await use(org, 20)
  t.same(await fired(org), ['ada 5'])
  await use(org, 6, bob)
  t.same(await fired(org), ['ada 5', 'bob 5'])
  t.match((await crossings(org))[0], { used: '5000000', mark: '5000000', version: '2' })
})

void t.test('U3: recipients are admins when it is saved; the user can be told, too', async (t) => {
  const { org } = await twoUsers()
  const body = { enabled: true, threshold: 5, recipients: ['bob'], notifyUser: true }
  const refused = await save(org, 'PUT', '/user-alerts', body)
  t.match(refused.body, { status: 422, code: 'not_an_admin', errors: [{ field: 'recipients.0' }] })
  await member(org, 'bob', 'admin')
  t.match(await saved(org, 'PUT', '/user-alerts', body), { recipients: ['bob'], notifyUser: true })
})

void t.test(
  'U4: another threshold arms it for everybody and sends no burst: who is past it is told of at the next charge',
  async (t) => {
    const { org, bob } = await twoUsers()
    await saved(org, 'PUT', '/user-alerts', { enabled: true, threshold: 5 })
    await use(org, 6)
    await use(org, 6, bob)
    t.same(await fired(org), ['ada 5', 'bob 5'])
    await saved(org, 'PUT', '/user-alerts', { enabled: true, threshold: 4 })
    t.same(await fired(org), ['ada 5', 'bob 5'], 'no burst')
    await use(org, 0.01)
    t.same(await fired(org), ['ada 5', 'bob 5', 'ada 4'])
    await saved(org, 'PUT', '/user-alerts', { enabled: false, threshold: 4 })
    await use(org, 0.01, bob)
    t.same(await fired(org), ['ada 5', 'bob 5', 'ada 4'], 'switched off')
    await saved(org, 'PUT', '/user-alerts', { enabled: true, threshold: 4, notifyUser: true })
    await use(org, 0.01)
    t.same(await fired(org), ['ada 5', 'bob 5', 'ada 4'], 'off and on again arms nothing')
    await use(org, 0.01, bob)
    t.same(await fired(org), ['ada 5', 'bob 5', 'ada 4', 'bob 4'], 'who had not fired is told of now')
  },
)

void t.test(
  'U5: all usage counts, whatever its source and the exclusions of the limit; nothing is blocked',
  async (t) => {
    const org = await newOrg({ allowance: 1_000 })
    const key = await org.createKey({
      name: 'k',
      user: 'ada',
      sources: ['workflow', 'agent_deployment', 'chat'],
    })
    const exclude = { workflow: true, agent_deployment: true }
    await saved(org, 'PUT', '/user-limits', { enabled: true, default: 100, exclude })
    await saved(org, 'PUT', '/user-alerts', { enabled: true, threshold: 6 })
    await use(org, 2, { key, source: 'workflow' })
    await use(org, 2, { key, source: 'agent_deployment' })
    t.same(await fired(org), [])
    await use(org, 2, { key, source: 'chat' })
    t.same(await fired(org), ['ada 6'])
    for (let call = 0; call < 3; call += 1) await use(org, 10, { key, source: 'workflow' })
    t.same(await fired(org), ['ada 6'])
  },
)

void t.test(
  'L9: one charge may fire all three; a panel that is switched off keeps its settings',
  async (t) => {
    const org = await newOrg({ allowance: 10 })
    await saved(org, 'POST', '/alerts', { type: 'percentage', threshold: 50 })
    const alerts = { enabled: true, threshold: 5, recipients: 'all', notifyUser: false }
    await saved(org, 'PUT', '/user-alerts', alerts)
    const limits = await saved(org, 'PUT', '/user-limits', {
      enabled: true,
      default: 5,
      exclude: { workflow: true },
      explanation: { text: 'Ask the team.' },
    })
    await use(org, 5)
    t.same(
      (await crossings(org)).map(({ type }) => type),
      ['org.alert.crossed', 'user.alert.crossed', 'user.limit.reached'],
    )
    await saved(org, 'PUT', '/user-limits', { ...limits, enabled: false })
    await saved(org, 'PUT', '/user-alerts', { ...alerts, enabled: false })
    t.same(await saved(org, 'GET', '/user-limits'), { ...limits, enabled: false })
    t.same(await saved(org, 'GET', '/user-alerts'), { ...alerts, enabled: false })
    await use(org, 5)
    t.equal((await crossings(org)).length, 3, 'dormant: nobody is blocked, nothing fires')
    await saved(org, 'PUT', '/user-limits', limits)
    t.equal((await org.user()).exceeding, true)
  },
)
