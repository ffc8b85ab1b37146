/** The `demo` command: starts a whole Tollgate with a store, a provider, an organization and keys. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Logger, pino } from 'pino'
import { type Config, configFrom } from '../config.ts'
import { guide } from './guide.ts'
import { freePort } from './ports.ts'
import { startProvider } from './provider.ts'
import { setUp } from './setup.ts'
import { operatorToken, readState, writeState } from './state.ts'

interface RunningGateway {
  readonly dataUrl: string
  readonly adminUrl: string
  stop(): Promise<void>
}

export interface DemoOptions {
  /** Where the demo keeps its store, keys and log. */
  readonly dataDir: string
  /** The key of a real provider; without one the simulated provider answers. */
  readonly openaiApiKey: string | null
  readonly startGateway: (config: Config, options: { logger: Logger }) => Promise<RunningGateway>
  /** Ports that are tried first. */
  readonly ports?: { readonly data: number; readonly admin: number }
}

export interface Demo {
  /** The text for the terminal. */
  readonly text: (isColoured: boolean) => string
  stop(): Promise<void>
}

/**
 * Prices that make a call to the simulated provider cost just under one credit, so that a few calls reach the limit. A
 * coding agent sends some ten thousand tokens per call, and should still have a few turns.
 */
const DEMO_PRICES = {
  'demo-model': { input: 50, output: 200, maxOutput: 100 },
  'demo-agent': { input: 0.1, output: 1, maxOutput: 100, webSearch: 0.001 },
  'demo-embedding': { input: 50 },
}
/** With a base URL other than Google's, Gemini CLI uses a key only if its settings say so. */
const GEMINI_SETTINGS = `${JSON.stringify({ security: { auth: { selectedType: 'gemini-api-key' } } })}\n`
const REAL_URL = 'https://api.openai.com'
const REAL_MODEL = 'gpt-4o-mini'

/** Starts everything. Rejects with a StartupError if the store cannot start or a port is not available. */
export async function startDemo(options: DemoOptions): Promise<Demo> {
  const dataDir = resolve(options.dataDir)
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const files = {
    token: join(dataDir, 'operator-token'),
    state: join(dataDir, 'demo.json'),
    log: join(dataDir, 'tollgate.log'),
    geminiSettings: join(dataDir, 'gemini-settings.json'),
  }
  writeFileSync(files.geminiSettings, GEMINI_SETTINGS)
  const wanted = options.ports ?? { data: 8080, admin: 8081 }
  const dataPort = await freePort(wanted.data)
  const adminPort = await freePort(wanted.admin, dataPort)
  const token = operatorToken(files.token)
  const provider = await startUpstream(options.openaiApiKey)
  const logger = pino({ level: 'info' }, pino.destination({ dest: files.log, append: true, sync: true }))

  const started: { stop(): Promise<void> }[] = [provider]
  const stop = async () => {
    for (const part of [...started].reverse()) await part.stop()
  }
  try {
    const config = demoConfig({ dataDir, dataPort, adminPort, token, provider })
    const gateway = await options.startGateway(config, { logger })
    started.push(gateway)
    const keys = await setUp({ ...gateway, operatorToken: token }, readState(files.state), (state) =>
      writeState(files.state, state),
    )
    const facts = {
      dataUrl: gateway.dataUrl,
      adminUrl: gateway.adminUrl,
      provider,
      model: provider.isSimulated ? 'demo-model' : REAL_MODEL,
      ...keys,
      dataDir,
      tokenFile: files.token,
      logFile: files.log,
      geminiSettingsFile: files.geminiSettings,
      busyPorts: [
        ...(dataPort === wanted.data ? [] : [wanted.data]),
        ...(adminPort === wanted.admin ? [] : [wanted.admin]),
      ],
    }
    return { text: (isColoured) => guide(facts, isColoured), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

interface Upstream {
  readonly url: string
  /** Absent with a real provider. */
  readonly anthropicUrl?: string
  readonly geminiUrl?: string
  readonly apiKey: string
  readonly isSimulated: boolean
  stop(): Promise<void>
}

async function startUpstream(openaiApiKey: string | null): Promise<Upstream> {
  if (openaiApiKey !== null) {
    return { url: REAL_URL, apiKey: openaiApiKey, isSimulated: false, stop: () => Promise.resolve() }
  }
  const apiKey = `sk-simulated-${randomBytes(12).toString('hex')}`
  const provider = await startProvider({ apiKey })
  return { ...provider, apiKey, isSimulated: true }
}

function demoConfig(facts: {
  readonly dataDir: string
  readonly dataPort: number
  readonly adminPort: number
  readonly token: string
  readonly provider: Upstream
}): Config {
  const { provider } = facts
  const upstream = (family: string, url: string) => ({
    family,
    prefix: `/${family}`,
    url,
    apiKey: provider.apiKey,
  })
  const input = {
    listen: { port: facts.dataPort },
    admin: {
      port: facts.adminPort,
      operatorToken: facts.token,
      // Mails link to the page. If the system picks the port, the page's address is not known yet.
      ...(facts.adminPort !== 0 && { publicUrl: `http://127.0.0.1:${facts.adminPort}` }),
    },
    redis: { embedded: 'redis' },
    journal: { dir: 'journal' },
    // The demo has no mail server: it writes mails to a folder.
    notifications: { mailDir: 'mail' },
    upstreams: {
      openai: upstream('openai', provider.url),
      ...(provider.anthropicUrl !== undefined && { anthropic: upstream('anthropic', provider.anthropicUrl) }),
      ...(provider.geminiUrl !== undefined && { gemini: upstream('gemini', provider.geminiUrl) }),
    },
    prices: { models: provider.isSimulated ? DEMO_PRICES : {} },
    // The demo has no load balancer that needs a grace period, and Ctrl-C should not take five seconds.
    shutdownGraceSeconds: 0,
    shutdownSeconds: 10,
  }
  return configFrom(input, { dir: facts.dataDir })
}
