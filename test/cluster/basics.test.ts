/** Everything at once on a real Redis Cluster: three masters, two gateways, organizations in different slots. */
import t from 'tap'
import { slotOf } from '../../src/store/cluster-slot.ts'
import * as keys from '../../src/store/keys.ts'
import { callOf, exact, openClusterStage } from '../support/cluster-load.ts'
import type { TestOrg } from '../support/gateway.ts'
import { watchQueue } from '../support/queues.ts'
import { until } from '../support/until.ts'

const stage = await openClusterStage(2)
const { cluster, gateways } = stage
const [one, two] = gateways
if (one === undefined || two === undefined) throw new Error('two gateways')
const masters = await cluster.masters()
const queue = watchQueue({ cluster: cluster.seeds })
t.teardown(async () => {
  await queue.close()
  await stage.stop()
})

const orgs: TestOrg[] = []
for (const master of masters) {
  const org = await stage.orgOn(master, { limit: 1, allowance: 100 })
  await one.admin('PUT', `/v1/orgs/${org.id}/members/grace`, { email: null, name: 'Grace', role: 'admin' })
  await one.admin('POST', `/v1/orgs/${org.id}/alerts`, { type: 'absolute', threshold: 1, recipients: 'all' })
  orgs.push(org)
}

void t.test(
  'L3, C9: calls of every slot are limited, charged and reported, through any gateway',
  async (t) => {
    for (const org of orgs) {
      // 0.12 credits each: the ninth passes the limit of 1 credit.
      for (let i = 0; i < 9; i += 1) {
        const gateway = i % 2 === 0 ? one : two
        t.equal((await callOf(gateway, org)).status, 200)
        await org.usedWhenIdle()
      }
      for (const gateway of gateways)
        t.match(await callOf(gateway, org), { status: 402, code: 'user_credit_limit_reached' })
      await exact(t, stage, org)
      const usage = await two.admin('GET', `/v1/orgs/${org.id}/usage?by=user`)
      t.match(usage, { items: [{ key: 'ada', credits: 1.08, calls: 9 }], total: { credits: 1.08 } })
      const { items } = (await two.admin('GET', `/v1/orgs/${org.id}/audit`)) as {
        items: readonly { action: string }[]
      }
      t.ok(items.some(({ action }) => action === 'alert.create'))
      await two.admin('PUT', `/v1/orgs/${org.id}/user-limits`, {
        enabled: true,
        default: 2,
        recipients: 'all',
      })
      t.equal((await callOf(one, org)).status, 200, 'L8: a raised limit holds for the next call')
    }
  },
)

void t.test('N1, N2: crossings of every slot come to the one queue, once', async (t) => {
  for (const org of orgs) {
    await until(async () => (await queue.jobsOf(org.id)).length >= 2, { what: `crossings of ${org.id}` })
    const types = (await queue.jobsOf(org.id)).map(({ data }) => data.type).sort()
    t.strictSame(types, ['org.alert.crossed', 'user.limit.reached'])
    await until(async () => (await stage.store.xlen(keys.outbox(org.id))) === 0)
    const log = (await one.admin('GET', `/v1/orgs/${org.id}/notifications`)) as {
      items: readonly { readonly counts: unknown; readonly deliveries: unknown }[]
    }
    t.equal(log.items.length, 2)
    for (const { counts, deliveries } of log.items) t.ok(counts !== undefined && Array.isArray(deliveries))
    const users = (await one.admin('GET', `/v1/orgs/${org.id}/users`)) as { items: { used: number }[] }
    t.ok((users.items[0]?.used ?? 0) > 0, 'whoever used most comes with the own counters')
  }
  const added = await queue.added()
  t.equal(new Set(added).size, added.length)
})

void t.test('A4: a revoked key fails on every gateway, wherever its look-up lies', async (t) => {
  for (const org of orgs) {
    await one.admin('PUT', `/v1/orgs/${org.id}/user-limits`, {
      enabled: false,
      default: 1,
      recipients: 'all',
    })
    const { id, key } = (await one.admin('POST', `/v1/orgs/${org.id}/keys`, {
      name: 'second',
      user: 'ada',
    })) as { id: string; key: string }
    for (const gateway of gateways) t.equal((await callOf(gateway, org, key)).status, 200)
    await two.admin('DELETE', `/v1/orgs/${org.id}/keys/${id}`)
    for (const gateway of gateways)
      await until(async () => (await callOf(gateway, org, key)).status === 401, { what: 'revoked' })
  }
})

void t.test('all keys of an organization are in its slot, and those of the queue in one', async (t) => {
  const misplaced: string[] = []
  for (const { client } of await cluster.masters()) {
    for (const key of await client.keys('*')) {
      const tag = /\{([^}]+)\}/.exec(key)?.[1]
      const isOrgs = orgs.some(({ id }) => key.includes(id))
      const slot = slotOf(tag ?? key)
      if ((await client.cluster('KEYSLOT', key)) !== slot || (isOrgs && tag === undefined))
        misplaced.push(key)
    }
  }
  t.strictSame(misplaced, [])
  const log = gateways.flatMap(({ log }) => log).filter((line) => /CROSSSLOT|MOVED|non local key/.test(line))
  t.strictSame(log, [], 'nobody ever asked for keys of two slots')
})

void t.test('an organization goes as a whole', async (t) => {
  for (const org of orgs) {
    const { id } = org
    await one.admin('DELETE', `/v1/orgs/${id}`)
    await until(async () => {
      const left = await Promise.all((await cluster.masters()).map(({ client }) => client.keys(`*{${id}}*`)))
      return left.flat().length === 0
    })
    t.equal((await callOf(two, org)).status, 401)
  }
})
