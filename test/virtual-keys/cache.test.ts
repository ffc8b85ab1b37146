import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createConnection, createServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { StoreUnavailable } from '../../src/store/unavailable.ts'
import { mintKey } from '../../src/core/virtual-key.ts'
import { wholeCredits } from '../../src/core/units.ts'
import { connect, type RedisClient } from '../../src/store/connection.ts'
import { createDirectory } from '../../src/directory/directory.ts'
import { hashKey } from '../../src/directory/virtual-keys.ts'
import { createKeyCache, type KeyCache } from '../../src/virtual-keys/cache.ts'
import * as keys from '../../src/store/keys.ts'
import { createOrgViews } from '../../src/ledger/org-views.ts'
import { openClient } from '../support/ledger.ts'
import { CHANGE } from '../support/changes.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const server = await startRedis()
const redis = await openClient({ socketPath: server.socketPath })
const views = createOrgViews(redis)
const directory = createDirectory({ redis, openPeriod: (org, now) => views.current(org, now) })
t.teardown(async () => {
  redis.disconnect()
  await server.stop()
})

await directory.createOrg(
  'acme',
  {
    name: 'Acme',
    allowance: wholeCredits(1),
    admission: 'straddle',
    autoEnroll: false,
    maxMembers: 10,
    billing: { every: 'month', anchor: 1, timezone: 'UTC' },
  },
  CHANGE,
)

interface Made {
  readonly key: string
  readonly id: string
}

async function newKey(): Promise<Made> {
  const draft = { name: 'k', user: null, app: true, sources: ['workflow', 'chat'], scope: 'traffic' } as const
  const made = await directory.createKey('acme', draft, () => CHANGE)
  if (made.status !== 'created') throw new Error(made.status)
  return { key: made.key, id: made.record.id }
}

interface Gateway {
  readonly cache: KeyCache
  readonly listener: RedisClient
  /** How often this gateway looked a key up. */
  readonly looks: () => number
  readonly clock: { now: number }
}

