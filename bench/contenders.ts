/** The compared gateways: each starts as a separate process on the measured core, and says how to call it. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { stringify } from 'yaml'
import { freePort } from '../test/support/ports.ts'
import { hasNginxWithLua, nginxConfig } from './gateways/nginx.ts'
import { installPortkey } from './gateways/portkey.ts'
import { childrenOf, MEASURED_CORE, startPinned } from './processes.ts'

export interface Contender {
  readonly name: string
  readonly port: number
  /** The processes whose CPU time counts; if empty, none does. */
  readonly pids: readonly number[]
  /** The path of a chat completion. */
  readonly path: string
  /** The headers to send: one list per connection, in turn. */
  readonly headers: readonly (readonly string[])[]
  /** Prometheus text; null where it has none. */
  readonly metrics: (() => Promise<string>) | null
  readonly stop: () => Promise<void>
}

export interface Surroundings {
  readonly originPort: number
  readonly redisPort: number
  /** The folder for CPU profiles of Tollgate (`--cpu-prof`), null for none. Profiling itself costs CPU time. */
  readonly profiles: string | null
  /** Environment for the contender's process, beside this one's. */
  readonly env?: Readonly<Record<string, string>>
}

/** Starts a contender; null if this machine lacks what it needs. */
export type Start = (around: Surroundings) => Promise<Contender | null>

export const OPERATOR_TOKEN = 'operator-token-of-the-bench'
const USERS = 64
const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const PATH = '/v1/chat/completions'
const KEYS = Array.from({ length: USERS }, (_, index) => [
  `authorization: Bearer sk-bench-user-${1_000 + index}`,
])

/**
 * No proxy: the load calls the origin directly. The CPU time would be the origin's, on the other core, so only the
 * latency counts.
 */
export const direct: Start = ({ originPort }) =>
  Promise.resolve({
    name: 'direct',
    port: originPort,
    pids: [],
    path: PATH,
    headers: KEYS,
    metrics: null,
    stop: () => Promise.resolve(),
  })

/** A proxy in Node, which prints a line when it is ready; it gets the port of Redis if it checks a counter there. */
const nodeProxy =
  (name: string, script: string, asksRedis = false): Start =>
  async ({ originPort, redisPort, env = {} }) => {
    const port = await freePort()
    const args = asksRedis ? [originPort, port, redisPort] : [originPort, port]
    const { pid, stop } = await startPinned({
      core: MEASURED_CORE,
      command: process.execPath,
      args: ['--import=tsx', file(`gateways/${script}.ts`), ...args.map(String)],
      readyText: `${script} ready`,
      env,
    })
    return { name, port, pids: [pid], path: PATH, headers: KEYS, metrics: null, stop }
  }

export const bareProxy = nodeProxy('bare node:http + undici proxy', 'bare')
export const httpProxy = nodeProxy('@fastify/http-proxy', 'http-proxy')
export const httpProxyWithScript = nodeProxy('@fastify/http-proxy + one EVALSHA a call', 'http-proxy', true)

export const nginxWithLua: Start = async ({ originPort, redisPort }) => {
  if (!hasNginxWithLua()) return null
  const redis = new Redis(redisPort, '127.0.0.1')
  const sha = String(
    await redis.script(
      'LOAD',
      "local used = tonumber(redis.call('GET', KEYS[1]) or '0') if used >= tonumber(ARGV[1]) then return 0 end redis.call('INCRBY', KEYS[1], ARGV[2]) return 1",
    ),
  )
  redis.disconnect()
  const port = await freePort()
  const config = nginxConfig({ origin: originPort, listen: port, redis: redisPort }, sha)
  const { pid, stop } = await startPinned({
    core: MEASURED_CORE,
    command: '/usr/sbin/nginx',
    args: ['-c', config],
    readyText: null,
  })
  await accepts(port)
  // The worker handles the calls; the first process only supervises it.
  const [worker = pid] = childrenOf(pid)
  return {
    name: 'nginx + Lua + Redis',
    port,
    pids: [worker],
    path: PATH,
    headers: KEYS,
    metrics: null,
    // Its first process ends the worker. It would start another if the worker ended first.
    stop: () => stop('SIGTERM'),
  }
}

