/** D1 on a cluster: one of three masters is gone and nobody takes its place: whose keys it has get 503, and nobody else. */
import t from 'tap'
import { allServed, callOf, exact, openClusterStage, startLoad } from '../support/cluster-load.ts'
import type { TestGateway, TestOrg } from '../support/gateway.ts'
import { until } from '../support/until.ts'

const stage = await openClusterStage(2, { patienceSeconds: 2 })
const { cluster, gateways } = stage
const masters = await cluster.masters()
const [lost] = masters
if (lost === undefined) throw new Error('three masters')
t.setTimeout(180_000)
t.teardown(() => stage.stop())

const orgs: TestOrg[] = []
for (const master of masters) orgs.push(await stage.orgOn(master))
const [hit, ...others] = orgs
if (hit === undefined) throw new Error('three organizations')

const readiness = async (gateway: TestGateway): Promise<unknown> =>
  (await fetch(`${gateway.adminUrl}/readyz`)).json()
const READY = { status: 'ready' }

/** Each gateway has looked every key up. */
async function warm(): Promise<void> {
  for (const gateway of gateways)
    for (const org of orgs)
      await until(async () => (await callOf(gateway, org)).status === 200, { timeoutMs: 15_000 })
}

interface Loss {
  readonly what: string
  readonly begin: () => unknown
  readonly end: () => unknown
}

const losses: readonly Loss[] = [
  {
    what: 'hangs',
    begin: () => {
      lost.freeze()
    },
    end: () => {
      lost.thaw()
    },
  },
  { what: 'is killed', begin: () => lost.kill(), end: () => lost.restart() },
]

// Without its replica, it is not replaced.
await (await cluster.replicaOf(lost)).kill()

for (const { what, begin, end } of losses) {
  void t.test(`D1: a master ${what}: its organizations get 503, the others are served`, async (t) => {
    await warm()
    await begin()
    for (const gateway of gateways)
      await until(async () => (await callOf(gateway, hit)).status === 503, { what: 'it is found' })
    const load = startLoad(stage, orgs)
    await until(() => others.every((org) => load.count(org, 200) > 150), { timeoutMs: 120_000 })
    // What Redis itself does after its time-out (CLUSTERDOWN for the lost slots) must not spread either.
    const [survivor] = others.map((org) => cluster.masterOf(org.id))
    const node = await survivor
    await until(async () => String(await node?.client.cluster('NODES')).includes(' master,fail '), {
      what: 'the cluster has given the master up',
    })
    const soFar = load.outcomes.length
    await until(() => load.outcomes.length > soFar + 300, { timeoutMs: 120_000 })
    for (const gateway of gateways) {
      t.strictSame(await readiness(gateway), READY, 'it serves the others, so it stays in the load balancer')
      t.equal(await gateway.metric('tollgate_store_up'), 0, 'and says that its store is not whole')
    }
    await load.end()
    for (const org of others)
      allServed(
        t,
        load.outcomes.filter((one) => one.org === org),
        `${org.id} is served`,
      )
    const refused = load.outcomes.filter(({ org }) => org === hit)
    t.strictSame([...new Set(refused.map(({ code }) => code))], ['credit_store_unavailable'])

    if (what === 'hangs')
      t.strictSame(await readiness(await stage.start()), READY, 'a gateway can start meanwhile')

    await end()
    for (const gateway of gateways)
      await until(async () => (await callOf(gateway, hit)).status === 200, { timeoutMs: 15_000 })
    for (const gateway of gateways) await until(async () => (await gateway.metric('tollgate_store_up')) === 1)
    for (const org of orgs) await exact(t, stage, org)
  })
}
