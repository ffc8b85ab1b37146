import t from 'tap'
import * as keys from '../../src/store/keys.ts'
import { runScript } from '../../src/store/scripts.ts'
import { startRedis } from '../support/redis.ts'
import {
  books,
  charge,
  countingMetrics,
  createOrg,
  endLease,
  holdOf,
  openClient,
  openLedger,
  reservation,
} from '../support/ledger.ts'

// Cluster mode: a script that touches a key of another slot fails here.
const server = await startRedis({ cluster: true })
const redis = await openClient({ cluster: [`127.0.0.1:${server.port}`] })
const metrics = countingMetrics()
const ledger = await openLedger(redis, { metrics })
t.teardown(async () => {
  ledger.close()
  redis.disconnect()
  await server.stop()
})

async function settled(): Promise<void> {
  if (!(await ledger.drained(5_000))) throw new Error('settles are stuck')
}

void t.test(
  'C3: half a character in a name spoils neither the call nor the others of its batch',
  async (t) => {
    await createOrg(redis, 'halves', { members: ['ada', 'bob'] })
    const results = await Promise.all([
      ledger.reserve(reservation('halves', 1, { model: 'half \ud800 of one' })),
      ledger.reserve(reservation('halves', 1, { user: 'bob' })),
    ])
    t.same(
      results.map(({ status }) => status),
      ['reserved', 'reserved'],
    )
  },
)

void t.test('C3: a hold is settled to the actual cost, and every counter agrees', async (t) => {
  await createOrg(redis, 'c3')
  const result = await ledger.reserve(reservation('c3', 5))
  const hold = holdOf(result)
  t.match(await books(redis, 'c3', ['ada']), {
    used: 0,
    held: 5e6,
    usersHeld: 5e6,
    openHolds: 5e6,
    leases: 1,
  })
  ledger.settle(hold, charge(2.5))
  await settled()
  t.same(await books(redis, 'c3', ['ada']), {
    used: 2_500_000,
    held: 0,
    usersUsed: 2_500_000,
    usersHeld: 0,
    openHolds: 0,
    days: 2_500_000,
    models: 2_500_000,
    leases: 0,
  })
})

void t.test('C3: settling the same hold again charges nothing', async (t) => {
  await createOrg(redis, 'twice')
  const hold = holdOf(await ledger.reserve(reservation('twice', 5)))
  ledger.settle(hold, charge(2))
  ledger.settle(hold, charge(2))
  await settled()
  ledger.settle(hold, charge(2))
  ledger.free(hold)
  await settled()
  t.match(await books(redis, 'twice', ['ada']), { used: 2e6, held: 0, leases: 0 })
})

void t.test('C4: an actual cost above the hold is charged in full, and counted in a metric', async (t) => {
  await createOrg(redis, 'above')
  const before = metrics.exceeded
  ledger.settle(holdOf(await ledger.reserve(reservation('above', 1))), charge(3))
  await settled()
  t.match(await books(redis, 'above', ['ada']), { used: 3e6, usersUsed: 3e6, held: 0 })
  t.equal(metrics.exceeded, before + 1)
})

void t.test('C5: a freed hold costs nothing', async (t) => {
  await createOrg(redis, 'free')
  ledger.free(holdOf(await ledger.reserve(reservation('free', 5))))
  await settled()
  t.match(await books(redis, 'free', ['ada']), { used: 0, held: 0, usersHeld: 0, openHolds: 0, leases: 0 })
})

