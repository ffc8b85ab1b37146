import { createHash } from 'node:crypto'
import t from 'tap'
import { runScript, scriptSource, type ScriptName } from '../../src/store/scripts.ts'
import * as keys from '../../src/store/keys.ts'
import {
  books,
  charge,
  createOrg,
  endLease,
  holdOf,
  openClient,
  openLedger,
  reservation,
} from '../support/ledger.ts'
import { startRedis } from '../support/redis.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { until } from '../support/until.ts'

const server = await startRedis()
const proxy = await startTcpProxy(server.port)
const direct = await openClient({ url: server.url })
const redis = await openClient({ url: `redis://127.0.0.1:${proxy.port}` })
const ledger = await openLedger(redis)
t.teardown(async () => {
  ledger.close()
  redis.disconnect()
  direct.disconnect()
  await proxy.stop()
  await server.stop()
})

const sha1 = (name: ScriptName): string => createHash('sha1').update(scriptSource(name)).digest('hex')

/** The server knows the scripts, so that the lost reply is that of the script and not NOSCRIPT. */
for (const name of ['reserve', 'settle', 'free'] as const) await direct.script('LOAD', scriptSource(name))

async function ready(): Promise<void> {
  await until(() => redis.status === 'ready')
}

void t.test('C3: the reply to a reserve is lost after it ran: asked again, it holds once', async (t) => {
  await createOrg(direct, 'reserve')
  const lost = proxy.loseReplyTo(sha1('reserve'))
  const result = await ledger.reserve(reservation('reserve', 5))
  await lost
  t.match(await books(direct, 'reserve', ['ada']), { held: 5e6, usersHeld: 5e6, openHolds: 5e6, leases: 1 })
  ledger.settle(holdOf(result), charge(2))
  t.ok(await ledger.drained(5_000))
  t.match(await books(direct, 'reserve', ['ada']), {
    used: 2e6,
    usersUsed: 2e6,
    held: 0,
    openHolds: 0,
    leases: 0,
  })
})

void t.test('C3: the reply to a settle is lost after it ran: asked again, it charges once', async (t) => {
  await ready()
  await createOrg(direct, 'settle')
  const hold = holdOf(await ledger.reserve(reservation('settle', 5)))
  const lost = proxy.loseReplyTo(sha1('settle'))
  ledger.settle(hold, charge(2))
  await lost
  t.ok(await ledger.drained(5_000))
  t.match(await books(direct, 'settle', ['ada']), {
    used: 2e6,
    usersUsed: 2e6,
    days: 2e6,
    models: 2e6,
    held: 0,
    leases: 0,
  })
})

void t.test(
  'C3: the reply to a free is lost after it ran: asked again, nothing is freed twice',
  async (t) => {
    await ready()
    await createOrg(direct, 'free')
    const kept = holdOf(await ledger.reserve(reservation('free', 7)))
    const hold = holdOf(await ledger.reserve(reservation('free', 5)))
    const lost = proxy.loseReplyTo(sha1('free'))
    ledger.free(hold)
    await lost
    t.ok(await ledger.drained(5_000))
    t.match(await books(direct, 'free', ['ada']), { used: 0, held: 7e6, usersHeld: 7e6, leases: 1 })
    ledger.free(kept)
    t.ok(await ledger.drained(5_000))
  },
)

void t.test(
  'C5: the reply to the free of an expired hold is lost after it ran: asked again, it gives back once',
  async (t) => {
    await ready()
    await createOrg(direct, 'return')
    ledger.settle(holdOf(await ledger.reserve(reservation('return', 5))), charge(3))
    const hold = holdOf(await ledger.reserve(reservation('return', 10)))
    await endLease(direct, hold)
    await ledger.sweep()
    t.match(await books(direct, 'return', ['ada']), { used: 4e6 })
    const lost = proxy.loseReplyTo(sha1('free'))
    ledger.free(hold)
    await lost
    t.ok(await ledger.drained(5_000))
    t.match(await books(direct, 'return', ['ada']), { used: 3e6, usersUsed: 3e6, days: 3e6, models: 3e6 })
  },
)