export const portkey: Start = async ({ originPort, env = {} }) => {
  const script = installPortkey()
  if (script === null) return null
  const port = await freePort()
  const { pid, stop } = await startPinned({
    core: MEASURED_CORE,
    command: process.execPath,
    args: [script, `--port=${port}`, '--headless'],
    env: { NODE_ENV: 'production', TRUSTED_CUSTOM_HOSTS: '127.0.0.1,localhost', ...env },
    readyText: null,
  })
  await accepts(port)
  const own = ['x-portkey-provider: openai', `x-portkey-custom-host: http://127.0.0.1:${originPort}/v1`]
  // It forwards only the headers that this header names.
  const passed = ['x-portkey-forward-headers: x-bench-answer']
  const headers = KEYS.map((key) => [...key, ...own, ...passed])
  return { name: '@portkey-ai/gateway', port, pids: [pid], path: PATH, headers, metrics: null, stop }
}

/** `limit` in credits; 0 refuses every call. `prepare` gets the URLs of the admin plane and of the data plane. */
export const tollgate =
  (
    limit: number,
    {
      notifications = {},
      workers = 1,
      prepare = () => Promise.resolve(),
    }: {
      readonly notifications?: object
      /** Gateway processes behind one port, which share the ledger and the store. */
      readonly workers?: number
      readonly prepare?: (adminUrl: string, dataUrl: string) => Promise<void>
    } = {},
  ): Start =>
  async ({ originPort, redisPort, profiles, env = {} }) => {
    const [port, adminPort] = [await freePort(), await freePort()]
    const config = join(mkdtempSync(join(tmpdir(), 'tg-bench-')), 'tollgate.yaml')
    writeFileSync(
      config,
      stringify({
        listen: { port },
        admin: { port: adminPort, operatorToken: OPERATOR_TOKEN },
        redis: { url: `redis://127.0.0.1:${redisPort}` },
        upstreams: {
          openai: {
            family: 'openai',
            prefix: '/openai',
            url: `http://127.0.0.1:${originPort}`,
            apiKey: 'sk-bench',
          },
        },
        prices: { models: { 'bench-model': { input: 0.15, output: 0.6, maxOutput: 8_192 } } },
        notifications,
        log: { level: 'fatal' },
        shutdownGraceSeconds: 0,
      }),
    )
    const fleet = workers === 1 ? [] : ['--workers', String(workers)]
    const profiling = profiles === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`]
    const { pid, stop } = await startPinned({
      core: MEASURED_CORE,
      command: process.execPath,
      args: [...profiling, file('../dist/main.js'), 'serve', '--config', config, ...fleet],
      readyText: null,
      env,
    })
    await accepts(port)
    const admin = `http://127.0.0.1:${adminPort}`
    const org = `bench-${port}`
    const keys = await createOrg(admin, org, limit)
    await prepare(admin, `http://127.0.0.1:${port}`)
    return {
      name: nameOf(limit, workers),
      port,
      pids: [pid, ...childrenOf(pid)],
      path: `/openai${PATH}`,
      headers: keys.map((key) => [`authorization: Bearer ${key}`]),
      metrics: async () => (await fetch(`${admin}/metrics`)).text(),
      // Node writes a profile when the process exits, so SIGTERM is needed.
      stop: () => stop(profiles === null ? 'SIGKILL' : 'SIGTERM'),
    }
  }

function nameOf(limit: number, workers: number): string {
  if (limit === 0) return 'Tollgate, refusing (402)'
  return workers === 1 ? 'Tollgate, everything on' : `Tollgate, everything on, ${workers} gateways`
}

async function createOrg(admin: string, org: string, limit: number): Promise<string[]> {
  const call = async (method: string, path: string, body: object): Promise<{ key?: string }> => {
    const answer = await fetch(`${admin}/v1/orgs${path}`, {
      method,
      headers: { authorization: `Bearer ${OPERATOR_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`)
    return (await answer.json()) as { key?: string }
  }
  await call('POST', '', { id: org, name: 'Bench', allowance: 1_000_000_000 })
  await call('PUT', `/${org}/user-limits`, { enabled: true, default: limit, recipients: 'all' })
  const keys: string[] = []
  for (let index = 0; index < USERS; index += 1) {
    await call('PUT', `/${org}/members/user-${index}`, { name: `User ${index}` })
    keys.push((await call('POST', `/${org}/keys`, { name: 'bench', user: `user-${index}` })).key ?? '')
  }
  return keys
}

/** Resolves when a server listens on the port. */
async function accepts(port: number): Promise<void> {
  const deadline = Date.now() + 30_000
  for (;;) {
    try {
      await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(1_000) })
      return
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`nothing listens on port ${port}`, { cause: error })
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}