void t.test('E1: the decision, in its order', async (t) => {
  const cases = [
    { name: 'a: nothing required passes at a limit of 0', limit: 0, used: 0, required: 0, want: 'reserved' },
    { name: 'a: no limit passes', limit: null, used: 5, required: 99, want: 'reserved' },
    { name: 'b: limit 0 denies every paid call (L1)', limit: 0, used: 0, required: 1, want: 'denied' },
    { name: 'b: counted = limit denies', limit: 5, used: 5, required: 1, want: 'denied' },
    { name: 'b: counted > limit denies', limit: 5, used: 6, required: 1, want: 'denied' },
    {
      name: 'c: strict and required > left',
      limit: 5,
      used: 3,
      required: 3,
      strict: true,
      want: 'too_large',
    },
    {
      name: 'c: strict and required = left fits',
      limit: 5,
      used: 3,
      required: 2,
      strict: true,
      want: 'reserved',
    },
    { name: 'c: straddle admits what does not fit', limit: 5, used: 3, required: 9, want: 'reserved' },
    {
      name: 'd: strict and only holds are in the way',
      limit: 5,
      held: 3,
      required: 3,
      strict: true,
      want: 'busy',
    },
    {
      name: 'd: strict with room beside the holds',
      limit: 5,
      held: 3,
      required: 2,
      strict: true,
      want: 'reserved',
    },
    { name: 'd: straddle and held = left', limit: 5, held: 5, required: 1, want: 'busy' },
    {
      name: 'd: straddle and one microcredit neither counted nor held',
      limit: 5,
      held: 4.999999,
      required: 9,
      want: 'reserved',
    },
  ] as const
  for (const [index, c] of cases.entries()) {
    const org = `e1-${index}`
    const strict = 'strict' in c && c.strict
    await createOrg(redis, org, { limit: c.limit, admission: strict ? 'strict' : 'straddle' })
    if ('used' in c && c.used > 0) {
      await redis.hset(keys.user(org, 1, 'ada'), 'used:chat', String(c.used * 1e6))
    }
    if ('held' in c) holdOf(await ledger.reserve(reservation(org, c.held)))
    const result = await ledger.reserve(reservation(org, c.required))
    t.equal(result.status, c.want, c.name)
  }
})

void t.test('E1c: strict refuses what nothing bounds, straddle takes the estimate', async (t) => {
  for (const admission of ['strict', 'straddle'] as const) {
    await createOrg(redis, `bound-${admission}`, { admission })
    const result = await ledger.reserve(reservation(`bound-${admission}`, 1, { strictWorstCase: null }))
    t.equal(result.status, admission === 'strict' ? 'unbounded' : 'reserved', admission)
  }
})

void t.test('C4: two calls of one user in one batch see each other', async (t) => {
  await createOrg(redis, 'batch', { admission: 'strict', limit: 10 })
  const results = await Promise.all(Array.from({ length: 20 }, () => ledger.reserve(reservation('batch', 1))))
  t.equal(results.filter(({ status }) => status === 'reserved').length, 10)
  t.equal(results.filter(({ status }) => status === 'busy').length, 10)
  t.match(await books(redis, 'batch', ['ada']), { held: 10e6, usersHeld: 10e6, openHolds: 10e6 })
})

void t.test('calls of one organization in the same turn share one script call', async (t) => {
  await createOrg(redis, 'turn', { members: ['ada', 'bob'] })
  const before = metrics.scripts['reserve'] ?? 0
  await Promise.all(
    Array.from({ length: 32 }, (_, index) =>
      ledger.reserve(reservation('turn', 1, { user: index % 2 === 0 ? 'ada' : 'bob' })),
    ),
  )
  t.equal((metrics.scripts['reserve'] ?? 0) - before, 1)
})

void t.test('L2: a custom limit replaces the default, higher, lower or unlimited', async (t) => {
  await createOrg(redis, 'custom', { members: ['low', 'high', 'free', 'plain'], limit: 10 })
  await redis.hset(keys.customLimits('custom'), { low: '1000000', high: '99000000', free: 'unlimited' })
  for (const user of ['low', 'high', 'free', 'plain']) {
    await redis.hset(keys.user('custom', 1, user), 'used:chat', '10000000')
  }
  const status = async (user: string): Promise<string> =>
    (await ledger.reserve(reservation('custom', 1, { user }))).status
  t.equal(await status('low'), 'denied')
  t.equal(await status('high'), 'reserved')
  t.equal(await status('free'), 'reserved')
  t.equal(await status('plain'), 'denied')
})

void t.test('L5, L6: an excluded source is never refused, does not count, and holds nobody up', async (t) => {
  await createOrg(redis, 'excluded', { limit: 10, fields: { exclude_workflow: '1' } })
  const hold = holdOf(await ledger.reserve(reservation('excluded', 50, { source: 'workflow' })))
  const chat = await ledger.reserve(reservation('excluded', 1))
  t.equal(chat.status, 'reserved', 'the hold of a workflow stands in nobody’s way')
  if (chat.status === 'reserved')
    t.match(chat.decision.standing, { used: 0, counted: 0, held: 1e6, limit: 10e6 })
  ledger.settle(hold, charge(50))
  await settled()
  const after = await ledger.reserve(reservation('excluded', 1))
  t.match(after, { status: 'reserved', decision: { standing: { used: 50e6, counted: 0 } } })
  await redis.hset(keys.org('excluded'), 'exclude_workflow', '0')
  t.equal(
    (await ledger.reserve(reservation('excluded', 1))).status,
    'denied',
    'L6: flipping it counts the whole period',
  )
})

