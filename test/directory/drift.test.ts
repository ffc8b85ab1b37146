/** Counters are what usage by day and open holds come to, and where they are not, that is found and put right (decision 0037). */
import t, { type Test } from 'tap'
import { dayAt } from '../../src/core/period.ts'
import type { Day, Microcredits, UnixMs } from '../../src/core/units.ts'
import { createDirectory, type Directory } from '../../src/directory/directory.ts'
import type { Change } from '../../src/store/changes.ts'
import { checkSample, takeDriftTurn } from '../../src/directory/drift/background.ts'
import type { Difference } from '../../src/directory/drift/check.ts'
import * as keys from '../../src/store/keys.ts'
import type { RedisLedger } from '../../src/ledger/redis-ledger.ts'
import { randomOf } from '../support/random.ts'
import { charge, createOrg, holdOf, openClient, openLedger, reservation } from '../support/ledger.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const server = await startRedis()
const redis = await openClient({ url: server.url })
const ledger = await openLedger(redis)
const told: { users: number; credits: number }[] = []
const store = {
  redis,
  openPeriod: (org: string, now: UnixMs) => ledger.openPeriod(org, now),
  onDrift: (users: number, credits: number) => void told.push({ users, credits }),
}
const directory = createDirectory(store)
t.teardown(async () => {
  ledger.close()
  redis.disconnect()
  await server.stop()
})

const repair = (target: string): Change => ({
  actor: 'operator',
  action: 'org.repair',
  target,
  before: null,
  after: null,
})
const today = (): Day => dayAt('UTC', Date.now() as UnixMs).day
const of = (user: string | null, counter: string, stored: number, recomputed: number): Difference => ({
  user,
  counter,
  stored: Math.round(stored * 1e6) as Microcredits,
  recomputed: Math.round(recomputed * 1e6) as Microcredits,
})
const ordered = (differences: readonly Difference[]): Difference[] =>
  [...differences].sort((a, b) => (`${a.user ?? ''} ${a.counter}` < `${b.user ?? ''} ${b.counter}` ? -1 : 1))

async function look(org: string): Promise<Difference[]> {
  return ordered((await directory.checkDrift(org, null))?.differences ?? [])
}

/** ada used 3 credits of chat and 2 of workflow, bob 1; ada holds 4. */
async function household(org: string, through: RedisLedger = ledger): Promise<void> {
  await createOrg(redis, org, { members: ['ada', 'bob', 'idle'] })
  const call = async (user: string, source: 'chat' | 'workflow', credits: number, model: string) =>
    through.settle(
      holdOf(await through.reserve(reservation(org, credits, { user, source, model }))),
      charge(credits, model),
    )
  await call('ada', 'chat', 1, 'small')
  await call('ada', 'chat', 2, 'large|1')
  await call('ada', 'workflow', 2, 'small')
  await call('bob', 'chat', 1, 'small')
  t.ok(await through.drained(5_000))
  holdOf(await through.reserve(reservation(org, 4)))
}

void t.test(
  'an organization whose books are right shows no difference; an unknown one is none',
  async (t) => {
    await household('right')
    t.same(await directory.checkDrift('right', repair), {
      checkedUsers: 3,
      differences: [],
      repaired: 0,
      isComplete: true,
    })
    t.equal(await directory.checkDrift('nowhere', null), null)
    t.equal(await redis.xlen(keys.audit('right')), 1, 'nothing but its creation is in the audit log')
  },
)

/** What somebody did to the store by hand, and what must be found of it. */
const CORRUPTIONS: readonly [string, (org: string) => Promise<unknown>, readonly Difference[]][] = [
  [
    'a counter of what was used',
    (org) => redis.hset(keys.user(org, 1, 'ada'), 'used:chat', '2500000'),
    [of('ada', 'used:chat', 2.5, 3)],
  ],
  [
    'a counter of what is held',
    (org) => redis.hincrby(keys.user(org, 1, 'ada'), 'held:workflow', 7_000_000),
    [of('ada', 'held:workflow', 7, 0)],
  ],
  [
    'a negative counter',
    (org) => redis.hset(keys.user(org, 1, 'bob'), 'held:chat', '-1'),
    [of('bob', 'held:chat', -0.000001, 0)],
  ],
  [
    'a line of usage by model, and one too many',
    (org) => redis.hset(keys.user(org, 1, 'ada'), 'm:chat|large|1', '9 1 1 1', 'm:chat|made-up', '5 1 1 1'),
    [of('ada', 'usage:chat|large|1', 0.000009, 2), of('ada', 'usage:chat|made-up', 0.000005, 0)],
  ],
  ['the index by use', (org) => redis.zadd(keys.top(org, 1), 1, 'ada'), [of('ada', 'index', 0.000001, 5)]],
  [
    'the counters of a user, lost as a whole',
    (org) => redis.del(keys.user(org, 1, 'bob')),
    [of('bob', 'usage:chat|small', 0, 1), of('bob', 'used:chat', 0, 1)],
  ],
  [
    'a counter of who used nothing',
    (org) => redis.hset(keys.user(org, 1, 'idle'), 'used:agent_deployment', '1'),
    [of('idle', 'used:agent_deployment', 0.000001, 0)],
  ],
  [
    'the counters of the organization',
    (org) => redis.hset(keys.total(org, 1), 'used', '1', 'held', '2'),
    [of(null, 'held', 0.000002, 4), of(null, 'used', 0.000001, 6)],
  ],
]

