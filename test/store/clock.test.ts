/**
 * The store's clock steps, forth and back, while calls are open: everything of a billing period, a day, a lease and a lifetime runs
 * by it. Each test starts at a step of 0; an organization of its own does not know of the others' steps.
 */
import t from 'tap'
import type { Hold } from '../../src/core/hold.ts'
import type { UnixMs } from '../../src/core/units.ts'
import { createWindowCount } from '../../src/admin/window-count.ts'
import { createDriftDirectory } from '../../src/directory/drift/check.ts'
import { bucketOf } from '../../src/ledger/hold-ids.ts'
import * as keys from '../../src/store/keys.ts'
import type { Reservation } from '../../src/ledger/ledger.ts'
import type { RedisLedger } from '../../src/ledger/redis-ledger.ts'
import { createRedisLedger } from '../../src/ledger/redis-ledger.ts'
import { takeTurn } from '../../src/store/turn.ts'
import type { Setting } from '../simulation/actions.ts'
import { checkCounters, Peaks, readBooks } from '../simulation/books.ts'
import { createOrganization } from '../simulation/organization.ts'
import {
  charge,
  countingMetrics,
  holdOf,
  openClient,
  openLedger,
  reservation,
  silent,
} from '../support/ledger.ts'
import { randomOf } from '../support/random.ts'
import { startRedis } from '../support/redis.ts'
import { createSteppedClock, noShims } from '../support/shim.ts'
import { until } from '../support/until.ts'

if (noShims !== false) {
  t.plan(0, noShims)
  process.exit()
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const CREDIT = 1_000_000
const SETTING: Setting = {
  admission: 'straddle',
  limit: 40,
  excludesWorkflows: false,
  alerts: [3, 30],
  userAlert: 5,
}

const clock = createSteppedClock()
const server = await startRedis({ env: clock.env })
const redis = await openClient({ url: server.url })

/** Its timers are stopped: leases are renewed by nobody and expired by a test's own sweeps, however long it takes. */
async function openStopped(leaseMs = MINUTE): Promise<RedisLedger> {
  const ledger = await openLedger(redis, { leaseMs })
  ledger.close()
  return ledger
}

/** Leases of a minute, and of days where a test must get past a border without losing them. */
const [one, other, patient] = [await openStopped(), await openStopped(), await openStopped(3 * DAY)]
t.teardown(async () => {
  redis.disconnect()
  await server.stop()
})
t.beforeEach(() => clock.stepTo(0))

async function createOrg(name: string): Promise<string> {
  await createOrganization(redis, name, SETTING)
  await redis.sadd(keys.ORGS, name)
  return name
}

async function hold(
  ledger: RedisLedger,
  org: string,
  credits: number,
  rest?: Partial<Reservation>,
): Promise<Hold> {
  return holdOf(await ledger.reserve(reservation(org, credits, rest)))
}

async function settle(ledger: RedisLedger, which: Hold, credits: number): Promise<void> {
  ledger.settle(which, charge(credits))
  await ledger.drained(5_000)
}

/** Credits used in each period that was opened; throws where an invariant does not hold, or the check for drift sees anything. */
async function used(org: string): Promise<number[]> {
  const books = await readBooks(redis, org)
  checkCounters(books, SETTING, new Peaks())
  const openPeriod = (id: string, now: UnixMs): Promise<void> => one.openPeriod(id, now)
  const drift = await createDriftDirectory({ redis, openPeriod }).checkDrift(org, null)
  if (drift?.differences.length !== 0) throw new Error(`drift: ${JSON.stringify(drift?.differences)}`)
  return [...books.periods].sort(([a], [b]) => a - b).map(([, period]) => period.used / CREDIT)
}

const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10).replaceAll('-', '')
const untilMidnight = (): number => DAY - (Date.now() % DAY)

void t.test('P2, P4: back over the border of a period, and forth, and back: it is opened once', async (t) => {
  const org = await createOrg('border')
  const [first, left] = [await hold(patient, org, 2), untilMidnight()]
  const border = Date.now() + left
  await redis.hset(keys.org(org), 'period_end', border)
  await redis.hset(keys.total(org, 1), 'end', border)

  const open: Hold[] = []
  for (const step of [left + MINUTE, 0, left + 2 * MINUTE, -HOUR, left - MINUTE]) {
    clock.stepTo(step)
    const made = await Promise.all(
      [one, other, patient].map((ledger) => hold(ledger, org, 1, { user: 'bob' })),
    )
    t.same(
      made.map(({ periodNo }) => periodNo),
      [2, 2, 2],
      `at a step of ${step}`,
    )
    t.same(
      new Set(made.map(({ day }) => day)),
      new Set([dayOf(border)]),
      'and on no day of the period before',
    )
    for (const which of made.slice(1)) await settle(patient, which, 1)
    open.push(...made.slice(0, 1))
  }
  const { period_no, period_start, period_end } = await redis.hgetall(keys.org(org))
  t.same([period_no, period_start], ['2', String(border)])
  t.ok(Number(period_end) > border)
  await settle(patient, first, 2)
  for (const which of open) await settle(patient, which, 1)
  t.same(await used(org), [2, 15], 'no counter was reset, and each call is in the period that admitted it')
  t.equal(await redis.zcard(keys.leases(org)), 0)
})