void t.test(
  'C3: a reserve whose outcome stays unknown is refused, and whatever it held is released',
  async (t) => {
    await ready()
    await createOrg(direct, 'unknown')
    const before = proxy.lost()
    const both = (async () => {
      await proxy.loseReplyTo(sha1('reserve'))
      await proxy.loseReplyTo(sha1('reserve'))
    })()
    await t.rejects(ledger.reserve(reservation('unknown', 5)), { name: 'StoreUnavailable' })
    await both
    t.equal(proxy.lost() - before, 2)
    await until(async () => (await books(direct, 'unknown', ['ada'])).held === 0)
    t.match(await books(direct, 'unknown', ['ada']), { used: 0, usersHeld: 0, openHolds: 0, leases: 0 })
  },
)

void t.test(
  'C3: the reply to a reserve is lost and the period ends: asked again under another id, it holds once',
  async (t) => {
    await ready()
    await createOrg(direct, 'over')
    const lost = proxy.loseReplyTo(sha1('reserve'))
    const reserving = ledger.reserve(reservation('over', 5))
    await lost
    await direct.hset(keys.org('over'), 'period_end', String(Date.now() - 1_000))
    const hold = holdOf(await reserving)
    t.ok(await ledger.drained(5_000))
    t.equal(hold.periodNo, 2)
    t.match(await books(direct, 'over', ['ada'], 1), { held: 0, usersHeld: 0, openHolds: 0 })
    t.match(await books(direct, 'over', ['ada'], 2), { held: 5e6, usersHeld: 5e6, openHolds: 5e6, leases: 1 })
    const fates = await direct.hgetall(
      keys.resolved('over', Number.parseInt(hold.id.split('.')[0] ?? '', 36)),
    )
    t.notOk(hold.id in fates, 'what was given up is not the hold that is open')
    t.same(Object.values(fates), ['freed'])
  },
)

void t.test(
  'C3: what is refused when it is asked again holds nothing, should the lost question arrive after all',
  async (t) => {
    await ready()
    await createOrg(direct, 'refused', { admission: 'strict', limit: 10 })
    const hold = holdOf(await ledger.reserve(reservation('refused', 10)))
    const lost = proxy.loseReplyTo(sha1('reserve'))
    const result = await ledger.reserve(reservation('refused', 5))
    await lost
    t.equal(result.status, 'busy')
    t.ok(await ledger.drained(5_000))
    const fates = await direct.hgetall(
      keys.resolved('refused', Number.parseInt(hold.id.split('.')[0] ?? '', 36)),
    )
    t.same(Object.values(fates), ['freed'], 'its id is given up')
    t.notOk(hold.id in fates)
  },
)

void t.test(
  'trap: by default ioredis runs a script twice when its reply is lost; on our connection it runs once',
  async (t) => {
    await ready()
    await direct.set('{count}:n', '0')
    const lost = proxy.loseReplyTo('INCRBY-ONCE')
    const run = redis.eval("redis.call('INCRBY', KEYS[1], 10) return ARGV[1]", 1, '{count}:n', 'INCRBY-ONCE')
    await t.rejects(run, 'an ambiguous outcome is a rejection, at once')
    await lost
    await ready()
    await redis.ping()
    t.equal(await direct.get('{count}:n'), '10')
  },
)

void t.test('an id that was released before its reserve arrives holds nothing', async (t) => {
  await ready()
  await createOrg(direct, 'late')
  const hold = holdOf(await ledger.reserve(reservation('late', 1)))
  ledger.free(hold)
  t.ok(await ledger.drained(5_000))
  const org = await direct.hgetall(keys.org('late'))
  const bucket = Number.parseInt(hold.id.split('.')[0] ?? '', 36)
  const reply = await runScript(direct, 'reserve', {
    keys: {
      org: keys.org('late'),
      members: keys.members('late'),
      custom_limits: keys.customLimits('late'),
      total: keys.total('late', 1),
      leases: keys.leases('late'),
      outbox: keys.outbox('late'),
      removed_members: keys.removedMembers('late'),
    },
    keyLists: { users: [keys.user('late', 1, 'ada')], buckets: [keys.resolved('late', bucket)] },
    args: {
      period_no: 1,
      day_start_ms: 0,
      day_end_ms: org['period_end'] ?? '',
      day: hold.day,
      lease_ms: 60_000,
      user_life_end_ms: 9e12,
    },
    lists: { user_ids: ['ada'] },
    items: [
      {
        hold_id: hold.id,
        user: 1,
        bucket: 1,
        source: 'chat',
        worst_case: 1e6,
        strict_worst_case: 1e6,
        prompt_price: 1,
        model: 'm',
        may_enroll: 0,
      },
    ],
  })
  t.equal((reply as string[])[1], 'gone')
  t.match(await books(direct, 'late', ['ada']), { held: 0, leases: 0 })
})
