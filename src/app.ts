/** The composition root: the only place that knows every part, and the order in which they start and stop. */
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { createAdminPlane } from './admin/admin-plane.ts'
import { countOpenAnswers, stopCalls } from './app-stopping.ts'
import type { Config, Upstream } from './config.ts'
import { MICROCREDITS_PER_CREDIT, microcredits } from './core/units.ts'
import { StartupError } from './errors.ts'
import { anthropic } from './families/anthropic.ts'
import type { Family } from './families/family.ts'
import { gemini } from './families/gemini.ts'
import { generic } from './families/generic.ts'
import { openai } from './families/openai.ts'
import { createDirectory } from './ledger/directory.ts'
import { createKeyCache, type KeyCache } from './ledger/key-cache.ts'
import { createRedisLedger, type RedisLedger } from './ledger/redis-ledger.ts'
import { openStore, type Store } from './ledger/store.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { createTestSender } from './notices/channels/send-test.ts'
import { openSenders, type Senders } from './notices/channels/senders.ts'
import { startNotices, type Notices } from './notices/notices.ts'
import { createPriceBook } from './prices/price-book.ts'
import { createCallLog } from './request/call-log.ts'
import { createDataPlane } from './request/data-plane.ts'
import { createDrains } from './request/drain.ts'
import { createLookUp, type LookUp } from './request/identify.ts'
import { createJwtVerifier } from './request/jwt.ts'
import { Pipeline } from './request/pipeline.ts'
import { openUpstream, type OpenUpstream } from './request/upstreams.ts'

export interface Gateway {
  readonly dataUrl: string
  readonly adminUrl: string
  /** Stops gracefully: nothing in flight is lost, and every hold is settled, within the configured times. */
  stop(): Promise<void>
}

export interface GatewayOptions {
  readonly logger: Logger
  /** Where to count; its own by default. */
  readonly metrics?: Metrics
  /** The socket of the embedded Redis, where another process runs it already. */
  readonly storeSocket?: string
}

/** Beyond the longest that a call may be silent, so that no socket is closed under one. */
const SOCKET_SLACK_MS = 30_000

/** What is open, to be closed in reverse. */
type Opened = (() => unknown)[]

interface Parts {
  readonly config: Config
  readonly logger: Logger
  readonly metrics: Metrics
  readonly upstreams: readonly OpenUpstream[]
  readonly store: Store
  readonly ledger: RedisLedger
  readonly keyCache: KeyCache
  readonly lookUp: LookUp
  readonly senders: Senders
  readonly notices: Notices
  /** SIGTERM has come; `refusing` once the grace is over as well. */
  readonly stopping: { now: boolean; refusing: boolean }
}

/** Rejects with a StartupError when the configuration, the store or a port does not allow it to run. */
export async function startGateway(config: Config, options: GatewayOptions): Promise<Gateway> {
  const opened: Opened = []
  try {
    return await compose(await openParts(config, options, opened), opened)
  } catch (error) {
    await closeAll(opened)
    throw error
  }
}

async function closeAll(opened: Opened): Promise<void> {
  for (const close of opened.splice(0).reverse()) await close()
}

function familyOf({ family, provider, routes }: Upstream): Family {
  switch (family) {
    case 'openai':
      return openai(provider ?? null)
    case 'anthropic':
      return anthropic
    case 'gemini':
      return gemini
    case 'generic':
      return generic(
        (routes ?? []).map(({ method, path, creditsPerCall }) => ({
          method,
          path,
          price: microcredits(Math.round(creditsPerCall * MICROCREDITS_PER_CREDIT)),
        })),
      )
  }
}

async function openParts(config: Config, options: GatewayOptions, opened: Opened): Promise<Parts> {
  const { logger, metrics = createMetrics() } = options
  const upstreams = Object.entries(config.upstreams).map(([name, upstream]) =>
    openUpstream(name, upstream, familyOf(upstream), config.limits),
  )
  opened.push(() => Promise.all(upstreams.map(({ dispatcher }) => dispatcher.destroy())))
  for (const { target } of upstreams) metrics.declareUpstream(target.name, target.family.name)
  const store = await openStore(config.redis, logger, {
    onTransition: (to) => metrics.storeTransition(to),
    ...(options.storeSocket !== undefined && { runningSocket: options.storeSocket }),
  })
  opened.push(() => store.stop())
  const { notifications: settings, admin } = config
  const senders = openSenders({ notifications: settings, logger })
  opened.push(() => senders.close())
  const publicUrl = admin.publicUrl ?? null
  const notices = startNotices({ store, settings, publicUrl, senders, metrics, logger })
  opened.push(() => notices.stop())
  const ledger = await createRedisLedger({
    redis: store.redis,
    watch: store.watch,
    leaseMs: config.leaseSeconds * 1_000,
    userDayLifeMs: config.retentionDays * 86_400_000,
    metrics: metrics.ledger,
    logger,
    onCrossings: (org) => notices.wake(org),
  })
  opened.push(() => ledger.close())
  const keyCache = createKeyCache({
    redis: store.redis,
    listener: store.listener,
    watch: store.watch,
    now: () => performance.now(),
  })
  opened.push(() => keyCache.close())
  const { jwt } = config.auth
  const lookUp = createLookUp(keyCache, jwt.length === 0 ? null : createJwtVerifier(jwt, { logger }))
  return {
    config,
    logger,
    metrics,
    upstreams,
    store,
    ledger,
    keyCache,
    lookUp,
    senders,
    notices,
    stopping: { now: false, refusing: false },
  }
}