void t.test(
  'C9: back over the border of a day: both days add up, and nothing looks like drift',
  async (t) => {
    const org = await createOrg('midnight')
    const midnight = Date.now() + untilMidnight()
    await redis.hset(keys.org(org), 'period_end', midnight + 5 * DAY)
    const today = await hold(patient, org, 2)
    clock.stepTo(untilMidnight() + MINUTE)
    const tomorrow = await hold(patient, org, 3)
    await settle(patient, tomorrow, 3)
    clock.stepTo(0)
    const again = await hold(patient, org, 4)
    t.same([today.day, tomorrow.day, again.day], [midnight - 1, midnight, midnight - 1].map(dayOf))
    t.same(await used(org), [3])
    for (const [which, credits] of [
      [today, 2],
      [again, 4],
    ] as const)
      await settle(patient, which, credits)
    t.same(await used(org), [9])
  },
)

for (const back of [10 * MINUTE, 2 * HOUR]) {
  void t.test(
    `C6: ${back / MINUTE} minutes back: leases end later by that, and later ones do not`,
    async (t) => {
      const org = await createOrg(`back-${back}`)
      const dead = await openStopped()
      const [alive, before] = [await hold(one, org, 2), await hold(dead, org, 2)]
      clock.stepTo(-back)
      const after = await hold(dead, org, 3, { user: 'bob' })
      await settle(one, alive, 1)
      await other.sweep()
      t.same(await redis.zcard(keys.leases(org)), 2)
      clock.stepTo(-back + 61_000)
      await other.sweep()
      t.same(await redis.zrange(keys.leases(org), 0, -1), [keys.lease(1, before.day, before.id, 'ada')])
      clock.stepTo(61_000)
      await other.sweep()
      t.same(await used(org), [1.5], 'the prompts of both')
      t.same(await redis.zcard(keys.leases(org)), 0)
      await settle(other, after, 3)
      t.same(await used(org), [4.2], 'a settle that comes later is charged what is missing')
    },
  )
}

void t.test('C6: forth by 40 minutes, and back: leases that ended too early are made good', async (t) => {
  const org = await createOrg('forth')
  const open = await hold(one, org, 10)
  clock.stepTo(40 * MINUTE)
  const dead = await openStopped()
  await hold(dead, org, 2, { user: 'bob' })
  await other.sweep()
  t.same(await used(org), [1], 'the price of the prompt')
  clock.stepTo(0)
  await settle(one, open, 6)
  await settle(one, open, 6)
  t.same(await used(org), [6])
  clock.stepTo(61_000)
  await other.sweep()
  t.equal(await redis.zcard(keys.leases(org)), 1, 'what was held in the future ends there')
  clock.stepTo(41 * MINUTE + 1_000)
  await other.sweep()
  t.same(await used(org), [6.2])
})

/** Charges a call of another user. */
async function another(org: string): Promise<void> {
  await settle(other, await hold(other, org, 1, { user: 'bob' }), 1)
}

const memoryOf = (org: string, { id }: Hold): string => keys.resolved(org, bucketOf(id))

/** Steps by which the memory of a settle is lost while it could be asked again; each is given a hold, and how it is settled. */
const FORGETTING: Readonly<
  Record<string, (org: string, which: Hold, settled: () => Promise<void>) => Promise<void>>
> = {
  'forth by 40 minutes and back, while nobody calls': async (_org, _which, settled) => {
    await settled()
    clock.stepTo(40 * MINUTE)
  },
  'forth by 40 minutes and back, while others call': async (org, _which, settled) => {
    await settled()
    clock.stepTo(40 * MINUTE)
    await another(org)
  },
  'forth by 40 minutes and back, and what was forgotten is begun anew': async (org, which, settled) => {
    const open = await hold(one, org, 1, { user: 'bob' })
    await settled()
    clock.stepTo(40 * MINUTE)
    await until(async () => (await redis.exists(memoryOf(org, which))) === 0)
    clock.stepTo(0)
    await settle(one, open, 1)
  },
  'back by 2 hours before it is settled, and 36 minutes go by': async (org, _which, settled) => {
    clock.stepTo(-2 * HOUR)
    await settled()
    clock.stepTo(-2 * HOUR + 36 * MINUTE)
    await another(org)
  },
}

for (const [steps, forget] of Object.entries(FORGETTING)) {
  void t.test(`C3: ${steps}: a settle that comes again charges nothing`, async (t) => {
    const org = await createOrg(`forget-${Object.keys(FORGETTING).indexOf(steps)}`)
    const which = await hold(one, org, 5)
    await forget(org, which, () => settle(one, which, 4))
    await until(async () => (await redis.hexists(memoryOf(org, which), which.id)) === 0)
    if (!steps.startsWith('back')) clock.stepTo(0)
    const before = await used(org)
    await settle(one, which, 4)
    t.same(await used(org), before)
  })
}

