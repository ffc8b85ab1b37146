/**
 * Starts a gateway as a separate process, as the README describes, and creates an organization and keys over its admin
 * API.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { stringify } from 'yaml'
import { HALF_OVER } from './billing.ts'
import { movedDate } from './moved-date.ts'
import { freePort } from './ports.ts'
import { came, until } from './until.ts'
import { removeFolder } from './folder.ts'

export const OPERATOR_TOKEN = 'operator-token-of-the-tests'
/** A start takes up to a minute on one core that other processes use. */
const START_MS = 180_000
/** Some tests let calls run for a long time before the gateway may end. */
const STOP_MS = 240_000
const MAIN = new URL('../../dist/main.js', import.meta.url).pathname

export interface GatewayOptions {
  /** Absent if `config` contains the address of the store. */
  readonly redisUrl?: string
  /** How long calls wait for a store that does not answer; absent: the default. */
  readonly patienceSeconds?: number
  /** The URL of the one upstream; its prefix is /openai. */
  readonly upstreamUrl: string
  /** Further configuration, which replaces the tests' own top-level keys. */
  readonly config?: Readonly<Record<string, unknown>>
  /** Further configuration of the upstream. */
  readonly upstream?: Readonly<Record<string, unknown>>
  /** Further arguments of the command line, such as `['--workers', '2']`. */
  readonly args?: readonly string[]
  /** How far its clock is ahead of this machine's. */
  readonly clockAheadMs?: number
  /** Further environment variables. */
  readonly env?: Readonly<Record<string, string>>
}

export interface TestGateway {
  readonly dataUrl: string
  readonly adminUrl: string
  /** The base URL for an OpenAI SDK. */
  readonly openaiUrl: string
  readonly process: ChildProcess
  /** The path of its configuration file. */
  readonly configFile: string
  /** Lines of the log so far. */
  readonly log: readonly string[]
  /** Calls the admin API as the operator; rejects if the response is not a success. */
  admin(method: string, path: string, body?: unknown): Promise<unknown>
  /** One metric of a scrape, by its name with labels as in the text; 0 if it is missing. */
  metric(line: string): Promise<number>
  /** Sends SIGTERM; resolves to the exit code. */
  stop(): Promise<number | null>
  /** SIGKILL. */
  kill(): Promise<void>
}

/** No other process gets its ports after it ends, so that late clients do not reach the gateway of another test. */
async function configOf(options: GatewayOptions): Promise<Record<string, unknown>> {
  return {
    listen: { port: await freePort() },
    admin: { port: await freePort(), operatorToken: OPERATOR_TOKEN },
    redis: {
      url: options.redisUrl,
      ...(options.patienceSeconds !== undefined && { patienceSeconds: options.patienceSeconds }),
    },
    upstreams: {
      openai: {
        family: 'openai',
        prefix: '/openai',
        url: options.upstreamUrl,
        apiKey: 'sk-the-providers-own',
        ...options.upstream,
      },
    },
    prices: { models: { 'test-model': { input: 10, output: 100 } } },
    shutdownGraceSeconds: 0,
    ...options.config,
  }
}

