/**
 * The store gets into trouble under load, in each way in which a real Redis does, and out of it (D1, D2): what the log and
 * the metrics say of it, what callers see, and that what was served is what is charged.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { createOrg, startGateway } from '../support/gateway.ts'
import { CHAT_COST, postChat, startOrigin } from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const FILLING = 8_192
const server = await startRedis({
  persist: true,
  // Loading takes a tenth of a millisecond a key, and the server answers in between.
  args: [
    ...['--enable-protected-configs', 'yes'],
    ...['--key-load-delay', '100'],
    ...['--user', 'gateway', 'on', '>first', 'allkeys', 'allchannels', '+@all'],
  ],
})
const operator = new Redis(server.url, {
  retryStrategy: () => 50,
  maxRetriesPerRequest: 0,
  // It asks also while the server loads.
  enableReadyCheck: false,
})
operator.on('error', () => undefined)
const origin = await startOrigin()
const gateway = await startGateway({
  redisUrl: server.url.replace('//', '//gateway:first@'),
  upstreamUrl: origin.url,
  patienceSeconds: 0,
  // So that whatever goes round by itself has gone round in every trouble.
  config: { notifications: { sweepSeconds: 1 } },
})
t.teardown(async () => {
  operator.disconnect()
  server.thaw()
  await gateway.stop()
  await origin.stop()
  await server.stop()
})

const DOWN = 'the credit store does not answer'
const UP = 'the credit store answers again'
const setUser = (...rules: readonly string[]): Promise<unknown> =>
  operator.call('ACL', 'SETUSER', 'gateway', ...rules)
const hangUp = (): Promise<unknown> => operator.client('KILL', 'USER', 'gateway')

interface Trouble {
  readonly what: string
  readonly begin: () => unknown
  readonly end: () => unknown
  /** What the line in the log says. */
  readonly reason: RegExp
}

const troubles: readonly Trouble[] = [
  {
    what: 'it hangs',
    begin: () => server.freeze(),
    end: () => server.thaw(),
    reason: /^no answer$/,
  },
  {
    what: 'it is gone',
    begin: () => server.kill(),
    end: () => server.restart(),
    reason: /^no connection$|ECONNREFUSED|ECONNRESET|EPIPE/,
  },
  {
    what: 'it loads its data (LOADING)',
    begin: async () => {
      await operator.eval(
        "for i = 1, ARGV[1] do redis.call('SET', 'filling:' .. i, 'x', 'EX', 600) end",
        0,
        FILLING,
      )
      // On a slow machine this was long enough to be an outage of its own.
      await until(async () => (await gateway.metric('tollgate_store_up')) === 1)
      await server.kill()
      void server.restart()
    },
    end: () => until(async () => (await operator.ping().catch(String)) === 'PONG'),
    // Its connection is not there before it has loaded.
    reason: /^LOADING|^no connection$|ECONNREFUSED|ECONNRESET|EPIPE/,
  },
  {
    what: 'it is a replica now, after a failover (READONLY)',
    begin: () => operator.replicaof('127.0.0.1', '1'),
    end: () => operator.replicaof('NO', 'ONE'),
    reason: /^READONLY/,
  },
  {
    what: 'it runs somebody’s endless script (BUSY)',
    begin: async () => {
      await operator.config('SET', 'busy-reply-threshold', '20')
      const somebody = new Redis(server.url)
      void somebody
        .eval('while true do end', 0)
        .catch(() => undefined)
        .then(() => somebody.disconnect())
      await until(async () => (await operator.ping().catch(String)).includes('BUSY'))
    },
    end: () => operator.script('KILL'),
    // It is silent at first.
    reason: /^BUSY|^no answer$/,
  },
  {
    what: 'it is full (OOM)',
    begin: () => operator.config('SET', 'maxmemory', '1'),
    end: () => operator.config('SET', 'maxmemory', '0'),
    reason: /^OOM/,
  },
  {
    what: 'it wants another password (WRONGPASS)',
    begin: async () => {
      await setUser('resetpass', '>another')
      await hangUp()
    },
    end: () => setUser('>first'),
    reason: /^WRONGPASS/,
  },
  {
    what: 'it lets us do nothing any more (NOPERM)',
    begin: () => setUser('-@all', '+ping', '+info'),
    end: () => setUser('+@all'),
    reason: /^NOPERM/,
  },
  {
    what: 'it cannot save to its disk (MISCONF)',
    begin: async () => {
      // A folder in the place of the file: the save fails as it does on a full disk.
      const [, dir = ''] = (await operator.config('GET', 'dir')) as string[]
      mkdirSync(join(dir, 'blocked.rdb'), { recursive: true })
      await operator.config('SET', 'dbfilename', 'blocked.rdb')
      await operator.config('SET', 'save', '3600 1')
      await operator.bgsave()
      await until(async () => (await operator.info('persistence')).includes('rdb_last_bgsave_status:err'))
    },
    end: () => operator.config('SET', 'save', ''),
    reason: /^MISCONF/,
  },
]

