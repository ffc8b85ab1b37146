/**
 * While a slot moves, a key that is not there is looked for at the other node. Redis checks that before a script begins, and
 * again at each of its commands: one that empties a key and touches it again is broken off in its middle. Ours take away last
 * (test/ledger/declared-keys.test.ts compares all of them); here one of them meets a slot that really moves.
 */
import t from 'tap'
import { slotOf } from '../../src/store/cluster-slot.ts'
import { createDirectory } from '../../src/directory/directory.ts'
import * as keys from '../../src/store/keys.ts'
import { CHANGE, putMember, saveOf } from '../support/changes.ts'
import { charge, createOrg, holdOf, openClient, openLedger, reservation } from '../support/ledger.ts'
import { moveSlot, startRedisCluster } from '../support/redis-cluster.ts'

const cluster = await startRedisCluster()
const redis = await openClient({ cluster: cluster.seeds })
const ledger = await openLedger(redis)
const directory = createDirectory({ redis, openPeriod: (org, now) => ledger.openPeriod(org, now) })
const [from, to] = await cluster.masters()
if (from === undefined || to === undefined) throw new Error('two masters')
t.setTimeout(180_000)
t.teardown(async () => {
  ledger.close()
  redis.disconnect()
  await cluster.stop()
})

/** From here on the slot moves, and not one of its keys has yet. */
async function begins(org: string): Promise<void> {
  await to?.client.call('CLUSTER', 'SETSLOT', slotOf(org), 'IMPORTING', from?.id ?? '')
  await from?.client.call('CLUSTER', 'SETSLOT', slotOf(org), 'MIGRATING', to?.id ?? '')
}

void t.test(
  'trap: a script that touches a key again which it has emptied stops between two writes',
  async (t) => {
    const tag = await cluster.tagOn(from, 'trap')
    const [set, hash] = [`{${tag}}:set`, `{${tag}}:hash`]
    await from.client.zadd(set, 1, 'last')
    await from.client.hset(hash, 'done', '0')
    await begins(tag)
    const script = `redis.call('ZREM', KEYS[1], 'last') redis.call('HSET', KEYS[2], 'done', '1')
    redis.call('ZRANGE', KEYS[1], 0, 0) return redis.call('HSET', KEYS[2], 'done', '2')`
    await t.rejects(from.client.eval(script, 2, set, hash), /non local key/)
    t.equal(await from.client.hget(hash, 'done'), '1')
  },
)

void t.test('O9: the last alert that waits is deleted while its slot moves, whole', async (t) => {
  const org = await cluster.tagOn(from, 'moving')
  await createOrg(redis, org)
  await putMember(directory, org, { user: 'ada', email: null, name: null, role: 'admin' })
  ledger.settle(holdOf(await ledger.reserve(reservation(org, 5))), charge(5))
  t.ok(await ledger.drained(5_000))
  const made = async (threshold: number): Promise<string> => {
    const alert = { type: 'absolute', threshold, recipients: 'all' } as const
    const result = await directory.createAlert(org, alert, () => CHANGE)
    return result.status === 'saved' ? result.id : result.status
  }
  const [fired, waiting] = [await made(1), await made(100)]
  await begins(org)
  const { tag } = (await directory.getAlert(org, waiting)) ?? {}
  t.equal(await directory.deleteAlert(org, waiting, saveOf(tag)), 'deleted')
  await moveSlot(cluster, slotOf(org), { from, to })
  t.same(await redis.hkeys(keys.alerts(org)), [fired])
  t.equal(await redis.exists(keys.armed(org, 1)), 0)
  t.equal(await redis.hget(keys.total(org, 1), 'next_mark'), '', 'it is done with to the end')
})
