/** Tries to make the free of an expired hold give back twice, elsewhere, or from somebody else's counters (decision 0036). */
import { join } from 'node:path'
import t from 'tap'
import type { Hold } from '../../src/core/hold.ts'
import { createDirectory } from '../../src/directory/directory.ts'
import { Journal } from '../../src/journal/journal.ts'
import * as keys from '../../src/store/keys.ts'
import { deleteOrg, removeMember } from '../support/changes.ts'
import {
  books,
  charge,
  createOrg,
  endLease,
  holdOf,
  openClient,
  openLedger,
  reservation,
  silent,
} from '../support/ledger.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const server = await startRedis()
const redis = await openClient({ url: server.url })
const ledger = await openLedger(redis)
const directory = createDirectory({ redis, openPeriod: (org, now) => ledger.openPeriod(org, now) })
t.teardown(async () => {
  ledger.close()
  redis.disconnect()
  await server.stop()
})

async function expired(org: string, credits: number, user = 'ada'): Promise<Hold> {
  const hold = holdOf(await ledger.reserve(reservation(org, credits, { user })))
  await endLease(redis, hold)
  await ledger.sweep()
  return hold
}

/** Each of two gateways has the free in a journal of its own, brings it to the store at the same time; a third frees it live. */
async function fromEverywhere(folder: string, hold: Hold): Promise<void> {
  const journals = ['a', 'b'].map(
    (name) => new Journal({ dir: join(folder, name), maxBytes: 1_000_000, logger: silent }),
  )
  for (const journal of journals) for (let n = 0; n < 3; n++) await journal.free(hold)
  const gateways = await Promise.all(journals.map((journal) => openLedger(redis, { journal })))
  ledger.free(hold)
  await until(() => journals.every((journal) => journal.entries === 0))
  if (!(await ledger.drained(5_000))) throw new Error('stuck')
  for (const gateway of gateways) gateway.close()
  for (const journal of journals) await journal.close()
}

void t.test('C5: two gateways and a live free give back once; the drift check agrees', async (t) => {
  await createOrg(redis, 'both', { members: ['ada', 'bob'] })
  const hold = await expired('both', 10)
  const other = await expired('both', 20)
  ledger.settle(holdOf(await ledger.reserve(reservation('both', 5))), charge(5))
  await fromEverywhere(t.testdir(), hold)
  t.match(await books(redis, 'both', ['ada']), {
    used: 7e6,
    usersUsed: 7e6,
    days: 7e6,
    models: 7e6,
    held: 0,
    leases: 0,
  })
  t.match(await directory.checkDrift('both', null), { differences: [], isComplete: true })
  ledger.settle(other, charge(4))
  t.ok(await ledger.drained(5_000))
  await fromEverywhere(t.testdir(), other)
  t.match(
    await books(redis, 'both', ['ada']),
    { used: 9e6, usersUsed: 9e6, days: 9e6 },
    'what was settled is not given back',
  )
  t.match(await directory.checkDrift('both', null), { differences: [] })
})

void t.test('P3, A4: the user is removed and the period rolls between expiry and free', async (t) => {
  await createOrg(redis, 'gone-user', { members: ['ada', 'bob'] })
  const hold = await expired('gone-user', 10)
  t.equal(await removeMember(directory, 'gone-user', 'ada'), 'removed')
  await redis.hset(keys.org('gone-user'), 'period_end', String(Date.now() - 1))
  ledger.settle(holdOf(await ledger.reserve(reservation('gone-user', 1, { user: 'bob' }))), charge(1))
  t.ok(await ledger.drained(5_000))
  await fromEverywhere(t.testdir(), hold)
  t.match(await books(redis, 'gone-user', ['ada', 'bob'], 1), { used: 0, usersUsed: 0, models: 0 })
  t.match(await books(redis, 'gone-user', ['ada', 'bob'], 2), { used: 1e6, usersUsed: 1e6, models: 1e6 })
  t.equal(await redis.hget(keys.userDay('gone-user', hold.day, 'ada'), 'chat|m'), '0 0 0 0')
  t.match(await directory.checkDrift('gone-user', null), { differences: [] })
})

void t.test(
  'C5: the organization is deleted and made anew under the same id: its counters give nothing back',
  async (t) => {
    await createOrg(redis, 'anew')
    const hold = await expired('anew', 10)
    t.equal(await deleteOrg(directory, 'anew'), 'deleted')
    await createOrg(redis, 'anew')
    ledger.settle(holdOf(await ledger.reserve(reservation('anew', 5))), charge(5))
    t.ok(await ledger.drained(5_000))
    await fromEverywhere(t.testdir(), hold)
    t.match(await books(redis, 'anew', ['ada']), {
      used: 5e6,
      usersUsed: 5e6,
      days: 5e6,
      models: 5e6,
      held: 0,
    })
    t.match(await directory.checkDrift('anew', null), { differences: [] })
  },
)

void t.test('C5, C6: a free and two sweeps at once leave nothing charged', async (t) => {
  await createOrg(redis, 'race')
  for (let n = 0; n < 20; n++) {
    const hold = holdOf(await ledger.reserve(reservation('race', 10)))
    await endLease(redis, hold)
    ledger.free(hold)
    await Promise.all([ledger.sweep(), ledger.sweep()])
    t.ok(await ledger.drained(5_000))
  }
  t.match(await books(redis, 'race', ['ada']), {
    used: 0,
    usersUsed: 0,
    days: 0,
    models: 0,
    held: 0,
    usersHeld: 0,
    leases: 0,
  })
  t.match(await directory.checkDrift('race', null), { differences: [] })
})