interface Line {
  readonly level: number
  readonly msg: string
  readonly reason?: string
}

/** Warnings and errors of the log since so many lines. */
const said = (since: number): Line[] =>
  gateway.log
    .slice(since)
    .map((line) => JSON.parse(line) as Line)
    .filter(({ level }) => level >= 40)

const transitions = async (): Promise<readonly number[]> =>
  Promise.all(['down', 'up'].map((to) => gateway.metric(`tollgate_store_transitions_total{to="${to}"}`)))

/** Two callers, one call each after the other, until they are told to stop; what they were answered. */
function load(t: Test, key: string) {
  let isOver = false
  const answers: string[] = []
  async function caller(): Promise<void> {
    while (!isOver) {
      const response = await postChat(gateway.dataUrl, key)
      const { error } = (await response.json()) as { readonly error?: { readonly code: string } }
      answers.push(error === undefined ? String(response.status) : `${response.status} ${error.code}`)
    }
  }
  const callers = [caller(), caller()]
  async function stop(): Promise<void> {
    isOver = true
    await Promise.all(callers)
  }
  t.teardown(stop)
  return { answers, stop }
}

for (const { what, begin, end, reason } of troubles) {
  void t.test(`D1: ${what}: one line each way with the reason, 503, back by itself`, async (t) => {
    const org = await createOrg(gateway)
    const forwarded = origin.received.length
    const before = await transitions()
    const calls = load(t, org.key)
    const served = (): number => calls.answers.filter((answer) => answer === '200').length
    await until(() => served() > 10)
    const since = gateway.log.length
    await begin()
    await until(async () => (await gateway.metric('tollgate_store_up')) === 0, { what: 'it is found' })
    const seen = calls.answers.length
    await until(() => calls.answers.length > seen + 20, { what: 'callers are answered while it lasts' })
    t.same([...new Set(calls.answers.slice(seen + 2))], ['503 credit_store_unavailable'])
    await end()
    await until(async () => (await gateway.metric('tollgate_store_up')) === 1, { what: 'it is back' })
    const servedBefore = served()
    await until(() => served() > servedBefore + 10, { what: 'calls are served again' })
    await calls.stop()
    t.same([...new Set(calls.answers)].sort(), ['200', '503 credit_store_unavailable'])
    // The log comes by another way than the answers, and may come later.
    await until(() => said(since).length % 2 === 0, {
      what: 'the log says the end of what it said the beginning of',
    })
    const lines = said(since)
    const outages = lines.filter((_, index) => index % 2 === 0)
    t.same(
      lines.map(({ msg }) => msg),
      outages.flatMap(() => [DOWN, UP]),
      JSON.stringify(lines),
    )
    t.same(
      await transitions(),
      before.map((count) => count + outages.length),
    )
    t.match(outages.find((outage) => reason.test(outage.reason ?? ''))?.reason, reason)
    // On a busy machine a store in good health may be silent for a while, before its trouble or after it.
    t.same(
      outages.filter((outage) => !reason.test(outage.reason ?? '') && outage.reason !== 'no answer'),
      [],
    )
    const charged = Math.round((await org.usedWhenIdle()) * 1e6)
    t.equal(
      charged,
      (origin.received.length - forwarded) * Math.round(CHAT_COST * 1e6),
      'what was served is charged',
    )
    await until(async () => (await gateway.metric('tollgate_journal_entries')) === 0)
    t.equal(await gateway.metric('tollgate_holds_open'), 0)
  })
}

void t.test('SCRIPT FLUSH under load is no trouble: the scripts are sent again', async (t) => {
  const org = await createOrg(gateway)
  const forwarded = origin.received.length
  const calls = load(t, org.key)
  const since = gateway.log.length
  for (let round = 1; round <= 5; round += 1) {
    await until(() => calls.answers.length > round * 10)
    await operator.script('FLUSH')
  }
  await calls.stop()
  t.same([...new Set(calls.answers)], ['200'])
  t.same(said(since), [])
  t.equal(
    Math.round((await org.usedWhenIdle()) * 1e6),
    (origin.received.length - forwarded) * Math.round(CHAT_COST * 1e6),
  )
})