/** A preloaded module moves every clock that a program can read. */
function clockEnv(aheadMs: number): NodeJS.ProcessEnv {
  if (aheadMs === 0) return {}
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(movedDate(aheadMs))}` }
}

/** A gateway that calls only this machine must not use the machine's proxies. */
const NO_PROXIES = { HTTPS_PROXY: '', https_proxy: '', NO_PROXY: '', no_proxy: '' }

/** Resolves when the gateway listens; rejects with its output if it exits before that. */
export async function startGateway(options: GatewayOptions): Promise<TestGateway> {
  const dir = mkdtempSync(join(tmpdir(), 'tg-gateway-'))
  const file = join(dir, 'tollgate.yaml')
  writeFileSync(file, stringify(await configOf(options)))
  const child = spawn(
    process.execPath,
    ['--enable-source-maps', MAIN, 'serve', '--config', file, ...(options.args ?? [])],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...NO_PROXIES, ...clockEnv(options.clockAheadMs ?? 0), ...options.env },
    },
  )
  const killAtExit = (): void => void child.kill('SIGKILL')
  process.once('exit', killAtExit)
  const log: string[] = []
  child.stderr.on('data', (chunk: Buffer) => log.push(chunk.toString()))
  const listening = new Promise<{ dataUrl: string; adminUrl: string }>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      log.push(line)
      const entry = JSON.parse(line) as { msg?: string; dataUrl?: string; adminUrl?: string }
      if (entry.dataUrl !== undefined && entry.adminUrl !== undefined) {
        resolve({ dataUrl: entry.dataUrl, adminUrl: entry.adminUrl })
      }
    })
    child.once('exit', (code) =>
      reject(new Error(`the gateway exited with ${String(code)}:\n${log.join('\n')}`)),
    )
  })
  const addresses = await came(listening, () => `the gateway listens; its log:\n${log.join('\n')}`, {
    timeoutMs: START_MS,
  })

  async function end(signal: NodeJS.Signals): Promise<number | null> {
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit')
      child.kill(signal)
      await came(exited, () => `the gateway exits after ${signal}; its log:\n${log.join('\n')}`, {
        timeoutMs: STOP_MS,
      })
    }
    process.removeListener('exit', killAtExit)
    removeFolder(dir)
    return child.exitCode
  }

  return {
    ...addresses,
    openaiUrl: `${addresses.dataUrl}/openai/v1`,
    process: child,
    configFile: file,
    log,
    admin: (method, path, body) => callAdmin(addresses.adminUrl, method, path, body),
    async metric(line) {
      const text = await (await fetch(`${addresses.adminUrl}/metrics`)).text()
      const found = text.split('\n').find((known) => known.startsWith(`${line} `))
      return found === undefined ? 0 : Number(found.slice(line.length + 1))
    },
    stop: () => end('SIGTERM'),
    async kill() {
      await end('SIGKILL')
    },
  }
}

async function callAdmin(adminUrl: string, method: string, path: string, body?: unknown): Promise<unknown> {
  const answered = fetch(adminUrl + path, {
    method,
    headers: {
      authorization: `Bearer ${OPERATOR_TOKEN}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const response = await came(answered, `the answer to ${method} ${path}`)
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return text === '' ? null : (JSON.parse(text) as unknown)
}

export interface TestOrg {
  readonly id: string
  /** The key of its member `ada`. */
  readonly key: string
  /** Creates another key. */
  createKey(body: Readonly<Record<string, unknown>>): Promise<string>
  /** The standing of a user as `/users` shows it; amounts in credits. */
  user(
    user?: string,
  ): Promise<{ used: number; counted: number; held: number; limit: number | null; exceeding: boolean }>
  /** Waits until nothing is held, and returns what ada has used. */
  usedWhenIdle(user?: string): Promise<number>
}

let orgs = 0

/** Creates an organization with the member `ada` and her key. `limit` is in credits; null switches limits off. */
export async function createOrg(
  gateway: TestGateway,
  setup: {
    /** The id; by default a unique one. */
    readonly id?: string
    readonly limit?: number | null
    readonly admission?: 'strict' | 'straddle'
    readonly allowance?: number
    readonly billing?: Readonly<Record<string, unknown>>
  } = {},
): Promise<TestOrg> {
  orgs += 1
  const id = setup.id ?? `org-${process.pid}-${orgs}`
  await gateway.admin('POST', '/v1/orgs', {
    id,
    name: id,
    allowance: setup.allowance ?? 1_000_000,
    admission: setup.admission ?? 'straddle',
    billing: setup.billing ?? HALF_OVER,
  })
  await gateway.admin('PUT', `/v1/orgs/${id}/members/ada`, {
    email: 'ada@example.com',
    name: 'Ada',
    role: 'member',
  })
  if (setup.limit !== null) {
    await gateway.admin('PUT', `/v1/orgs/${id}/user-limits`, {
      enabled: true,
      default: setup.limit ?? 100_000,
      recipients: 'all',
    })
  }
  async function createKey(body: Readonly<Record<string, unknown>>): Promise<string> {
    return ((await gateway.admin('POST', `/v1/orgs/${id}/keys`, body)) as { key: string }).key
  }
  async function user(name = 'ada'): ReturnType<TestOrg['user']> {
    type Item = Awaited<ReturnType<TestOrg['user']>> & { readonly user: string }
    let found: Item | undefined
    // A user whose first charge arrives while the list is read may be missing in both of its phases.
    await until(async () => {
      const page = (await gateway.admin('GET', `/v1/orgs/${id}/users?q=${name}`)) as {
        readonly items: readonly Item[]
      }
      found = page.items.find((item) => item.user === name)
      return found !== undefined
    })
    if (found === undefined) throw new Error(`no user ${name}`)
    return found
  }
  return {
    id,
    key: await createKey({ name: 'laptop', user: 'ada' }),
    createKey,
    user,
    async usedWhenIdle(name = 'ada') {
      await until(async () => (await user(name)).held === 0, { what: `nothing is held for ${name}` })
      return (await user(name)).used
    },
  }
}