async function openDataPlane(parts: Parts, pipeline: Pipeline): Promise<FastifyInstance> {
  const { config, logger, upstreams, ledger, lookUp, stopping } = parts
  const silences = upstreams.map(({ target }) =>
    Math.max(target.timeouts.firstByteMs, target.timeouts.idleMs),
  )
  return createDataPlane({
    upstreams,
    pipeline,
    lookUp,
    ledger,
    logger,
    bodyBytes: config.limits.bodyBytes,
    silenceMs: Math.max(...silences) + SOCKET_SLACK_MS,
    stopping: () => stopping.now,
  })
}

function openAdminPlane(parts: Parts, dataUrl: () => string | null): FastifyInstance {
  const { config, logger, metrics, store, ledger, keyCache, senders, notices, stopping } = parts
  const { admin } = config
  const publicUrl = admin.publicUrl ?? null
  return createAdminPlane({
    redis: store.redis,
    directory: createDirectory({
      redis: store.redis,
      openPeriod: (org, now) => ledger.openPeriod(org, now),
      crossed: (org, type, count) => ledger.crossed(org, type, count),
      retentionDays: config.retentionDays,
    }),
    gateway: {
      dataUrl: () => config.listen.publicUrl ?? dataUrl(),
      upstreams: Object.entries(config.upstreams).map(([name, { family, prefix }]) => ({
        name,
        family,
        prefix,
      })),
    },
    keyCache,
    operatorToken: admin.operatorToken ?? null,
    sessionLife: {
      idleMs: admin.session.idleMinutes * 60_000,
      absoluteMs: admin.session.absoluteHours * 3_600_000,
    },
    redeliver: (org, id, change) => notices.redeliver(org, id, change),
    channels: { urlProblem: senders.urlProblem, sendTest: createTestSender(senders, publicUrl) },
    publicUrl,
    trustProxy: admin.trustProxy,
    metrics: () => metrics.scrape(),
    readiness: async () => {
      if (stopping.now) return { ready: false, reason: 'stopping' }
      return (await store.answers()) ? { ready: true } : { ready: false, reason: 'the store does not answer' }
    },
    logger,
  })
}

async function compose(parts: Parts, opened: Opened): Promise<Gateway> {
  const { config, logger, metrics, store, ledger, lookUp, notices, stopping } = parts
  const { drainBytes, drainSeconds, drainConcurrent, concurrent } = config.limits
  const pipeline = new Pipeline({
    lookUp,
    book: createPriceBook({ creditsPerUsd: config.creditsPerUsd, ...config.prices }),
    ledger,
    drains: createDrains({ bytes: drainBytes, ms: drainSeconds * 1_000, concurrent: drainConcurrent }),
    metrics,
    logger,
    calls: createCallLog({ sample: config.log.calls.sample, logger }),
    maxConcurrent: concurrent,
    stopping: () => stopping.now,
    refusing: () => stopping.refusing,
  })
  metrics.watch({
    openHolds: () => ledger.openHolds(),
    openStreams: () => pipeline.openStreams,
    storeUp: () => store.watch.isUp(),
    outboxLag: () => notices.lagSeconds(),
    journalEntries: () => 0,
  })
  const dataPlane = await openDataPlane(parts, pipeline)
  const openAnswers = countOpenAnswers(dataPlane.server)
  opened.push(() => dataPlane.close())
  let dataUrl: string | null = null
  const adminPlane = openAdminPlane(parts, () => dataUrl)
  opened.push(() => adminPlane.close())
  const adminUrl = await listen(adminPlane, 'admin', config.admin)
  dataUrl = await listen(dataPlane, 'listen', config.listen)

  return {
    dataUrl,
    adminUrl,
    async stop() {
      stopping.now = true
      const lastMs = (config.shutdownGraceSeconds + config.shutdownSeconds) * 1_000
      await Promise.all([stopCalls(parts, pipeline, dataPlane, openAnswers), notices.stopDelivering(lastMs)])
      await closeAll(opened)
    },
  }
}

async function listen(
  app: FastifyInstance,
  what: string,
  address: { host: string; port: number },
): Promise<string> {
  try {
    return await app.listen({ host: address.host, port: address.port })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new StartupError(`${what}.port: cannot listen on ${address.host}:${address.port}: ${reason}`, 2)
  }
}
