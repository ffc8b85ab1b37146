/**
 * Slots move while calls flow. Whoever asks the wrong node is redirected (MOVED, ASK); a script of several keys has no node while
 * some of them are here and others there (TRYAGAIN), and waits for as long as the patience lasts. Nothing is lost or doubled.
 */
import t from 'tap'
import { slotOf } from '../../src/store/cluster-slot.ts'
import {
  allServed,
  exact,
  openClusterStage,
  redisConfig,
  refusals,
  silences,
  startLoad,
} from '../support/cluster-load.ts'
import type { TestOrg } from '../support/gateway.ts'
import { errorReplies, moveSlot } from '../support/redis-cluster.ts'
import { until } from '../support/until.ts'

const stage = await openClusterStage(2)
const { cluster } = stage
const masters = await cluster.masters()
const [one, two, three] = masters
if (one === undefined || two === undefined || three === undefined) throw new Error('three masters')
t.setTimeout(180_000)
t.teardown(() => stage.stop())

const errors = (code: Parameters<typeof errorReplies>[1]): Promise<number> => errorReplies(masters, code)

async function load(orgs: readonly TestOrg[]): Promise<ReturnType<typeof startLoad>> {
  const running = startLoad(stage, orgs)
  await until(() => orgs.every((org) => running.count(org, 200) > 30))
  return running
}

void t.test('slots move to and fro under load: every call is answered 200, and charged once', async (t) => {
  const org = await stage.orgOn(one)
  const bystander = await stage.orgOn(two)
  const slot = slotOf(org.id)
  const running = await load([org, bystander])
  const before = { moved: await errors('MOVED'), down: refusals(stage) }
  const ring = [one, two, three] as const
  for (let round = 0; round < 9; round += 1) {
    const [from = one, to = two] = [ring[round % 3], ring[(round + 1) % 3]]
    const moved = await moveSlot(cluster, slot, { from, to })
    t.ok(moved > 5, `${moved} keys have moved`)
    const soFar = running.count(org, 200)
    await until(() => running.count(org, 200) > soFar + 30)
  }
  await running.end()
  for (const which of [org, bystander]) {
    const calls = running.outcomes.filter((o) => o.org === which)
    allServed(t, calls, which.id)
    await exact(t, stage, which)
  }
  t.ok((await errors('MOVED')) > before.moved, 'calls were redirected')
  t.ok((await errors('TRYAGAIN')) > 0, 'calls came while the slot moved')
  t.equal(await errors('CROSSSLOT'), 0)
  t.equal(refusals(stage), before.down, 'no server counted as down for it')
})

void t.test(
  'D1: a slot that stays halfway: its own organization waits, or gets 503 without patience; then all goes on',
  async (t) => {
    const impatient = await stage.start({ redis: { ...redisConfig(cluster), patienceSeconds: 0 } })
    const org = await stage.orgOn(one)
    // On the same two nodes.
    const neighbours = [await stage.orgOn(one), await stage.orgOn(two)]
    const running = await load([org, ...neighbours])
    const [down, silent, ask] = [refusals(stage), silences(stage), await errors('ASK')]
    await moveSlot(cluster, slotOf(org.id), {
      from: one,
      to: two,
      halfway: () => until(() => running.count(org, 503) > 10, { timeoutMs: 120_000 }),
    })
    const soFar = running.count(org, 200)
    await until(() => running.count(org, 200) > soFar + 50)
    await running.end()
    for (const neighbour of neighbours) {
      // Without patience a node that is silent for a moment, as on a busy machine, is noticed by whoever calls then.
      const noneWasSilent = silences(stage) === silent
      const calls = running.outcomes.filter(
        (o) => o.org === neighbour && (noneWasSilent || o.gateway !== impatient),
      )
      const what = 'its neighbours on both nodes notice nothing'
      allServed(t, calls, what)
    }
    const refused = running.outcomes.filter((o) => o.org === org && o.status !== 200)
    t.strictSame([...new Set(refused.map(({ code }) => code))], ['credit_store_unavailable'])
    t.ok(
      refused.every(({ gateway }) => gateway === impatient),
      'whoever waits is served',
    )
    const longest = Math.max(...refused.map(({ ms }) => ms))
    t.comment(`a call waited for ${Math.round(longest)} ms at most before its 503`)
    t.ok((await errors('ASK')) > ask, 'single keys were asked for at the other node')
    t.equal(refusals(stage), down, 'no server counted as down for it')
    for (const which of [org, ...neighbours]) await exact(t, stage, which)
  },
)

void t.test('NOSCRIPT on the new node: the scripts are sent again', async (t) => {
  const org = await stage.orgOn(two)
  const running = await load([org])
  await three.client.script('FLUSH')
  await moveSlot(cluster, slotOf(org.id), { from: two, to: three })
  const soFar = running.count(org, 200)
  await until(() => running.count(org, 200) > soFar + 50)
  await running.end()
  allServed(t, running.outcomes, 'all are answered')
  await exact(t, stage, org)
})