void t.test(
  'A4, A5: a user that the organization does not know is refused, a removed one at the very next call',
  async (t) => {
    await createOrg(redis, 'members')
    t.equal((await ledger.reserve(reservation('members', 1, { user: 'nobody' }))).status, 'unknown_user')
    t.equal((await ledger.reserve(reservation('members', 1))).status, 'reserved')
    await redis.hdel(keys.members('members'), 'ada')
    t.equal((await ledger.reserve(reservation('members', 1))).status, 'unknown_user')
    t.equal((await ledger.reserve(reservation('no-such-org', 1))).status, 'unknown_org')
  },
)

void t.test('A5: an organization can let apps enroll users, up to a number', async (t) => {
  await createOrg(redis, 'enroll', { fields: { auto_enroll: '1', max_members: '3' } })
  const status = async (user: string, mayEnroll: boolean): Promise<string> =>
    (await ledger.reserve(reservation('enroll', 1, { user, mayEnroll }))).status
  t.equal(await status('u1', false), 'unknown_user', 'not for a key of a user')
  const both = await Promise.all([status('u1', true), status('u2', true), status('u3', true)])
  t.same(both.sort(), ['reserved', 'reserved', 'unknown_user'])
  t.equal(await redis.hlen(keys.members('enroll')), 3)
  await redis.sadd(keys.removedMembers('enroll'), 'u4')
  await redis.hset(keys.org('enroll'), 'max_members', '9')
  t.equal(await status('u4', true), 'unknown_user', 'A4: whom an admin removed, no app brings back')
})

void t.test(
  'C6: an expired lease charges the prompt and frees the rest; a late settle charges what is missing, once',
  async (t) => {
    await createOrg(redis, 'lease', { limit: 10, admission: 'strict' })
    const hold = holdOf(await ledger.reserve(reservation('lease', 10)))
    const lease = keys.lease(1, hold.day, hold.id, 'ada')
    await redis.zadd(keys.leases('lease'), 1, lease)
    await redis.hset(keys.user('lease', 1, 'ada'), 'sweep_at', '1')
    const next = await ledger.reserve(reservation('lease', 9))
    t.equal(next.status, 'reserved', 'the user is unblocked by the very next call')
    t.match(await books(redis, 'lease', ['ada']), { used: 1e6, usersUsed: 1e6, held: 9e6, leases: 1 })
    ledger.free(holdOf(next))
    ledger.settle(hold, charge(4))
    await settled()
    t.match(await books(redis, 'lease', ['ada']), {
      used: 4e6,
      usersUsed: 4e6,
      days: 4e6,
      models: 4e6,
      held: 0,
    })
    ledger.settle(hold, charge(4))
    await settled()
    t.match(await books(redis, 'lease', ['ada']), { used: 4e6 }, 'once')
  },
)

void t.test('C6: a late settle below the prompt’s price gives nothing back', async (t) => {
  await createOrg(redis, 'late')
  const hold = holdOf(await ledger.reserve(reservation('late', 10)))
  await endLease(redis, hold)
  await ledger.sweep()
  ledger.settle(hold, charge(0.2))
  await settled()
  t.match(await books(redis, 'late', ['ada']), { used: 1e6, usersUsed: 1e6, held: 0, leases: 0 })
})

void t.test('a sweep leaves alone what is not overdue', async (t) => {
  await createOrg(redis, 'sweep')
  holdOf(await ledger.reserve(reservation('sweep', 10)))
  await ledger.sweep()
  t.match(await books(redis, 'sweep', ['ada']), { used: 0, held: 10e6, leases: 1 })
})

void t.test('a settle that arrives after its organization was deleted leaves nothing behind', async (t) => {
  await createOrg(redis, 'deleted')
  const hold = holdOf(await ledger.reserve(reservation('deleted', 5)))
  await redis.del(keys.org('deleted'), keys.total('deleted', 1), keys.user('deleted', 1, 'ada'))
  ledger.settle(hold, charge(2))
  await settled()
  await ledger.sweep()
  t.equal(
    await redis.exists(keys.total('deleted', 1), keys.user('deleted', 1, 'ada'), keys.top('deleted', 1)),
    0,
  )
})

void t.test('invariant 5: an id that was released is refused when its reserve arrives late', async (t) => {
  await createOrg(redis, 'tomb')
  const hold = holdOf(await ledger.reserve(reservation('tomb', 1)))
  ledger.free({ ...hold, id: `${hold.id}x` })
  await settled()
  const bucket = Number.parseInt(hold.id.split('.')[0] ?? '', 36)
  t.equal(await redis.hget(keys.resolved('tomb', bucket), `${hold.id}x`), 'freed')
})

