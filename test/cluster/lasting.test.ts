/** A connection to a cluster that is closed and opened again at once, as a queue's worker does, comes back; seeds are names here. */
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { Cluster } from 'ioredis'
import t from 'tap'
import { connect, type RedisClient } from '../../src/store/connection.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { until } from '../support/until.ts'

const ROUNDS = 5

const cluster = await startRedisCluster({ replicas: false })
const seeds = cluster.nodes.map(({ port }) => `localhost:${port}`)
const opened: Cluster[] = []
t.teardown(async () => {
  for (const client of opened) client.disconnect()
  await cluster.stop()
})

function keep(client: RedisClient): Cluster {
  if (!(client instanceof Cluster)) throw new Error('these are seeds of a cluster')
  client.on('error', () => undefined)
  opened.push(client)
  return client
}

/** Has a connection to every node, so that several end together. */
const useAll = (client: Cluster): Promise<unknown> =>
  Promise.all(Array.from({ length: 30 }, (_, i) => client.get(`key-${i}`)))

/** One as a worker has it, and the copy that BullMQ makes of that to wait with. */
const original = keep(connect({ cluster: seeds }, 'work'))

for (const [what, client] of [
  ['a connection', original],
  ['its copy', keep(original.duplicate())],
] as const) {
  void t.test(`${what} comes back`, async (t) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      await until(() => client.status === 'ready', { what: `it is there in round ${round}` })
      await useAll(client)
      const ended = once(client, 'end')
      client.disconnect()
      await ended
      await client.connect().catch(() => undefined)
    }
    await until(() => client.status === 'ready', { what: 'it is there in the end' })
    t.equal(await client.set('key', what), 'OK')
  })
}

void t.test('one that was told to close stays closed', async (t) => {
  const client = keep(connect({ cluster: seeds }, 'work'))
  await until(() => client.status === 'ready')
  await useAll(client)
  const seen: string[] = []
  client.on('connecting', () => seen.push('connecting'))
  client.disconnect()
  await pause(3_000)
  t.notMatch(client.status, /ready|connect/)
  t.strictSame(seen, [])
})