/** What this gateway asks the store for, counted; `reply` may hold a reply back. */
function observed(reply: (fields: Record<string, string>) => Promise<Record<string, string>>): {
  client: RedisClient
  looks: () => number
} {
  let looks = 0
  const client = new Proxy(redis, {
    get(target, property): unknown {
      if (property === 'hgetall') {
        return async (key: string) => {
          looks += 1
          return reply(await target.hgetall(key))
        }
      }
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  return { client, looks: () => looks }
}

async function gateway(
  t: Test,
  options: {
    limits?: { known: number; unknown: number }
    listener?: RedisClient
    deaf?: boolean
    reply?: (fields: Record<string, string>) => Promise<Record<string, string>>
  } = {},
): Promise<Gateway> {
  const clock = { now: 1_000_000 }
  const { client, looks } = observed(options.reply ?? ((fields) => Promise.resolve(fields)))
  const listener = options.listener ?? connect({ socketPath: server.socketPath }, 'listen')
  listener.on('error', () => undefined)
  const { limits } = options
  const cache = createKeyCache({ redis: client, listener, now: () => clock.now, ...(limits && { limits }) })
  t.teardown(async () => {
    await cache.close()
    listener.disconnect()
  })
  if (options.deaf !== true) await until(() => hears(cache, clock), { what: 'the cache hears revocations' })
  return { cache, listener, looks, clock }
}

/** A gateway that hears keeps an entry for longer than a second. */
async function hears(cache: KeyCache, clock: { now: number }): Promise<boolean> {
  const { key } = await newKey()
  await cache.lookup(key)
  clock.now += 2_000
  await redis.del(keys.virtualKey(hashKey(key)))
  return (await cache.lookup(key)) !== null
}

void t.test(
  'a key is looked up once a minute, however often it is used, and says whom it names',
  async (t) => {
    const { cache, looks, clock } = await gateway(t)
    const { key, id } = await newKey()
    const before = looks()
    const identity = {
      keyId: id,
      org: 'acme',
      user: null,
      app: true,
      sources: ['workflow', 'chat'],
      scope: 'traffic',
    }
    for (let use = 0; use < 100; use += 1) t.same(await cache.lookup(key), identity)
    clock.now += 59_999
    await cache.lookup(key)
    t.equal(looks() - before, 1)
    clock.now += 1
    await cache.lookup(key)
    t.equal(looks() - before, 2)
  },
)

void t.test('look-ups of one key at the same time share one', async (t) => {
  const { cache, looks } = await gateway(t)
  const { key, id } = await newKey()
  const before = looks()
  const found = await Promise.all(Array.from({ length: 50 }, async () => cache.lookup(key)))
  t.ok(found.every((identity) => identity?.keyId === id))
  t.equal(looks() - before, 1)
})

void t.test('a malformed key is refused without a look-up', async (t) => {
  const { cache, looks } = await gateway(t)
  const { key } = await newKey()
  const before = looks()
  for (const text of ['', 'tg_', key.slice(0, -1), `${key}x`, `sk-${key.slice(3)}`, key.replace(/.$/, '~')]) {
    t.equal(await cache.lookup(text), null)
  }
  t.equal(looks(), before)
})

void t.test(
  'an unknown key is looked up once, and as many are remembered as there is room for',
  async (t) => {
    const { cache, looks } = await gateway(t, { limits: { known: 100, unknown: 3 } })
    const unknown = Array.from({ length: 4 }, () => mintKey(randomBytes))
    const before = looks()
    for (const key of unknown) t.equal(await cache.lookup(key), null)
    t.equal(looks() - before, 4)
    for (const key of unknown.slice(1)) await cache.lookup(key)
    t.equal(looks() - before, 4, 'the last three are remembered')
    await cache.lookup(unknown[0] ?? '')
    t.equal(looks() - before, 5, 'the first is not')
  },
)

void t.test(
  'a flood of invented keys drives out no real one; of real ones the least used goes first',
  async (t) => {
    const { cache, looks } = await gateway(t, { limits: { known: 2, unknown: 2 } })
    const [first, second, third] = [await newKey(), await newKey(), await newKey()]
    await cache.lookup(first.key)
    await cache.lookup(second.key)
    for (let count = 0; count < 20; count += 1) await cache.lookup(mintKey(randomBytes))
    const before = looks()
    await cache.lookup(second.key)
    await cache.lookup(first.key)
    t.equal(looks(), before)
    await cache.lookup(third.key)
    await cache.lookup(first.key)
    t.equal(looks() - before, 1)
    await cache.lookup(second.key)
    t.equal(looks() - before, 2)
  },
)

void t.test('a revocation reaches every gateway within a second', async (t) => {
  const gateways = [await gateway(t), await gateway(t), await gateway(t)]
  const { key, id } = await newKey()
  for (const { cache } of gateways) t.ok(await cache.lookup(key))
  const revoked = performance.now()
  await directory.revokeKey('acme', id, () => CHANGE)
  for (const { cache } of gateways)
    await until(async () => (await cache.lookup(key)) === null, { timeoutMs: 1_000 })
  t.ok(performance.now() - revoked < 1_000)
})

void t.test('`*` on the channel forgets every key', async (t) => {
  const { cache } = await gateway(t)
  const { key } = await newKey()
  t.ok(await cache.lookup(key))
  await redis.del(keys.virtualKey(hashKey(key)))
  t.ok(await cache.lookup(key), 'what nobody told is not known')
  await redis.publish(keys.KEY_INVALIDATIONS, '*')
  await until(async () => (await cache.lookup(key)) === null)
})

void t.test('a reply that a revocation overtook is not used and not remembered', async (t) => {
  let arrived = (): void => undefined
  let release = (): void => undefined
  let holding = false
  const { cache, looks, listener } = await gateway(t, {
    reply: async (fields) => {
      if (!holding) return fields
      holding = false
      const held = new Promise<void>((resolve) => (release = resolve))
      arrived()
      await held
      return fields
    },
  })
  const { key, id } = await newKey()
  const before = looks()
  const reached = new Promise<void>((resolve) => (arrived = resolve))
  holding = true
  const found = cache.lookup(key)
  await reached
  const heard = once(listener, 'message')
  await directory.revokeKey('acme', id, () => CHANGE)
  await heard
  const joined = cache.lookup(key)
  release()
  t.equal(await found, null, 'it looked again')
  t.equal(await joined, null, 'and so did who joined it')
  t.equal(await cache.lookup(key), null)
  t.equal(looks() - before, 2)
})

void t.test(
  'when the listening connection is lost, everything is forgotten, and it comes back by itself',
  async (t) => {
    const { cache, listener, looks, clock } = await gateway(t)
    const { key } = await newKey()
    t.ok(await cache.lookup(key))
    // Revoked without a message, as when it was sent while nobody listened.
    await redis.del(keys.virtualKey(hashKey(key)))
    t.ok(await cache.lookup(key))
    const lost = once(listener, 'close')
    await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await lost
    t.equal(await cache.lookup(key), null)
    await until(() => hears(cache, clock))
    const again = await newKey()
    const before = looks()
    await cache.lookup(again.key)
    clock.now += 50_000
    await cache.lookup(again.key)
    t.equal(looks() - before, 1, 'a minute holds again')
  },
)

void t.test('while revocations cannot be heard, an entry lives for a second', async (t) => {
  const nowhere = connect({ socketPath: `${server.socketPath}.none` }, 'listen')
  const { cache, looks, clock } = await gateway(t, { listener: nowhere, deaf: true })
  const { key } = await newKey()
  await cache.lookup(key)
  clock.now += 999
  await cache.lookup(key)
  t.equal(looks(), 1)
  clock.now += 1
  await cache.lookup(key)
  t.equal(looks(), 2)
})

void t.test('a listening connection that is silently dead is noticed within a second', async (t) => {
  const wire = await silenceableWire(server.socketPath)
  t.teardown(() => wire.close())
  const { cache } = await gateway(t, { listener: connect({ url: wire.url }, 'listen') })
  const { key } = await newKey()
  t.ok(await cache.lookup(key))
  wire.silence()
  const silent = performance.now()
  await redis.del(keys.virtualKey(hashKey(key)))
  t.ok(await cache.lookup(key))
  await until(async () => (await cache.lookup(key)) === null, { timeoutMs: 1_500 })
  const took = performance.now() - silent
  t.ok(took < 1_000, `noticed after ${took} ms`)
})

void t.test(
  'D1: a store that cannot be asked is StoreUnavailable, never an unknown key, and is not remembered',
  async (t) => {
    const other = await startRedis()
    t.teardown(() => other.stop())
    const client = await openClient({ socketPath: other.socketPath })
    const listener = connect({ socketPath: other.socketPath }, 'listen')
    listener.on('error', () => undefined)
    const cache = createKeyCache({ redis: client, listener, now: () => Date.now() })
    t.teardown(async () => {
      await cache.close()
      listener.disconnect()
      client.disconnect()
    })
    const key = mintKey(randomBytes)
    await other.kill()
    await t.rejects(async () => cache.lookup(key), StoreUnavailable)
    await t.rejects(Promise.all([cache.lookup(key), cache.lookup(key)]), StoreUnavailable)
    t.equal(await cache.lookup('tg_malformed'), null, 'what is malformed needs no store')
    await other.restart()
    if (client.status !== 'ready') await once(client, 'ready')
    t.equal(await cache.lookup(key), null)
  },
)

void t.test('a closed cache leaves no subscription behind', async (t) => {
  const { cache } = await gateway(t)
  const subscribers = async (): Promise<number> =>
    Number(((await redis.call('PUBSUB', 'NUMSUB', keys.KEY_INVALIDATIONS)) as unknown[])[1])
  await until(async () => (await subscribers()) === 1)
  await cache.close()
  t.equal(await subscribers(), 0)
})

/** A TCP connection to a socket that can go silent without being closed. */
async function silenceableWire(
  socketPath: string,
): Promise<{ url: string; silence: () => void; close: () => void }> {
  const sockets = new Set<Socket>()
  let silent = false
  const proxy = createServer((client) => {
    const target = createConnection(socketPath)
    for (const socket of [client, target]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
    }
    client.on('data', (chunk) => silent || target.write(chunk))
    target.on('data', (chunk) => silent || client.write(chunk))
    client.on('close', () => target.destroy())
    target.on('close', () => client.destroy())
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return {
    url: `redis://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    silence: () => void (silent = true),
    close: () => {
      for (const socket of sockets) socket.destroy()
      proxy.close()
    },
  }
}