void t.test('P3: a call is charged to the period in which it was admitted', async (t) => {
  await createOrg(redis, 'p3')
  const hold = holdOf(await ledger.reserve(reservation('p3', 5)))
  const now = Date.now()
  await redis.hset(keys.org('p3'), 'period_end', String(now - 1))
  const next = await ledger.reserve(reservation('p3', 7))
  t.match(next, { status: 'reserved', hold: { periodNo: 2 }, decision: { standing: { used: 0, held: 7e6 } } })
  ledger.settle(hold, charge(3))
  ledger.settle(holdOf(next), charge(4))
  await settled()
  t.match(await books(redis, 'p3', ['ada'], 1), { used: 3e6, usersUsed: 3e6, held: 0 })
  t.match(await books(redis, 'p3', ['ada'], 2), { used: 4e6, usersUsed: 4e6, held: 0 })
})

void t.test(
  'N1, L4: reaching the limit is recorded once per user, period and value of the limit',
  async (t) => {
    await createOrg(redis, 'l4', { limit: 5 })
    const reached = async (): Promise<string[]> =>
      (await redis.xrange(keys.outbox('l4'), '-', '+')).map(([, fields]) => fields.join(' '))
    ledger.settle(holdOf(await ledger.reserve(reservation('l4', 5))), charge(5))
    await settled()
    t.equal((await reached()).length, 1, 'by the charge that reaches it')
    t.match(
      (await reached())[0],
      /type user\.limit\.reached .*user ada .*used 5000000 counted 5000000 limit 5000000/,
    )
    await ledger.reserve(reservation('l4', 1))
    t.equal((await reached()).length, 1, 'not again by the refusal')
    await redis.hset(keys.org('l4'), 'limit_default', '3000000')
    await Promise.all([ledger.reserve(reservation('l4', 1)), ledger.reserve(reservation('l4', 1))])
    t.equal((await reached()).length, 2, 'again at another value, by its first refusal')
    await redis.hset(keys.org('l4'), 'limit_default', '5000000')
    await ledger.reserve(reservation('l4', 1))
    t.equal((await reached()).length, 2, 'and not at a value that was reached before')
  },
)

void t.test('U2, O4–O6: one charge fires the user alert and every org alert that it passes', async (t) => {
  await createOrg(redis, 'alerts', {
    limit: null,
    fields: { alert_on: '1', alert_mark: '4000000', alert_version: '1' },
  })
  await redis.zadd(
    keys.armed('alerts', 1),
    1e6,
    'a1 1 absolute 1',
    5e6,
    'a2 1 absolute 5',
    6e6,
    'a3 1 absolute 6',
  )
  await redis.hset(keys.total('alerts', 1), 'next_mark', '1000000')
  const types = async (): Promise<string[]> =>
    (await redis.xrange(keys.outbox('alerts'), '-', '+')).map(
      ([, fields]) => `${fields[1]} ${fields[11] ?? ''}`,
    )
  ledger.settle(holdOf(await ledger.reserve(reservation('alerts', 5))), charge(5))
  await settled()
  t.same(await types(), ['org.alert.crossed a1', 'org.alert.crossed a2', 'user.alert.crossed ada'])
  ledger.settle(holdOf(await ledger.reserve(reservation('alerts', 5))), charge(0.999999))
  await settled()
  t.equal((await types()).length, 3, 'O4: not at one microcredit below')
  ledger.settle(holdOf(await ledger.reserve(reservation('alerts', 5))), charge(0.000001))
  await settled()
  t.same((await types()).slice(3), ['org.alert.crossed a3'])
  t.equal(await redis.hget(keys.total('alerts', 1), 'next_mark'), '')
})

void t.test('P5: every key of an organization’s usage has a lifetime', async (t) => {
  await createOrg(redis, 'ttl')
  ledger.settle(holdOf(await ledger.reserve(reservation('ttl', 5))), charge(5))
  await settled()
  const persistent = new Set([keys.org('ttl'), keys.members('ttl'), keys.leases('ttl'), keys.outbox('ttl')])
  const node = await openClient({ url: server.url })
  const found = (await node.keys('tg:{ttl}:*')).filter((key) => !persistent.has(key))
  t.equal(found.length, 7, found.join(' '))
  for (const key of found) t.ok((await redis.ttl(key)) > 0, key)
  node.disconnect()
})

