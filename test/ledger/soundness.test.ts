/** Before its first write, each script checks that the counters add up. Where they do not, it refuses its batch whole. */
import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { UnsoundBooks } from '../../src/store/unavailable.ts'
import { createDirectory } from '../../src/directory/directory.ts'
import * as keys from '../../src/store/keys.ts'
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
import { until } from '../support/until.ts'

const server = await startRedis()
const redis = await openClient({ socketPath: server.socketPath })
const metrics = countingMetrics()
const ledger = await openLedger(redis, { metrics })
const directory = createDirectory({ redis, openPeriod: (org, now) => ledger.openPeriod(org, now) })
t.teardown(async () => {
  ledger.close()
  redis.disconnect()
  await server.stop()
})

const total = (org: string): string => keys.total(org, 1)
const user = (org: string, name = 'ada'): string => keys.user(org, 1, name)

/** What somebody changed in the store by hand, while a credit is held for ada; `mend` puts it right. */
const corruptions: readonly {
  readonly what: string
  readonly change: (org: string) => Promise<unknown>
  readonly mend: (org: string) => Promise<unknown>
  readonly isSeenByReserve: boolean
}[] = [
  {
    what: 'less is held by the user than the open hold',
    change: (org) => redis.hset(user(org), 'held:chat', '999999'),
    mend: (org) => redis.hset(user(org), 'held:chat', '1000000'),
    isSeenByReserve: false,
  },
  {
    what: 'less is held by the organization than the open hold',
    change: (org) => redis.hset(total(org), 'held', '0'),
    mend: (org) => redis.hset(total(org), 'held', '1000000'),
    isSeenByReserve: false,
  },
  {
    what: 'what a user holds is below zero',
    change: (org) => redis.hset(user(org), 'held:workflow', '-1'),
    mend: (org) => redis.hset(user(org), 'held:workflow', '0'),
    isSeenByReserve: true,
  },
  {
    what: 'what the organization holds is below zero',
    change: (org) => redis.hset(total(org), 'held', '-5'),
    mend: (org) => redis.hset(total(org), 'held', '1000000'),
    isSeenByReserve: true,
  },
  {
    what: 'what a user used is no whole number',
    change: (org) => redis.hset(user(org), 'used:chat', '0.5'),
    mend: (org) => redis.hset(user(org), 'used:chat', '0'),
    isSeenByReserve: true,
  },
  {
    what: 'what the organization used is beyond what a counter may be',
    change: (org) => redis.hset(total(org), 'used', '9000000000000001'),
    mend: (org) => redis.hset(total(org), 'used', '0'),
    isSeenByReserve: true,
  },
]

/** Everything that is stored of an organization. */
async function dump(org: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const key of (await redis.keys(`tg:{${org}}:*`)).sort())
    found[key] = (await redis.dumpBuffer(key)).toString('hex')
  return found
}

async function stays(t: Test, org: string, work: () => Promise<unknown>): Promise<void> {
  const before = await dump(org)
  await work()
  t.same(await dump(org), before, 'nothing is written')
}

