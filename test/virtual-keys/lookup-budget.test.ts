import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import t from 'tap'
import { isRefusal } from '../../src/errors.ts'
import { mintKey } from '../../src/core/virtual-key.ts'
import { connect } from '../../src/store/connection.ts'
import { hashKey } from '../../src/directory/virtual-keys.ts'
import { createKeyCache } from '../../src/virtual-keys/cache.ts'
import * as keys from '../../src/store/keys.ts'
import { createLookupBudget, TooManyLookups } from '../../src/virtual-keys/lookup-budget.ts'
import { createLookUp, identify } from '../../src/call/identify.ts'
import { openClient } from '../support/ledger.ts'
import { startRedis } from '../support/redis.ts'
import { came, until } from '../support/until.ts'

const server = await startRedis()
const redis = await openClient({ socketPath: server.socketPath })
const listener = connect({ socketPath: server.socketPath }, 'listen')
t.teardown(async () => {
  listener.disconnect()
  redis.disconnect()
  await server.stop()
})

const PER_SECOND = 200
const LIMITS = { perSecond: PER_SECOND, burst: 100, waiting: 300 }

async function store(key: string): Promise<void> {
  await redis.hset(keys.virtualKey(hashKey(key)), { id: 'key_1', org: 'acme', user: 'ada', sources: 'chat' })
}

async function lookups(): Promise<number> {
  return Number(/cmdstat_hgetall:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0)
}

void t.test(
  'key guessing cannot hammer the store: unknown keys have a budget, and known ones never wait for it',
  async (t) => {
    let clock = 0
    const budget = createLookupBudget(LIMITS)
    // A look-up is repeated where the channel of revocations comes up, or misses a beat, while it is under way.
    const cache = createKeyCache({ redis, listener, now: () => clock, budget, beatMs: 600_000 })
    await came(once(listener, 'message'), 'the channel of revocations is up')
    t.teardown(() => cache.close())
    const [known, fresh] = [mintKey(randomBytes), mintKey(randomBytes)]
    await Promise.all([store(known), store(fresh)])
    t.match(await cache.lookup(known), { org: 'acme' })

    const before = await lookups()
    const began = performance.now()
    const answered = { unknown: 0, refused: 0 }
    const guesses = Array.from({ length: 1_000 }, () =>
      Promise.resolve(cache.lookup(mintKey(randomBytes))).then(
        (identity) => {
          t.equal(identity, null)
          answered.unknown += 1
        },
        (error: unknown) => {
          t.ok(error instanceof TooManyLookups)
          answered.refused += 1
        },
      ),
    )
    await t.rejects(
      async () => cache.lookup(fresh),
      /too many unknown keys/,
      'a new key is not taken for an unknown one',
    )
    clock += 61_000
    const waiting = 1_000 - answered.unknown - answered.refused
    t.match(await cache.lookup(known), { org: 'acme' }, 'looked up anew, because its minute is over')
    t.ok(waiting > 200, `${waiting} guesses wait meanwhile`)

    await Promise.all(guesses)
    const most = LIMITS.burst + ((performance.now() - began) * PER_SECOND) / 1_000
    const asked = (await lookups()) - before - 1
    t.equal(asked, answered.unknown, 'each of the answers was looked up, once')
    t.ok(asked <= most, `${asked} look-ups, at most ${most}`)
    t.ok(answered.unknown >= LIMITS.burst + LIMITS.waiting && answered.refused > 0, JSON.stringify(answered))
    await until(async () => (await Promise.resolve(cache.lookup(fresh)).catch(() => null))?.org === 'acme')
  },
)

void t.test('good keys use nothing up, however many are new at once', async (t) => {
  const budget = createLookupBudget({ perSecond: 1, burst: 10, waiting: 1_000 })
  const cache = createKeyCache({ redis, listener, now: () => 0, budget })
  t.teardown(() => cache.close())
  const good = Array.from({ length: 500 }, () => mintKey(randomBytes))
  await Promise.all(good.map(store))
  const found = await Promise.all(good.map(async (key) => cache.lookup(key)))
  t.ok(found.every((identity) => identity?.org === 'acme'))
})

void t.test('D1: a key that is not looked up is refused for now, never as unknown', async (t) => {
  const lookUp = createLookUp({ lookup: () => Promise.reject(new TooManyLookups('full')) }, null)
  const answer = await identify(lookUp, { authorization: `Bearer ${mintKey(randomBytes)}` }, '/')
  t.ok(isRefusal(answer))
  t.match(answer, { code: 'overloaded', retryAfterSeconds: 1 })
})
