/**
 * What a backlog of notifications costs calls: thousands of crossings are queued while the mail server is down.
 *
 *     npm run bench:notices -- [--crossings 10000] [--rounds 5] [--seconds 2] [--config JSON] [--drain JSON]
 *
 * Two gateways, each with its own Redis, share one core and are measured in turn. One has the backlog, and its workers
 * retry all the time; the other has no notifications. Then the mail server comes back, the gateway with the backlog is
 * killed, and one with the settings of `--drain` takes over: every mail has to arrive. CPU time comes from the operating
 * system. It fails if a call failed, a mail is missing, or the log does not have every crossing exactly once.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Redis } from 'ioredis'
import { Pool } from 'undici'
import * as keys from '../src/store/keys.ts'
import { startSmtp } from '../test/support/smtp.ts'
import { freePort } from '../test/support/ports.ts'
import { OPERATOR_TOKEN, tollgate, type Contender } from './contenders.ts'
import { measure, spread, startLoad, type Sample, type Spread, type Work } from './measure.ts'
import { cpuMicros, OTHER_CORE, startPinned, type PinnedProcess } from './processes.ts'

const { values: options } = parseArgs({
  options: {
    crossings: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    config: { type: 'string', default: '{}' },
    drain: { type: 'string', default: '{"perSecond":200}' },
  },
})
const crossings = Number(options.crossings)
const rounds = Number(options.rounds)
const seconds = Number(options.seconds)
const DRAIN_MS = 600_000
const AT_ONCE = 32
const ORG = 'told'
const body = JSON.stringify({
  model: 'bench-model',
  max_tokens: 200,
  messages: [{ role: 'user', content: 'Hi' }],
})
const work: Work = {
  name: 'JSON answer',
  answer: 'json',
  body: Buffer.from(body),
  status: 200,
  connections: 64,
}

const smtp = await startSmtp()
await smtp.stop()
const settings = {
  smtp: { url: smtp.url, from: 'Tollgate <noreply@example.com>' },
  ...(JSON.parse(options.config) as object),
}
const drainSettings = { ...settings, ...(JSON.parse(options.drain) as object) }

/** Creates as many users as crossings, each of which passes the alert with one call. */
async function fill(adminUrl: string, dataUrl: string): Promise<void> {
  const admin = async (method: string, path: string, sent: object): Promise<{ readonly key?: string }> => {
    const answer = await fetch(`${adminUrl}/v1/orgs${path}`, {
      method,
      headers: { authorization: `Bearer ${OPERATOR_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify(sent),
    })
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`)
    return (await answer.json()) as { key?: string }
  }
  const billing = { allowance: 1_000_000_000, autoEnroll: true, maxMembers: crossings + 10 }
  await admin('POST', '', { id: ORG, name: 'Told', ...billing })
  await admin('PUT', `/${ORG}/members/grace`, { email: 'grace@example.com', name: 'Grace', role: 'admin' })
  // With a limit of 0, the first refusal is a crossing, which is the cheapest way to cause one.
  await admin('PUT', `/${ORG}/user-limits`, { enabled: true, default: 0, recipients: 'all' })
  const { key = '' } = await admin('POST', `/${ORG}/keys`, { name: 'app', app: true, user: null })
  const pool = new Pool(dataUrl, { connections: AT_ONCE })
  const call = async (index: number): Promise<void> => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
    const { statusCode, body: answer } = await pool.request({
      method: 'POST',
      path: '/openai/v1/chat/completions',
      headers: { ...headers, 'x-tollgate-user': `user-${index}` },
      body,
    })
    const text = await answer.text()
    if (statusCode !== 402) throw new Error(`${statusCode}: ${text}`)
  }
  for (let from = 0; from < crossings; from += AT_ONCE)
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, crossings - from) }, (_, i) => call(from + i)))
  await pool.close()
}

async function startStore(): Promise<{ readonly port: number; readonly process: PinnedProcess }> {
  const port = await freePort()
  const args = ['--port', String(port), '--save', '', '--appendonly', 'no', '--bind', '127.0.0.1']
  const readyText = 'Ready to accept connections'
  return { port, process: await startPinned({ core: OTHER_CORE, command: 'redis-server', args, readyText }) }
}

/** The share of a core that a gateway uses without calls, in percent. */
async function idleShare({ pids }: Contender): Promise<number> {
  const [from, before] = [performance.now(), cpuMicros(...pids)]
  await pause(seconds * 1_000)
  return (cpuMicros(...pids) - before) / (performance.now() - from) / 10
}

