/** Each entry of a journal is charged once, whatever happened to its hold and however often it is replayed (D2). */
import { copyFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Hold } from '../../src/core/hold.ts'
import { BUCKET_MS } from '../../src/ledger/hold-ids.ts'
import { Journal } from '../../src/journal/journal.ts'
import { nobodysName } from '../../src/journal/owner.ts'
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
  silent,
} from '../support/ledger.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const server = await startRedis()
const redis = await openClient({ url: server.url })
const ledger = await openLedger(redis)
t.teardown(async () => {
  ledger.close()
  redis.disconnect()
  await server.stop()
})

const HOUR_MS = 3_600_000

async function reserved(org: string, credits: number): Promise<Hold> {
  return holdOf(await ledger.reserve(reservation(org, credits)))
}

/** Fills a journal, has it brought to the store, and then once more from a copy, as if the process had died before it forgot. */
async function replayTwice(t: Test, fill: (journal: Journal) => Promise<void>): Promise<void> {
  const folder = t.testdir({ first: {}, copy: {} })
  const [dir, copy] = [join(folder, 'first'), join(folder, 'copy')]
  const first = new Journal({ dir, maxBytes: 1_000_000, logger: silent })
  await fill(first)
  const [name = ''] = readdirSync(dir)
  const [id = ''] = name.split('.')
  copyFileSync(join(dir, name), join(copy, nobodysName(id)))
  await replayed(first)
  const second = new Journal({ dir: copy, maxBytes: 1_000_000, logger: silent })
  second.adopt()
  t.ok(second.entries > 0, 'the copy is full')
  await replayed(second)
}

async function replayed(journal: Journal): Promise<void> {
  const replayer = await openLedger(redis, { journal })
  await until(() => journal.entries === 0)
  replayer.close()
  await journal.close()
}

void t.test('D2: an open hold and a call without one, replayed twice, are charged once', async (t) => {
  await createOrg(redis, 'twice')
  const hold = await reserved('twice', 5)
  await replayTwice(t, async (journal) => {
    await journal.settle(hold, charge(2), false)
    const writer = await openLedger(redis, { journal })
    const call = await writer.letThrough(reservation('twice', 9))
    writer.close()
    writer.settle(call, charge(3))
    await until(() => journal.books[0]?.payable.length === 2)
  })
  t.match(await books(redis, 'twice', ['ada']), { used: 5e6, usersUsed: 5e6, days: 5e6, held: 0, leases: 0 })
})

void t.test('D2: a hold that expired meanwhile: what is missing is charged, once', async (t) => {
  await createOrg(redis, 'expired')
  const hold = await reserved('expired', 5)
  await expire(hold)
  const prompt = (await books(redis, 'expired', ['ada'])).used
  t.ok(prompt > 0 && prompt < 2e6)
  await replayTwice(t, (journal) => journal.settle(hold, charge(2), false))
  t.match(await books(redis, 'expired', ['ada']), { used: 2e6, usersUsed: 2e6, days: 2e6, held: 0 })
})

/** Ends the lease of a hold, and expires it: the price of its prompt, a tenth of it, is charged. */
async function expire(hold: Hold): Promise<void> {
  await endLease(redis, hold)
  await ledger.sweep()
}

void t.test('C5: frees of a hold that is open, of one that expired, of one that is done with', async (t) => {
  await createOrg(redis, 'freed')
  const [open, gone, done] = [
    await reserved('freed', 5),
    await reserved('freed', 6),
    await reserved('freed', 7),
  ]
  ledger.settle(done, charge(3))
  t.ok(await ledger.drained(5_000))
  await expire(gone)
  t.match(await books(redis, 'freed', ['ada']), { used: 3.6e6, held: 5e6 })
  await replayTwice(t, async (journal) => {
    for (const hold of [open, gone, done]) await journal.free(hold)
  })
  t.match(await books(redis, 'freed', ['ada']), {
    ...{ used: 3e6, usersUsed: 3e6, days: 3e6, models: 3e6, held: 0, usersHeld: 0, leases: 0 },
  })
})

