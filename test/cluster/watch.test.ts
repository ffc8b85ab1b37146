/** Where nothing is sent to a server that is down, nothing tells of who took its place: the watch has to ask for it. */
import t from 'tap'
import { pino } from 'pino'
import type { Cluster } from 'ioredis'
import { connect } from '../../src/store/connection.ts'
import { createStoreWatch } from '../../src/store/watch.ts'
import { connected } from '../support/ledger.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { until } from '../support/until.ts'

const cluster = await startRedisCluster()
t.setTimeout(180_000)
t.teardown(() => cluster.stop())

void t.test('a gateway that has nothing under way learns of a failover by itself', async (t) => {
  const redis = connect({ cluster: cluster.seeds }, 'decide') as Cluster
  redis.on('error', () => undefined)
  // Every five seconds it would be told in any case; a gateway's other servers are not asked about slots.
  redis.options.slotsRefreshInterval = 0
  await connected(redis)
  const watch = createStoreWatch({ redis, logger: pino({ level: 'silent' }) })
  t.teardown(() => {
    watch.close()
    redis.disconnect()
  })
  const [master] = await cluster.masters()
  if (master === undefined) throw new Error('three masters')
  const tag = await cluster.tagOn(master, 'idle')
  const replica = await cluster.replicaOf(master)
  // Its replica has asked it once as well, and the watch asks it again and again.
  const pings = async (): Promise<number> =>
    Number(/cmdstat_ping:calls=(\d+)/.exec(await master.client.info('commandstats'))?.[1] ?? 0)
  const before = await pings()
  await until(async () => (await pings()) > before + 2, { what: 'it is watched' })
  await master.kill()
  await until(() => watch.isDown(tag), { what: 'it is found' })
  await until(async () => (await cluster.masterOf(tag)) === replica, { timeoutMs: 15_000 })
  await until(() => !watch.isDown(tag), { timeoutMs: 15_000, what: 'its replica is known' })
  await until(async () => (await redis.set(`{${tag}}`, '1').catch(() => null)) === 'OK')
  t.ok(watch.isUp())
})