void t.test('numbers up to 2^53 leave the scripts with every digit', async (t) => {
  await createOrg(redis, 'digits', { limit: null })
  await redis.hset(keys.user('digits', 1, 'ada'), 'used:chat', '8999999999999998')
  await redis.hset(keys.total('digits', 1), 'used', '8999999999999998')
  ledger.settle(holdOf(await ledger.reserve(reservation('digits', 1))), charge(0.000001))
  await settled()
  t.match(await books(redis, 'digits', ['ada']), {
    used: 8_999_999_999_999_999,
    usersUsed: 8_999_999_999_999_999,
  })
})

void t.test('SCRIPT FLUSH is survived: the source is sent again', async (t) => {
  await createOrg(redis, 'flush')
  const node = await openClient({ url: server.url })
  await node.script('FLUSH')
  t.equal((await ledger.reserve(reservation('flush', 1))).status, 'reserved')
  node.disconnect()
})

void t.test('renew keeps a lease, and never brings back one that was resolved', async (t) => {
  await createOrg(redis, 'renew')
  const hold = holdOf(await ledger.reserve(reservation('renew', 1)))
  const lease = keys.lease(1, hold.day, hold.id, 'ada')
  await redis.zadd(keys.leases('renew'), 1, lease)
  await runScript(redis, 'renew', {
    keys: { leases: keys.leases('renew') },
    args: { lease_ms: 60_000 },
    lists: { leases: [lease, '1 20260101 gone ada'] },
  })
  t.ok(Number(await redis.zscore(keys.leases('renew'), lease)) > Date.now())
  t.equal(await redis.zcard(keys.leases('renew')), 1)
})

void t.test('invariant 1: freeing a hold of nothing beside others leaves every sum right', async (t) => {
  await createOrg(redis, 'zero')
  const five = holdOf(await ledger.reserve(reservation('zero', 5)))
  const none = holdOf(await ledger.reserve(reservation('zero', 0)))
  ledger.free(five)
  ledger.free(none)
  await settled()
  t.match(await books(redis, 'zero', ['ada']), { used: 0, held: 0, usersHeld: 0, openHolds: 0, leases: 0 })
})

void t.test('O5: two charges of one batch that pass one mark each fire each alert once', async (t) => {
  await createOrg(redis, 'once', { limit: null })
  await redis.zadd(keys.armed('once', 1), 1e6, 'a1 1 absolute 1', 2e6, 'a2 1 absolute 2')
  await redis.hset(keys.total('once', 1), 'next_mark', '1000000')
  const holds = await Promise.all([
    ledger.reserve(reservation('once', 1)),
    ledger.reserve(reservation('once', 1)),
  ])
  for (const hold of holds) ledger.settle(holdOf(hold), charge(1))
  await settled()
  const fired = (await redis.xrange(keys.outbox('once'), '-', '+')).map(([, fields]) => fields[11])
  t.same(fired, ['a1', 'a2'])
})

void t.test('C6: one organization’s broken key keeps nobody else’s leases from being swept', async (t) => {
  await createOrg(redis, 'poisoned')
  await redis.set(keys.leases('poisoned'), 'no zset')
  await createOrg(redis, 'healthy')
  const hold = holdOf(await ledger.reserve(reservation('healthy', 10)))
  await endLease(redis, hold)
  await ledger.sweep()
  t.match(await books(redis, 'healthy', ['ada']), { used: 1e6, held: 0, leases: 0 })
  await redis.del(keys.leases('poisoned'))
})

void t.test(
  'a settle for an organization that was made anew under the same id charges the new one nothing',
  async (t) => {
    await createOrg(redis, 'anew')
    const hold = holdOf(await ledger.reserve(reservation('anew', 5)))
    await redis.del(keys.org('anew'), keys.total('anew', 1), keys.user('anew', 1, 'ada'), keys.leases('anew'))
    await createOrg(redis, 'anew')
    ledger.settle(hold, charge(3))
    await settled()
    t.match(await books(redis, 'anew', ['ada']), { used: 0, usersUsed: 0 })
  },
)

void t.test('C1: the holds of an unlimited user never sum up past 2^53: more are busy', async (t) => {
  await createOrg(redis, 'most', { limit: null })
  const largest = 999_999_999
  const results = await Promise.all(
    Array.from({ length: 11 }, () => ledger.reserve(reservation('most', largest))),
  )
  const admitted = results.filter(({ status }) => status === 'reserved')
  t.equal(admitted.length, 9)
  t.equal(results.filter(({ status }) => status === 'busy').length, 2)
  for (const result of admitted) ledger.free(holdOf(result))
  await settled()
  t.match(await books(redis, 'most', ['ada']), { held: 0, usersHeld: 0, openHolds: 0 })
})
