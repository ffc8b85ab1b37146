/** A queue's connection to a cluster that is between two attempts to connect never says that it has closed (ioredis): nobody may wait for it. */
import { Cluster } from 'ioredis'
import t from 'tap'
import { createStoreClock } from '../../src/store/clock.ts'
import { startNotices } from '../../src/notifications/notifications.ts'
import { silent } from '../support/ledger.ts'
import { NOTICES_SETTINGS } from '../support/pipeline.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { until } from '../support/until.ts'

const sender = {
  send: () => Promise.reject(new Error('there is nothing to send')),
  close: () => Promise.resolve(),
}

// Those connections keep the process until their time is over, as they would keep a gateway.
t.teardown(() => void setTimeout(() => process.exit(), 200))

void t.test('a gateway that is told to stop then does not wait for as long as jobs may take', async (t) => {
  const cluster = await startRedisCluster({ replicas: false })
  const opened: Cluster[] = []
  let attempts = 0
  const notices = startNotices({
    store: {
      isUp: () => true,
      open() {
        const client = new Cluster(
          cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })),
          {
            // The next attempt comes after the end of this test. Workers have copies of it, with its options.
            clusterRetryStrategy: () => {
              attempts += 1
              return 3_600_000
            },
            // By asking all nodes, it finds that they are gone.
            slotsRefreshInterval: 200,
            redisOptions: { maxRetriesPerRequest: null },
          },
        )
        client.on('error', () => undefined)
        opened.push(client)
        return client
      },
    },
    settings: NOTICES_SETTINGS,
    clock: createStoreClock(),
    publicUrl: null,
    senders: { email: sender, target: sender },
    metrics: { notification: () => undefined },
    logger: silent,
  })
  t.teardown(async () => {
    for (const client of opened) client.disconnect()
    await cluster.stop()
  })
  await until(() => opened.length > 0 && opened.every(({ status }) => status === 'ready'))
  await until(
    async () => {
      const lists = await Promise.all(cluster.nodes.map(({ client }) => client.client('LIST')))
      return lists.join('\n').split('cmd=bzpopmin').length === 3
    },
    { what: 'both workers wait for jobs' },
  )
  await Promise.all(cluster.nodes.map((node) => node.kill()))
  // Each worker's own, and the one that they share.
  await until(() => attempts === 3, { what: 'their connections wait for the next attempt' })
  let over = false
  void notices.stopDelivering(3_600_000).then(() => (over = true))
  await until(() => over, { what: 'the workers have stopped' })
  t.ok(over)
})