void t.test(
  'C3: the clock of a gateway that was an hour ahead: its settles are charged once, however late they come again',
  async (t) => {
    const org = await createOrg('ahead')
    let skewMs = 0
    const ahead = await createRedisLedger({
      redis,
      leaseMs: MINUTE,
      userDayLifeMs: 62 * DAY,
      metrics: countingMetrics(),
      logger: silent,
      onCrossings: () => undefined,
      wallClock: () => Date.now() + skewMs,
    })
    t.teardown(() => ahead.close())
    skewMs = HOUR
    const which = await hold(ahead, org, 5)
    t.ok(bucketOf(which.id) * 300_000 > Date.now() + HOUR / 2)
    await settle(ahead, which, 4)
    clock.stepTo(36 * MINUTE)
    await until(async () => (await redis.exists(memoryOf(org, which))) === 0)
    await settle(ahead, which, 4)
    t.same(await used(org), [4])
  },
)

void t.test(
  'C3: a hold that the store has lost is charged all the same after a small step, and is not after a large one',
  async (t) => {
    for (const [step, credits] of [
      [-10 * MINUTE, 3],
      [10 * MINUTE, 3],
      [-2 * HOUR, 0],
    ] as const) {
      clock.stepTo(0)
      const org = await createOrg(`lost-${step}`.replace('--', '-back-'))
      await another(org)
      clock.stepTo(step)
      // Which tells the gateway what time it is.
      await settle(one, await hold(one, org, 1, { user: 'bob' }), 1)
      const which = await hold(one, org, 5)
      await redis.hdel(keys.user(org, 1, 'ada'), `o:${which.id}`)
      await redis.hset(keys.user(org, 1, 'ada'), 'held:chat', 0)
      await redis.hset(keys.total(org, 1), 'held', 0)
      await redis.zremrangebyrank(keys.leases(org), 0, -1)
      await settle(one, which, 3)
      t.same(await used(org), [2 + credits], `a step of ${step / MINUTE} minutes`)
    }
  },
)

void t.test('N2: a turn from before a step back is over, so that crossings are swept at once', async (t) => {
  t.equal(await takeTurn(redis, keys.OUTBOX_SWEEP, 30_000), true)
  t.equal(await takeTurn(redis, keys.OUTBOX_SWEEP, 30_000), false)
  clock.stepTo(-2 * HOUR)
  t.equal(await takeTurn(redis, keys.OUTBOX_SWEEP, 30_000), true)
  t.equal(await takeTurn(redis, keys.OUTBOX_SWEEP, 30_000), false)
})

void t.test('A1: a window of failed sign-ins is not longer by a step back', async (t) => {
  const add = createWindowCount(redis, 60_000)
  await add(keys.authFailures('203.0.113.7'))
  clock.stepTo(-2 * HOUR)
  const { count, resetMs } = await add(keys.authFailures('203.0.113.7'))
  t.equal(count, 2)
  t.ok(resetMs <= 60_000, String(resetMs))
  t.ok((await redis.pttl(keys.authFailures('203.0.113.7'))) <= 60_000)
})

const STEPS = [0, -10 * MINUTE, 0, 40 * MINUTE, 0, -2 * HOUR, -HOUR, 0, DAY, 0, 4 * DAY, 0, 3 * DAY, -DAY, 0]

void t.test(
  'C3, C6, C9, N1: calls go on while the clock steps by minutes, hours, days and a period: each is charged once',
  async (t) => {
    const org = await createOrg('all')
    await redis.hset(keys.org(org), 'period_end', Date.now() + untilMidnight() + 2 * DAY)
    const random = randomOf(12)
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
    const charged: number[] = []
    const open: { readonly ledger: RedisLedger; readonly which: Hold; readonly credits: number }[] = []
    const end = (): void => {
      const [call] = open.splice(Math.floor(random() * open.length), 1)
      if (call === undefined) return
      call.ledger.settle(call.which, charge(call.credits))
      if (random() < 0.3) call.ledger.settle(call.which, charge(call.credits))
      const { periodNo } = call.which
      charged[periodNo - 1] = (charged[periodNo - 1] ?? 0) + call.credits
    }
    for (const step of STEPS) {
      clock.stepTo(step)
      for (let round = 0; round < 6; round += 1) {
        const asked = Array.from({ length: 4 }, async () => {
          const ledger = pick([one, other])
          const credits = pick([1, 2, 3])
          const result = await ledger.reserve(
            reservation(org, 3, { user: pick(['ada', 'bob', 'cyd', 'dan']) }),
          )
          if (result.status === 'reserved') open.push({ ledger, which: result.hold, credits })
        })
        await Promise.all(asked)
        while (open.length > 6) end()
        if (random() < 0.3) await pick([one, other]).sweep()
        for (const ledger of [one, other]) t.ok(await ledger.drained(5_000))
        checkCounters(await readBooks(redis, org), SETTING, new Peaks())
      }
    }
    while (open.length > 0) end()
    for (const ledger of [one, other]) t.ok(await ledger.drained(5_000))
    t.same(await used(org), charged)
    t.ok(charged.length >= 2, 'a border was passed')
    t.equal(await redis.zcard(keys.leases(org)), 0)
  },
)
