/**
 * A replica takes a master's place while calls flow. What a failover can lose is what the master had acknowledged and the replica
 * had not yet: holds and charges of that moment. A charge is never doubled, and limits are enforced by what is there.
 */
import t from 'tap'
import {
  allServed,
  callOf,
  exact,
  openClusterStage,
  redisConfig,
  startLoad,
} from '../support/cluster-load.ts'
import { until } from '../support/until.ts'

const stage = await openClusterStage(2)
const { cluster, gateways } = stage
t.setTimeout(180_000)
t.teardown(() => stage.stop())
const [master] = await cluster.masters()
if (master === undefined) throw new Error('three masters')
const replica = await cluster.replicaOf(master)

void t.test('CLUSTER FAILOVER, as planned: no call fails, and nothing is lost', async (t) => {
  const org = await stage.orgOn(master)
  const load = startLoad(stage, [org])
  await until(() => load.count(org, 200) > 100)
  await replica.client.cluster('FAILOVER')
  await until(async () => (await cluster.masterOf(org.id)) === replica)
  const soFar = load.count(org, 200)
  await until(() => load.count(org, 200) > soFar + 200)
  await load.end()
  allServed(t, load.outcomes, 'all are answered')
  await exact(t, stage, org)
})

void t.test(
  'D1: SIGKILL of a master: its calls wait until the replica is in its place; 503 only from a gateway without patience',
  async (t) => {
    const impatient = await stage.start({ redis: { ...redisConfig(cluster), patienceSeconds: 0 } })
    await cluster.settled()
    const org = await stage.orgOn(replica)
    const [other] = (await cluster.masters()).filter((node) => node !== replica)
    if (other === undefined) throw new Error('another master')
    const bystander = await stage.orgOn(other)
    const load = startLoad(stage, [org, bystander])
    await until(() => load.count(org, 200) > 100 && load.count(bystander, 200) > 100)
    await replica.kill()
    await until(() => load.count(org, 503) > 0)
    await until(async () => (await cluster.masterOf(org.id)) === master, { timeoutMs: 15_000 })
    for (const gateway of gateways)
      await until(async () => (await callOf(gateway, org)).status === 200, { timeoutMs: 10_000 })
    const soFar = load.count(org, 200)
    await until(() => load.count(org, 200) > soFar + 100)
    await replica.restart()
    await load.end()
    await cluster.settled()

    const [waited, refused] = [
      load.outcomes.filter((one) => one.org === org && one.gateway !== impatient),
      load.outcomes.filter((one) => one.org === org && one.gateway === impatient),
    ]
    allServed(t, waited, 'whoever waits is served')
    t.strictSame([...new Set(refused.map(({ status }) => status))].sort(), [200, 503])
    allServed(
      t,
      load.outcomes.filter((one) => one.org === bystander),
      'the organizations of the other masters are served all the time',
    )
    await exact(t, stage, bystander)
    // A charge is lost where its settle, or the hold of a gateway that had settled, was not replicated: of these calls, at most.
    const underWay = 2 * gateways.length
    const [charged, served] = [await stage.charged(org), stage.served(org)]
    t.comment(`served ${served}, charged ${charged}`)
    t.ok(charged <= served, 'nothing is charged twice')
    t.ok(charged >= served - underWay, 'what is lost is bounded by what was under way')
    for (const gateway of gateways)
      await until(async () => (await gateway.metric('tollgate_store_up')) === 1, {
        what: 'the store is whole',
      })
  },
)

void t.test('L3: limits are enforced after it', async (t) => {
  const org = await stage.orgOn(master, { limit: 1 })
  for (let i = 0; i < 9; i += 1) {
    t.equal((await callOf(gateways[i % 2] ?? never(), org)).status, 200)
    await org.usedWhenIdle()
  }
  for (const gateway of gateways) t.equal((await callOf(gateway, org)).status, 402)
  await exact(t, stage, org)
})

function never(): never {
  throw new Error('no gateway')
}