for (const [index, [what, corrupt, found]] of CORRUPTIONS.entries()) {
  void t.test(`C9: found exactly, repaired on request, and audited: ${what}`, async (t) => {
    const org = `corrupt-${index}`
    await household(org)
    await corrupt(org)
    t.same(await look(org), found)
    t.same(await look(org), found, 'to look changes nothing')
    t.same(told.at(-1), {
      users: 3,
      credits: found.reduce((sum, { stored, recomputed }) => sum + Math.abs(stored - recomputed), 0),
    })
    const repaired = await directory.checkDrift(org, repair)
    t.same(ordered(repaired?.differences ?? []), found)
    t.equal(repaired?.repaired, found.length)
    t.same(await look(org), [])

    const page = await directory.listAudit(org, {
      limit: 10,
      after: null,
      action: null,
      actor: null,
      target: null,
    })
    const [entry] = page?.items ?? []
    const credits = (read: (difference: Difference) => number) =>
      Object.fromEntries(found.map((one) => [one.counter, read(one) / 1e6]))
    t.match(entry, {
      actor: 'operator',
      action: 'org.repair',
      target: found[0]?.user ?? org,
      before: credits(({ stored }) => stored),
      after: credits(({ recomputed }) => recomputed),
    })
    t.equal(page?.items.length, 2, 'one entry, beside the creation')
  })
}

void t.test(
  'a repaired organization goes on as if nothing had been: holds settle, and sums agree',
  async (t) => {
    await household('goes-on')
    const hold = holdOf(await ledger.reserve(reservation('goes-on', 2, { user: 'bob' })))
    await redis.hset(keys.user('goes-on', 1, 'bob'), 'used:chat', '0', 'held:chat', '0')
    await redis.hset(keys.total('goes-on', 1), 'used', '0', 'held', '0')
    t.equal((await directory.checkDrift('goes-on', repair))?.repaired, 4)
    ledger.settle(hold, charge(2))
    t.ok(await ledger.drained(5_000))
    t.same(await look('goes-on'), [])
    t.match(await redis.hgetall(keys.user('goes-on', 1, 'bob')), { 'used:chat': '3000000', 'held:chat': '0' })
    t.match(await redis.hgetall(keys.total('goes-on', 1)), { used: '8000000', held: '4000000' })
    const life = await redis.pttl(keys.user('goes-on', 1, 'bob'))
    t.ok(life > 0, 'what was written lives no longer than before')
  },
)

void t.test('a call that was given back in a day that had forgotten it is no difference', async (t) => {
  await household('back')
  // As a late free writes it, where the lifetime of the day's usage ended after the hold had expired (C5, P5).
  const [field, given] = ['chat|late', '-500000 -1 0 0']
  await redis.hset(keys.user('back', 1, 'ada'), 'used:chat', '2500000', `m:${field}`, given)
  await redis.hset(keys.userDay('back', today(), 'ada'), field, given)
  await redis.hset(keys.day('back', today()), field, given)
  await redis.zincrby(keys.top('back', 1), -500_000, 'ada')
  await redis.hincrby(keys.total('back', 1), 'used', -500_000)
  t.same(await look('back'), [])
})

void t.test('what was recreated has a lifetime', async (t) => {
  await household('lives')
  await redis.del(keys.user('lives', 1, 'bob'), keys.top('lives', 1))
  t.ok(((await directory.checkDrift('lives', repair))?.repaired ?? 0) > 0)
  for (const key of [keys.user('lives', 1, 'bob'), keys.top('lives', 1)])
    t.ok((await redis.pttl(key)) > 0, key)
})

