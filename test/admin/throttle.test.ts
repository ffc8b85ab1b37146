import t from 'tap'
import { createThrottle, type FailureCount } from '../../src/admin/throttle.ts'
import * as keys from '../../src/store/keys.ts'
import { until } from '../support/until.ts'
import { OPERATOR, startAdmin, type Admin, type Answer } from './harness.ts'

const LONG_MS = 600_000
const PROXY = ['127.0.0.1/32']
const limits = { perAddress: 5, overall: 12, windowMs: LONG_MS }

/** From an address of its own, as a proxy that is believed would say it. */
function from(own: Admin, address: string, token: string, path = '/v1/orgs'): Promise<Answer> {
  return own.send('GET', path, { authorization: `Bearer ${token}`, 'x-forwarded-for': address })
}

async function statuses(count: number, ask: (index: number) => Promise<Answer>): Promise<number[]> {
  const found: number[] = []
  for (let index = 0; index < count; index += 1) found.push((await ask(index)).status)
  return found
}

const times = (count: number, status: number): number[] => Array.from({ length: count }, () => status)

void t.test(
  'guessing is throttled: after so many failures of an address 429, with the time to wait',
  async (t) => {
    const own = await startAdmin({ throttleLimits: limits, trustProxy: PROXY })
    t.same(await statuses(8, (index) => from(own, '192.0.2.1', `guess-${index}`)), [
      ...times(5, 401),
      ...times(3, 429),
    ])
    const answer = await from(own, '192.0.2.1', 'guess')
    t.match(answer.body, { status: 429, code: 'too_many_failures' })
    const seconds = Number(answer.headers.get('retry-after'))
    t.ok(seconds > 500 && seconds <= 600, `the rest of the window: ${seconds}`)
    t.equal((await from(own, '192.0.2.1', OPERATOR)).status, 429, 'the right token is not looked at either')
    t.equal((await from(own, '192.0.2.2', OPERATOR)).status, 200, 'nobody else is affected')
    t.equal(
      (await own.send('GET', '/v1/orgs', { 'x-forwarded-for': '192.0.2.1' })).status,
      401,
      'no guess, no wait',
    )
  },
)

void t.test('signing in with wrong keys counts like any other guess', async (t) => {
  const own = await startAdmin({ throttleLimits: limits, trustProxy: PROXY })
  const org = await own.org(['ada'])
  const key = await own.adminKey(org, 'ada')
  const signIn = (address: string, body: object): Promise<Answer> =>
    own.send('POST', '/v1/session', { 'x-forwarded-for': address }, body)
  t.same(await statuses(7, (index) => signIn('192.0.2.1', { key: `tg_${index}` })), [
    ...times(5, 401),
    ...times(2, 429),
  ])
  const answer = await signIn('192.0.2.1', { key })
  t.equal(answer.status, 429)
  t.equal(answer.headers.get('set-cookie'), null)
  t.equal((await from(own, '192.0.2.1', 'x')).status, 429, 'bearers as well')
  t.equal((await signIn('192.0.2.2', { key })).status, 201)
  t.same(await statuses(7, () => signIn('192.0.2.3', { nonsense: true })), times(7, 400), 'no guess')
})

void t.test(
  'who was right once passes from an address that is turned away: key, operator, session',
  async (t) => {
    const own = await startAdmin({ throttleLimits: limits, trustProxy: PROXY })
    const org = await own.org(['ada'])
    const key = await own.adminKey(org, 'ada')
    const session = await own.signIn(key)
    const path = `/v1/orgs/${org}`
    t.equal((await from(own, '192.0.2.1', key, path)).status, 200)
    await statuses(6, (index) => from(own, '192.0.2.1', `guess-${index}`))
    t.equal((await from(own, '192.0.2.1', 'guess')).status, 429)
    t.same(await statuses(20, () => from(own, '192.0.2.1', key, path)), times(20, 200))
    t.equal((await from(own, '192.0.2.1', OPERATOR)).status, 200)
    const cookie = { ...session, 'x-forwarded-for': '192.0.2.1' }
    t.equal((await own.send('GET', '/v1/session', cookie)).status, 200)

    const [listed] = (await own.call('GET', `${path}/keys`)).body.items ?? []
    await own.call('DELETE', `${path}/keys/${String(listed?.['id'])}`)
    await until(async () => (await from(own, '192.0.2.1', key, path)).status === 401)
    t.equal((await from(own, '192.0.2.1', key, path)).status, 429, 'until it is right no longer')
  },
)

void t.test('guesses that come all at once are no more than one at a time', async (t) => {
  const own = await startAdmin({ throttleLimits: limits, trustProxy: PROXY })
  const guesses = Array.from({ length: 60 }, (_, index) => from(own, '192.0.2.1', `guess-${index}`))
  const found = (await Promise.all(guesses)).map(({ status }) => status)
  t.same(found.sort(), [...times(5, 401), ...times(55, 429)])

  const org = await own.org(['ada'])
  const fresh = await Promise.all(Array.from({ length: 30 }, () => own.adminKey(org, 'ada')))
  const right = await Promise.all(
    fresh.map((key, index) => from(own, index % 2 === 0 ? '192.0.2.9' : '192.0.2.8', key, `/v1/orgs/${org}`)),
  )
  t.same(
    right.map(({ status }) => status),
    times(30, 200),
    'right ones at once are all right',
  )
})