void t.test(
  'C5: a free that came to the store all the same, and is journaled, gives back once',
  async (t) => {
    await createOrg(redis, 'freed-twice')
    const [kept, gone] = [await reserved('freed-twice', 50), await reserved('freed-twice', 6)]
    await expire(kept)
    await expire(gone)
    ledger.free(gone)
    t.ok(await ledger.drained(5_000))
    t.match(await books(redis, 'freed-twice', ['ada']), { used: 5e6 })
    await replayTwice(t, async (journal) => {
      await journal.free(gone)
      await journal.free(gone)
    })
    t.match(await books(redis, 'freed-twice', ['ada']), { used: 5e6, usersUsed: 5e6, days: 5e6 })
  },
)

void t.test('C5: a free whose hold nobody remembers any more gives nothing back', async (t) => {
  await createOrg(redis, 'freed-forgotten')
  ledger.settle(await reserved('freed-forgotten', 5), charge(3))
  const hold = longAgo(await reserved('freed-forgotten', 6))
  t.ok(await ledger.drained(5_000))
  await replayTwice(t, (journal) => journal.free(hold))
  t.match(await books(redis, 'freed-forgotten', ['ada']), { used: 3e6, usersUsed: 3e6, held: 6e6 })
})

void t.test('D2: a settle that came to the store all the same is not charged again', async (t) => {
  await createOrg(redis, 'came')
  const hold = await reserved('came', 5)
  ledger.settle(hold, charge(2))
  t.ok(await ledger.drained(5_000))
  await replayTwice(t, (journal) => journal.settle(hold, charge(2), true))
  t.match(await books(redis, 'came', ['ada']), { used: 2e6 })
})

/** The same hold as if it had been made hours ago, and were forgotten. */
function longAgo(hold: Hold): Hold {
  const bucket = Math.floor((Date.now() - 2 * HOUR_MS) / BUCKET_MS).toString(36)
  return { ...hold, id: `${bucket}.${hold.id.split('.').slice(1).join('.')}` }
}

void t.test(
  'D2: past the horizon: charged once by its place in the journal, unless it may have been charged',
  async (t) => {
    await createOrg(redis, 'forgotten')
    const [never, perhaps] = [
      longAgo(await reserved('forgotten', 5)),
      longAgo(await reserved('forgotten', 5)),
    ]
    await replayTwice(t, async (journal) => {
      await journal.settle(never, charge(2), false)
      await journal.settle(perhaps, charge(4), true)
    })
    t.match(await books(redis, 'forgotten', ['ada']), { used: 2e6, usersUsed: 2e6 })
  },
)

void t.test('P3: a call that was let through before the period ended is charged to it', async (t) => {
  await createOrg(redis, 'rolled')
  const journal = new Journal({ dir: t.testdir({}), maxBytes: 1_000_000, logger: silent })
  const replayer = await openLedger(redis, { journal })
  const call = await replayer.letThrough(reservation('rolled', 9))
  const now = Date.now()
  // The period ended a moment after the call came, and another one began.
  await redis.hset(keys.total('rolled', 1), 'end', String(now + 1))
  await redis.hset(keys.org('rolled'), 'period_no', '2', 'period_start', String(now + 1))
  await redis.hset(
    keys.total('rolled', 2),
    'start',
    String(now + 1),
    'end',
    String(now + HOUR_MS),
    'used',
    '0',
    'held',
    '0',
  )
  replayer.settle(call, charge(3))
  await until(async () => (await books(redis, 'rolled', ['ada'], 1)).used === 3e6)
  await until(() => journal.entries === 0)
  t.match(await books(redis, 'rolled', ['ada'], 2), { used: 0 })
  replayer.close()
  await journal.close()
})