void t.test('a period that began in the middle of a day is compared with its usage by model', async (t) => {
  await household('midday')
  // As after a change of schedule: what was used of this day before belongs to the period before.
  const day = keys.userDay('midday', today(), 'ada')
  await redis.hset(day, 'chat|small', '9000000 3 1 1')
  const start = Number(await redis.hget(keys.org('midday'), 'period_start'))
  t.same(await look('midday'), [
    of('ada', 'index', 5, 13),
    of('ada', 'usage:chat|small', 1, 9),
    of('ada', 'used:chat', 3, 11),
  ])
  await redis.hset(keys.org('midday'), 'period_start', String(start + 3_600_000))
  t.same(await look('midday'), [])
  await redis.hset(keys.user('midday', 1, 'ada'), 'used:chat', '1')
  t.same(await look('midday'), [of('ada', 'used:chat', 0.000001, 3)])
})

void t.test('P2: a check that meets the end of a period opens the next one, and looks at that', async (t) => {
  await household('ended')
  await redis.hset(keys.org('ended'), 'period_end', String(Date.now() - 1))
  await redis.hset(keys.user('ended', 1, 'ada'), 'used:chat', '1')
  const report = await directory.checkDrift('ended', null)
  t.equal(await redis.hget(keys.org('ended'), 'period_no'), '2')
  t.match(report, { checkedUsers: 3, differences: [] })
})

/** Calls of random users, begun and ended all the time, until told to stop. */
async function busy(t: Test, org: string, users: readonly string[], isDone: () => boolean): Promise<number> {
  const random = randomOf(1)
  const one = <T>(list: readonly T[]): T => {
    const found = list[Math.floor(random() * list.length)]
    if (found === undefined) throw new Error('nothing')
    return found
  }
  let calls = 0
  const caller = async (): Promise<void> => {
    while (!isDone()) {
      const source = one(['chat', 'workflow', 'agent_deployment'] as const)
      const rest = { user: one(users), source, model: one(['small', 'large']) }
      const result = await ledger.reserve(reservation(org, Math.ceil(random() * 5), rest))
      if (result.status !== 'reserved') continue
      calls += 1
      if (random() < 0.2) ledger.free(result.hold)
      else ledger.settle(result.hold, charge(random() * 6, rest.model))
    }
  }
  await Promise.all(Array.from({ length: 40 }, caller))
  t.ok(await ledger.drained(10_000))
  return calls
}

void t.test('with 1,000 users and calls in flight there is no false difference', async (t) => {
  const users = Array.from({ length: 1_000 }, (_, index) => `user-${index}`)
  await createOrg(redis, 'busy', { members: users, limit: null })
  const reports: Awaited<ReturnType<Directory['checkDrift']>>[] = []
  const checks = async (): Promise<void> => {
    for (let turn = 0; turn < 3; turn += 1)
      reports.push(await directory.checkDrift('busy', turn === 1 ? repair : null))
  }
  const running = checks()
  let isDone = false
  void running.finally(() => (isDone = true))
  const calls = await busy(t, 'busy', users, () => isDone)
  await running
  t.same(
    reports.map((report) => report?.differences),
    [[], [], []],
    `${calls} calls, complete ${reports.map((report) => report?.isComplete).join(' ')}`,
  )
  t.same(new Set(reports.map((report) => report?.checkedUsers)), new Set([1_000]))
  t.ok(calls > 100)
  t.match(await directory.checkDrift('busy', null), { differences: [], isComplete: true }, 'and at rest')
})

void t.test(
  'one gateway in an interval looks at a sample, counts what it finds, and repairs nothing',
  async (t) => {
    await redis.flushall()
    await household('sample')
    await redis.hset(keys.user('sample', 1, 'ada'), 'used:chat', '2000000')
    const lines: unknown[] = []
    await checkSample(store, { warn: (facts: unknown) => void lines.push(facts) })
    t.same(lines, [{ org: 'sample', user: 'ada', counter: 'used:chat', stored: 2, recomputed: 3 }])
    t.same(told.at(-1), { users: 2, credits: 1_000_000 })
    t.equal(await redis.hget(keys.user('sample', 1, 'ada'), 'used:chat'), '2000000')
    t.same([await takeDriftTurn(redis, 60_000), await takeDriftTurn(redis, 60_000)], [true, false])
    await redis.del(keys.DRIFT_CHECK)
    t.equal(await takeDriftTurn(redis, 1), true)
    await until(() => takeDriftTurn(redis, 60_000), { what: 'the turn has ended' })
  },
)