void t.test(
  'many addresses together: once they failed too often, one failure is enough, and none is free',
  async (t) => {
    const own = await startAdmin({ throttleLimits: limits, trustProxy: PROXY })
    t.same(await statuses(12, (index) => from(own, `198.51.100.${index}`, 'guess')), times(12, 401))
    t.equal((await from(own, '198.51.100.3', 'guess')).status, 429, 'who has failed is turned away')
    t.equal((await from(own, '203.0.113.1', 'guess')).status, 401)
    t.equal((await from(own, '203.0.113.1', 'guess')).status, 429)
    t.equal((await from(own, '203.0.113.2', OPERATOR)).status, 200, 'who has not is let in')
  },
)

void t.test('gateways count together, and each by itself while the store is gone', async (t) => {
  const here = await startAdmin({ throttleLimits: limits, trustProxy: PROXY })
  const there = await startAdmin({ throttleLimits: limits, trustProxy: PROXY, server: here.server })
  t.same(await statuses(4, () => from(here, '192.0.2.1', 'guess')), times(4, 401))
  t.equal((await from(there, '192.0.2.1', 'guess')).status, 401, 'the fifth')
  t.equal((await from(there, '192.0.2.1', 'guess')).status, 429)
  const at = keys.authFailures('192.0.2.1')
  t.equal(await here.redis.get(at), '5')
  const ttl = await here.redis.pttl(at)
  t.ok(ttl > 0 && ttl <= LONG_MS, `${ttl}`)

  await here.server.kill()
  await until(() => here.redis.status !== 'ready')
  t.same(await statuses(7, () => from(here, '192.0.2.7', 'guess')), [...times(5, 401), ...times(2, 429)])
})

void t.test(
  'x-forwarded-for is believed of configured proxies only, and an IPv6 network is one client',
  async (t) => {
    const own = await startAdmin({ throttleLimits: limits })
    const forged = (index: number): Promise<Answer> => from(own, `192.0.2.${index}`, 'guess')
    t.same(await statuses(7, forged), [...times(5, 401), ...times(2, 429)], 'nobody escapes by a header')
    t.equal(await own.redis.exists(keys.authFailures('127.0.0.1')), 1)

    const behind = await startAdmin({ throttleLimits: limits, trustProxy: PROXY })
    const chained = (index: number): Promise<Answer> => from(behind, `203.0.113.${index}, 192.0.2.1`, 'guess')
    t.same(await statuses(7, chained), [...times(5, 401), ...times(2, 429)], 'nor by a longer one')
    const sixth = (index: number): Promise<Answer> => from(behind, `2001:db8:1:2::${index}`, 'guess')
    t.same(await statuses(7, sixth), [...times(5, 401), ...times(2, 429)])
    t.equal((await from(behind, '2001:db8:1:3::1', 'guess')).status, 401)
    t.equal(await behind.redis.exists(keys.authFailures('2001:db8:1:2::')), 1)
    t.equal(
      (await from(behind, '::ffff:192.0.2.1', 'guess')).status,
      429,
      'an IPv4 address is one however written',
    )
  },
)

void t.test('a window ends, and then it begins anew', async (t) => {
  let now = 0
  const counts = new Map<string, number>()
  const count = (subject: string): Promise<FailureCount> => {
    counts.set(subject, (counts.get(subject) ?? 0) + 1)
    return Promise.resolve({ failures: counts.get(subject) ?? 0, resetMs: 1_000 })
  }
  const throttle = createThrottle({ count, limits: { ...limits, windowMs: 1_000 }, now: () => now })
  const guess = async (): Promise<unknown> => throttle.attempt('192.0.2.1', 'x', () => Promise.resolve(null))
  for (let index = 0; index < 5; index += 1) t.same(await guess(), { status: 'failed' })
  now = 400
  t.same(await guess(), { status: 'throttled', retryAfterSeconds: 1 })
  now = 1_000
  counts.clear()
  t.same(await guess(), { status: 'failed' })
})

void t.test(
  'what an attempt throws is no failure of who makes it, and the next one has its turn',
  async (t) => {
    const counted: string[] = []
    const throttle = createThrottle({
      count: (subject) => {
        counted.push(subject)
        return Promise.resolve({ failures: 1, resetMs: 1 })
      },
      limits,
    })
    const down = throttle.attempt('192.0.2.1', 'a', () => Promise.reject(new Error('down')))
    const next = throttle.attempt('192.0.2.1', 'b', () => Promise.resolve('somebody'))
    await t.rejects(down, /down/)
    t.same(await next, { status: 'passed', value: 'somebody' })
    t.same(counted, [])
  },
)

void t.test(
  'memory is bounded: without the store, the address that failed longest ago is forgotten',
  async (t) => {
    const throttle = createThrottle({
      count: () => Promise.reject(new Error('the store is gone')),
      limits: { ...limits, overall: Infinity },
    })
    const guess = async (address: string): Promise<string> =>
      (await throttle.attempt(address, 'x', () => Promise.resolve(null))).status
    for (let index = 0; index < 5; index += 1) await guess('192.0.2.1')
    t.equal(await guess('192.0.2.1'), 'throttled')
    for (let index = 0; index < 10_000; index += 1) await guess(`10.0.${index >> 8}.${index & 255}`)
    t.equal(await guess('192.0.2.1'), 'failed')
  },
)