const originPort = await freePort()
const origin = await startPinned({
  core: OTHER_CORE,
  command: process.execPath,
  args: ['--import=tsx', fileURLToPath(new URL('origin.ts', import.meta.url)), String(originPort)],
  readyText: 'origin ready',
})
const [quietStore, busyStore] = [await startStore(), await startStore()]
const load = startLoad()
const running: Contender[] = []

async function start(redisPort: number, notifications: object, prepare?: typeof fill): Promise<Contender> {
  const make = tollgate(1_000_000_000, { notifications, ...(prepare !== undefined && { prepare }) })
  const started = await make({ originPort, redisPort, profiles: null })
  if (started === null) throw new Error('no gateway')
  running.push(started)
  return started
}

const show = ({ median, min, max }: Spread, digits = 1): string =>
  `${median.toFixed(digits)} (${min.toFixed(digits)} to ${max.toFixed(digits)})`

const measured = (gateway: Contender, redisPid: number): Promise<Sample> =>
  measure(load, gateway, work, { seconds, rate: null, redisPid })

/** How many notifications the log has in a state, or in total. */
async function logged(redisPort: number, state: Parameters<typeof keys.notices>[1]): Promise<number> {
  const redis = new Redis(redisPort, '127.0.0.1')
  const count = await redis.zcard(keys.notices(ORG, state))
  redis.disconnect()
  return count
}

try {
  const quiet = await start(quietStore.port, settings)
  const filledFrom = performance.now()
  const busy = await start(busyStore.port, settings, fill)
  const fillSeconds = (performance.now() - filledFrom) / 1_000
  console.log(
    `${crossings} crossings by real calls in ${fillSeconds.toFixed(1)} s, none refused by the store`,
  )
  const samples: Record<'quiet' | 'busy', Sample[]> = { quiet: [], busy: [] }
  const idle: Record<'quiet' | 'busy', number[]> = { quiet: [], busy: [] }
  // The first round is a warm-up.
  for (let round = 0; round <= rounds; round += 1) {
    for (const [name, gateway, store] of [
      ['quiet', quiet, quietStore],
      ['busy', busy, busyStore],
    ] as const) {
      const sample = await measured(gateway, store.process.pid)
      const share = await idleShare(gateway)
      if (round === 0) continue
      samples[name].push(sample)
      idle[name].push(share)
    }
  }
  for (const name of ['quiet', 'busy'] as const) {
    const of = (pick: (sample: Sample) => number): string => show(spread(samples[name].map(pick)))
    console.log(
      `${name.padEnd(6)} CPU ${of((s) => s.cpuMicros)} µs a call, ${of((s) => s.callsPerSecond)} calls/s, ` +
        `p50 ${of((s) => s.p50Ms)} ms, p99 ${of((s) => s.p99Ms)} ms, without calls ${show(spread(idle[name]))} % of a core`,
    )
  }
  const ratios = samples.busy.map(({ cpuMicros: of }, i) => of / (samples.quiet[i]?.cpuMicros ?? Number.NaN))
  console.log(`ratio of CPU a call, with the backlog to without: ${show(spread(ratios), 2)}`)

  await busy.stop()
  await smtp.restart()
  const drain = await start(busyStore.port, drainSettings)
  const [drainFrom, cpuBefore] = [performance.now(), cpuMicros(...drain.pids)]
  while ((await logged(busyStore.port, 'sent')) < crossings) {
    if (performance.now() - drainFrom > DRAIN_MS) throw new Error(`only ${smtp.mails.length} mails came`)
    await pause(200)
  }
  const tookSeconds = (performance.now() - drainFrom) / 1_000
  const perMail = (cpuMicros(...drain.pids) - cpuBefore) / crossings
  const ids = new Set(smtp.mails.map(({ parsed }) => parsed.headers.get('x-tollgate-crossing')))
  const all = await logged(busyStore.port, 'all')
  if (ids.size !== crossings || all !== crossings)
    throw new Error(`${crossings} crossings, ${all} in the log, mails of ${ids.size}`)
  console.log(
    `drained in ${tookSeconds.toFixed(0)} s: ${ids.size} mails, ${smtp.mails.length - ids.size} repeats, ` +
      `${perMail.toFixed(0)} µs of CPU each`,
  )
} finally {
  for (const gateway of running) await gateway.stop()
  load.kill()
  for (const { process: store } of [quietStore, busyStore]) await store.stop()
  await origin.stop()
  await smtp.stop().catch(() => undefined)
}
