/** What a soak runs: a store of its own, gateways that call it through a proxy each, a provider, a mail server, a receiver. */
import { mkdtempSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent } from 'undici'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { openClient } from '../support/ledger.ts'
import { startRedis, type RedisServer } from '../support/redis.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { startMailbox, type Mailbox } from './mailbox.ts'
import { startSoakOrigin, type SoakOrigin } from './origin.ts'
import { configuredPrices, SEARCH_CREDITS } from './prices.ts'
import { removeFolder } from '../support/folder.ts'

/** A gateway from its start to its end. */
export interface Life {
  readonly gateway: TestGateway
  readonly agent: Agent
  /** When it, or one of its workers, was killed. */
  readonly kills: number[]
  /** Whether a load balancer would send it calls. */
  isReady: boolean
}

export interface World {
  readonly store: RedisServer
  readonly origin: SoakOrigin
  readonly mailbox: Mailbox
  /** One connection to the store for each gateway goes through one of these. */
  readonly proxies: readonly TcpProxy[]
  readonly leaseSeconds: number
  /** The first of them is never restarted: its memory is what is watched. */
  readonly lives: Life[]
  /** Starts the gateway of that place, the second and later ones with two workers every other time. */
  start(place: number): Promise<void>
  /** The store forgets every script. */
  flushScripts(): Promise<void>
  /** Ids of the processes that a gateway has besides its own. */
  workersOf(life: Life): Promise<number[]>
  close(): Promise<void>
}

const upstream = (family: string, prefix: string, url: string): object => ({
  family,
  prefix,
  url,
  apiKey: 'sk-soak',
})

function configOf(
  origin: SoakOrigin,
  mailbox: Mailbox,
  dir: string,
  leaseSeconds: number,
): Record<string, unknown> {
  return {
    upstreams: {
      openai: upstream('openai', '/openai', origin.url),
      anthropic: upstream('anthropic', '/anthropic', origin.url),
      gemini: upstream('gemini', '/gemini', origin.url),
      // Nobody listens at the port for discarding.
      unreachable: upstream('openai', '/unreachable', 'http://127.0.0.1:9'),
      tools: {
        ...upstream('generic', '/tools', origin.url),
        routes: [{ method: 'POST', path: '/v1/search', creditsPerCall: SEARCH_CREDITS }],
      },
    },
    prices: { models: configuredPrices() },
    leaseSeconds,
    journal: { dir: join(dir, 'journal') },
    limits: { drainSeconds: 2 },
    timeouts: { firstByteSeconds: 8, idleSeconds: 8 },
    shutdownGraceSeconds: 1,
    notifications: {
      smtp: { url: mailbox.smtpUrl, from: 'Tollgate <noreply@example.com>' },
      allowTargets: ['127.0.0.1/32'],
      attempts: 100,
      backoffSeconds: 0.2,
      maxBackoffSeconds: 2,
      perSecond: 200,
      sweepSeconds: 2,
      lockSeconds: 2,
    },
    log: { level: 'info' },
  }
}

export async function openWorld(count: number, leaseSeconds: number): Promise<World> {
  const dir = mkdtempSync(join(tmpdir(), 'tg-soak-'))
  const [store, origin, mailbox] = await Promise.all([
    startRedis({ persist: true }),
    startSoakOrigin(),
    startMailbox(),
  ])
  const proxies = await Promise.all(Array.from({ length: count }, () => startTcpProxy(store.port)))
  const lives: Life[] = []
  const starts = new Map<number, number>()

  async function start(place: number): Promise<void> {
    const proxy = proxies[place]
    if (proxy === undefined) throw new Error(`no place ${place}`)
    const before = starts.get(place) ?? 0
    starts.set(place, before + 1)
    const gateway = await startGateway({
      redisUrl: `redis://127.0.0.1:${proxy.port}`,
      upstreamUrl: origin.url,
      config: configOf(origin, mailbox, dir, leaseSeconds),
      args: place > 0 && before % 2 === 1 ? ['--workers', '2'] : [],
    })
    lives[place] = { gateway, agent: new Agent({ connections: 64 }), kills: [], isReady: true }
  }
  for (let place = 0; place < count; place += 1) await start(place)

  return {
    store,
    origin,
    mailbox,
    proxies,
    leaseSeconds,
    lives,
    start,
    async flushScripts() {
      const redis = await openClient({ url: store.url })
      await redis.script('FLUSH')
      redis.disconnect()
    },
    async workersOf({ gateway }) {
      const pid = gateway.process.pid ?? 0
      const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
      return text.split(' ').filter(Boolean).map(Number)
    },
    async close() {
      for (const { gateway, agent } of lives) {
        await agent.destroy()
        await gateway.stop()
      }
      await Promise.all([...proxies.map((proxy) => proxy.stop()), origin.stop(), mailbox.stop()])
      await store.stop()
      removeFolder(dir)
    },
  }
}
