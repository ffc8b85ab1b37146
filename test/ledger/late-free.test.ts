/** What becomes of the price of the prompt when a call whose lease ran out turns out not to have been served (decision 0036). */
import t from 'tap'
import type { Hold } from '../../src/core/hold.ts'
import { createDirectory } from '../../src/directory/directory.ts'
import * as keys from '../../src/store/keys.ts'
import type { Reservation } from '../../src/ledger/ledger.ts'
import { CHANGE } from '../support/changes.ts'
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
import { startRedis } from '../support/redis.ts'

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
  if (!(await ledger.drained(5_000))) throw new Error('frees are stuck')
}

/** A hold whose lease ran out: its prompt, a tenth of it, is charged. */
async function expired(org: string, credits: number, rest: Partial<Reservation> = {}): Promise<Hold> {
  const hold = holdOf(await ledger.reserve(reservation(org, credits, rest)))
  await endLease(redis, hold)
  await ledger.sweep()
  return hold
}

void t.test('C5: a free that comes after its lease gives back what expiring charged, once', async (t) => {
  await createOrg(redis, 'refused')
  const hold = await expired('refused', 10, { source: 'workflow' })
  t.match(await books(redis, 'refused', ['ada']), { used: 1e6, usersUsed: 1e6, held: 0 })
  const returnedBefore = metrics.credit['returned'] ?? 0
  ledger.free(hold)
  ledger.free(hold)
  await settled()
  ledger.free(hold)
  ledger.settle(hold, charge(4))
  await settled()
  t.match(await books(redis, 'refused', ['ada']), {
    ...{ used: 0, usersUsed: 0, days: 0, models: 0, held: 0, usersHeld: 0, leases: 0 },
  })
  t.equal(await redis.zscore(keys.top('refused', 1), 'ada'), '0')
  for (const [key, field] of [
    [keys.user('refused', 1, 'ada'), 'm:workflow|m'],
    [keys.day('refused', hold.day), 'workflow|m'],
    [keys.userDay('refused', hold.day, 'ada'), 'workflow|m'],
  ] as const)
    t.equal(await redis.hget(key, field), '0 0 0 0', 'nor is the call counted any more')
  t.equal((metrics.credit['returned'] ?? 0) - returnedBefore, 1e6)
})

void t.test('P3: what is given back goes to the period and the day of admission', async (t) => {
  await createOrg(redis, 'rolled')
  const hold = await expired('rolled', 10)
  await redis.hset(keys.org('rolled'), 'period_end', String(Date.now() - 1))
  ledger.free(holdOf(await ledger.reserve(reservation('rolled', 1))))
  ledger.free(hold)
  await settled()
  t.match(await books(redis, 'rolled', ['ada'], 1), { used: 0, usersUsed: 0, models: 0 })
  t.match(await books(redis, 'rolled', ['ada'], 2), { used: 0, usersUsed: 0, days: 0 })
})

void t.test(
  'O5: what the expiry crossed stays crossed, and neither it nor the return fires again',
  async (t) => {
    await createOrg(redis, 'fires', {
      limit: 1,
      fields: { alert_on: '1', alert_mark: '1000000', alert_version: '1' },
    })
    await redis.zadd(keys.armed('fires', 1), 1e6, 'a1 1 absolute 1')
    await redis.hset(keys.total('fires', 1), 'next_mark', '1000000')
    const hold = await expired('fires', 10)
    const fired = await redis.xlen(keys.outbox('fires'))
    t.equal(fired, 3, 'the alert of the organization, that of the user, the limit')
    t.equal((await ledger.reserve(reservation('fires', 1))).status, 'denied')
    ledger.free(hold)
    await settled()
    const next = await ledger.reserve(reservation('fires', 1))
    t.equal(next.status, 'reserved', 'the user is unblocked')
    ledger.settle(holdOf(next), charge(1))
    await settled()
    t.match(await books(redis, 'fires', ['ada']), { used: 1e6, usersUsed: 1e6 })
    t.equal(await redis.xlen(keys.outbox('fires')), fired)
  },
)

void t.test('C8: what an admin has refunded meanwhile is not given back again', async (t) => {
  await createOrg(redis, 'refunded')
  const directory = createDirectory({ redis, openPeriod: (org, now) => ledger.openPeriod(org, now) })
  const hold = await expired('refunded', 10)
  const refund = { user: 'ada', source: 'chat', amount: -700_000, reason: 'it was refused' } as const
  t.match(await directory.adjust('refunded', refund, null, () => CHANGE), { status: 'adjusted' })
  ledger.free(hold)
  ledger.free(hold)
  await settled()
  t.match(await books(redis, 'refunded', ['ada']), { used: 0, usersUsed: 0, days: 0, models: 0 })
  const bucket = Number.parseInt(hold.id.split('.')[0] ?? '', 36)
  t.equal(await redis.hget(keys.resolved('refunded', bucket), hold.id), 'charged 700000')
})