for (const { what, change, mend, isSeenByReserve } of corruptions) {
  void t.test(`${what}: a settle is refused until that is mended, and is charged then`, async (t) => {
    const org = `s-${randomUUID()}`
    await createOrg(redis, org)
    const hold = holdOf(await ledger.reserve(reservation(org, 1)))
    await change(org)
    await stays(t, org, async () => {
      const faults = metrics.faults['settle'] ?? 0
      ledger.settle(hold, charge(0.25))
      await until(() => (metrics.faults['settle'] ?? 0) >= faults + 2, {
        what: 'it is refused and tried again',
      })
    })
    await mend(org)
    await until(async () => (await books(redis, org, ['ada'])).used === 250_000, { what: 'it is charged' })
    t.match(await books(redis, org, ['ada']), { held: 0, usersUsed: 250_000, openHolds: 0, leases: 0 })
  })

  void t.test(`${what}: a reserve ${isSeenByReserve ? 'is refused' : 'cannot know'}`, async (t) => {
    const org = `r-${randomUUID()}`
    await createOrg(redis, org)
    const hold = holdOf(await ledger.reserve(reservation(org, 1)))
    await change(org)
    const faults = metrics.faults['reserve'] ?? 0
    if (isSeenByReserve) {
      await stays(t, org, () => t.rejects(ledger.reserve(reservation(org, 1)), UnsoundBooks))
      t.equal(metrics.faults['reserve'], faults + 1, 'it is not asked again')
      await mend(org)
    }
    ledger.free(holdOf(await ledger.reserve(reservation(org, 1))))
    t.ok(await ledger.drained(60_000), 'the hold that was made meanwhile goes as it came')
    if (!isSeenByReserve) await mend(org)
    ledger.free(hold)
    t.ok(await ledger.drained(60_000))
  })

  void t.test(`${what}: a free and an expiry are refused`, async (t) => {
    const org = `f-${randomUUID()}`
    await createOrg(redis, org)
    const hold = holdOf(await ledger.reserve(reservation(org, 1)))
    await endLease(redis, hold)
    await change(org)
    const faults = { ...metrics.faults }
    await stays(t, org, async () => {
      await ledger.sweep()
      ledger.free(hold)
      await until(() => (metrics.faults['free'] ?? 0) > (faults['free'] ?? 0), {
        what: 'the free is refused',
      })
    })
    t.equal(metrics.faults['expire'], (faults['expire'] ?? 0) + 1)
    await mend(org)
    t.ok(await ledger.drained(60_000))
    t.match(await books(redis, org, ['ada']), { used: 0, held: 0, openHolds: 0, leases: 0 })
  })

  void t.test(`${what}: an adjustment is refused`, async (t) => {
    const org = `a-${randomUUID()}`
    await createOrg(redis, org)
    const hold = holdOf(await ledger.reserve(reservation(org, 1)))
    await change(org)
    const adjustment = { user: 'ada', source: 'chat', amount: 5_000_000, reason: 'test' } as const
    const adjust = (): Promise<unknown> => directory.adjust(org, adjustment, null, () => CHANGE)
    // It takes no hold away, so it sees the same as a reserve.
    if (isSeenByReserve) {
      await stays(t, org, async () => {
        const outcome = await adjust().catch((error: unknown) => error)
        if (!(outcome instanceof UnsoundBooks)) t.same(outcome, { status: 'too_much' })
      })
      await mend(org)
    }
    t.match(await adjust(), { status: 'adjusted', used: 5_000_000 })
    if (!isSeenByReserve) await mend(org)
    ledger.free(hold)
    t.ok(await ledger.drained(60_000))
  })
}

void t.test(
  'a hold that cannot be read is not taken off, and is no longer in the way when it is gone',
  async (t) => {
    const org = `h-${randomUUID()}`
    await createOrg(redis, org)
    const hold = holdOf(await ledger.reserve(reservation(org, 1)))
    const [text] = await redis.hmget(user(org), `o:${hold.id}`)
    await redis.hset(user(org), `o:${hold.id}`, '1000000 5 elsewhere 20260101 m')
    await stays(t, org, async () => {
      const faults = metrics.faults['settle'] ?? 0
      ledger.settle(hold, charge(0.5))
      await until(() => (metrics.faults['settle'] ?? 0) > faults)
    })
    await redis.hset(user(org), `o:${hold.id}`, text ?? '')
    t.ok(await ledger.drained(60_000))
    t.match(await books(redis, org, ['ada']), { used: 500_000, held: 0 })
  },
)

void t.test('one user’s fault keeps no other user of the batch from being charged', async (t) => {
  const org = `b-${randomUUID()}`
  await createOrg(redis, org, { members: ['ada', 'bob', 'cy'] })
  const holds = await Promise.all(
    ['ada', 'bob', 'cy'].map(async (name) =>
      holdOf(await ledger.reserve(reservation(org, 1, { user: name }))),
    ),
  )
  await redis.hset(user(org), 'held:chat', '0')
  for (const hold of holds) ledger.settle(hold, charge(0.5))
  await until(async () => (await books(redis, org, ['bob', 'cy'])).used === 1_000_000, {
    what: 'the others are charged',
  })
  t.match(await books(redis, org, ['ada']), { usersUsed: 0, openHolds: 1_000_000 })
  await redis.hset(user(org), 'held:chat', '1000000')
  t.ok(await ledger.drained(60_000))
  t.match(await books(redis, org, ['ada', 'bob', 'cy']), { used: 1_500_000, held: 0, leases: 0 })
})
