/** The composition root: the only module that knows every part and the order in which they start and stop. */
import type { Logger } from 'pino'
import { unbracketed } from '../core/hosts.ts'
import { openAdminPlane } from './admin.ts'
import { createCounting, showState, type Counting } from './metrics.ts'
import { openNotices, type LiveNotices } from './notifications.ts'
import { closeAll, inGoodOrder, type Opened, stopCalls } from './stopping.ts'
import { openUpstreams, type Upstreams } from './upstreams.ts'
import { changedKeys } from '../config/changes.ts'
import type { Config } from '../config.ts'
import { StartupError } from '../errors.ts'
import { watchDrift } from '../directory/drift/background.ts'
import { createKeyCache, type KeyCache } from '../virtual-keys/cache.ts'
import { Journal } from '../journal/journal.ts'
import { createRedisLedger, type RedisLedger } from '../ledger/redis-ledger.ts'
import { openStore, type Store } from '../store/store.ts'
import { createMetrics, type Metrics } from '../metrics/metrics.ts'
import { createPriceBook } from '../prices/price-book.ts'
import { createCallLog } from '../call/call-log.ts'
import { Endings } from '../call/endings.ts'
import { createFreeRoutes } from '../call/free-routes.ts'
import { createLookUp, type LookUp } from '../call/identify.ts'
import { createJwtVerifier } from '../call/jwt.ts'
import { OpenCalls } from '../call/open-calls.ts'
import { Pipeline } from '../call/pipeline.ts'
import { createRoutes, type Serve } from '../call/routes.ts'
import { createCallServer, type CallServer } from '../call/server.ts'
import { createUnpricedUsage, type UnpricedUsage } from '../call/unpriced.ts'
import type { OpenUpstream } from '../call/upstreams.ts'

export interface Gateway {
  readonly dataUrl: string
  readonly adminUrl: string
  /**
   * Applies another configuration as a whole, or rejects and keeps the previous one. Calls in flight end under the old
   * one.
   */
  reload(config: Config): Promise<void>
  /** Counts a configuration that was refused before it reached `reload`. */
  reloadFailed(): void
  /** Stops gracefully: calls in flight end and every hold is settled, within the configured times. */
  stop(): Promise<void>
}

export interface GatewayOptions {
  readonly logger: Logger
  /** The metrics to use; by default the gateway creates its own. */
  readonly metrics?: Metrics
  /** The socket of the embedded Redis, if another process runs it. */
  readonly storeSocket?: string
}

/** Added to the longest silence of a call, so that no socket is closed during one. */
const SOCKET_SLACK_MS = 30_000

/** The parts that a reload replaces. */
interface Live {
  config: Config
  lookUp: LookUp
  out: LiveNotices
}

interface Parts {
  readonly live: Live
  readonly logger: Logger
  readonly metrics: Metrics
  readonly counting: Counting
  readonly upstreams: Upstreams
  readonly store: Store
  readonly ledger: RedisLedger
  readonly journal: Journal
  readonly keyCache: KeyCache
  readonly open: OpenCalls
  readonly unpriced: UnpricedUsage
  /** `now`: SIGTERM was received. `refusing`: the grace period is over as well. */
  readonly stopping: { now: boolean; refusing: boolean }
}

/** Rejects with a StartupError if the configuration, the store or a port prevents the start. */
export async function startGateway(config: Config, options: GatewayOptions): Promise<Gateway> {
  const opened: Opened = []
  try {
    return await compose(await openParts(config, options, opened), opened)
  } catch (error) {
    await closeAll(opened, options.logger)
    throw error
  }
}

async function openParts(config: Config, options: GatewayOptions, opened: Opened): Promise<Parts> {
  const { logger, metrics = createMetrics() } = options
  const open = new OpenCalls()
  const counting = createCounting(metrics.instruments, open)
  const upstreams = openUpstreams(config)
  opened.push(() => upstreams.destroy())
  declareUpstreams(counting.call, upstreams.open)
  const store = await openStore(config.redis, logger, {
    onTransition: (to) => counting.store.transition(to),
    ...(options.storeSocket !== undefined && { runningSocket: options.storeSocket }),
  })
  opened.push(() => store.stop())
  const live: Pick<Live, 'out'> = {
    out: openNotices(config, { store, metrics: counting.notifications, logger }),
  }
  opened.push(() => live.out.close())
  const journal = new Journal({ ...config.journal, logger })
  opened.push(() => journal.close())
  const patience = { ms: config.redis.patienceSeconds * 1_000, metrics: counting.store.waits }
  const ledger = await createRedisLedger({
    ...{ redis: store.redis, watch: store.watch, journal, metrics: counting.ledger, logger },
    leaseMs: config.leaseSeconds * 1_000,
    userDayLifeMs: config.retentionDays * 86_400_000,
    patienceMs: patience.ms,
    onCrossings: (org) => live.out.notices.wake(org),
  })
  opened.push(() => ledger.close())
  const drift = watchDrift(
    {
      redis: store.redis,
      openPeriod: (org, now) => ledger.openPeriod(org, now),
      onDrift: counting.onDrift,
    },
    logger,
  )
  opened.push(() => drift.stop())
  const keyCache = createKeyCache({
    redis: store.redis,
    listener: store.listener,
    watch: store.watch,
    patience,
    now: () => performance.now(),
  })
  opened.push(() => keyCache.close())
  return {
    live: Object.assign(live, { config, lookUp: openLookUp(config, keyCache, logger) }),
    logger,
    metrics,
    counting,
    upstreams,
    store,
    ledger,
    journal,
    keyCache,
    open,
    unpriced: createUnpricedUsage({ metrics: counting.call, logger, now: () => performance.now() }),
    stopping: { now: false, refusing: false },
  }
}

function declareUpstreams(metrics: Counting['call'], upstreams: readonly OpenUpstream[]): void {
  for (const { target } of upstreams) metrics.declareUpstream(target.name, target.family.name)
}

function openLookUp({ auth: { jwt, userHeader } }: Config, keyCache: KeyCache, logger: Logger): LookUp {
  return createLookUp(keyCache, jwt.length === 0 ? null : createJwtVerifier(jwt, { logger }), userHeader)
}

/** The longest that a call's socket may be silent. */
function silenceOf(upstreams: readonly OpenUpstream[]): number {
  const silences = upstreams.map(({ target: { timeouts } }) =>
    Math.max(timeouts.connectMs + timeouts.firstByteMs, timeouts.idleMs),
  )
  return Math.max(...silences) + SOCKET_SLACK_MS
}

/** Builds the routes of a configuration. Counters and limits that all configurations share are in `parts`. */
async function openRoutes(
  parts: Parts,
  config: Config,
  lookUp: LookUp,
  upstreams: readonly OpenUpstream[],
): Promise<Serve> {
  const { logger, ledger, open, unpriced, stopping } = parts
  const metrics = parts.counting.call
  const { bodyBytes, bufferedBytes, drainBytes, drainSeconds, drainConcurrent, concurrent } = config.limits
  const bodyLimits = { bodyBytes, bufferedBytes }
  const calls = createCallLog({ sample: config.log.calls.sample, logger })
  const endings = new Endings({ metrics, calls, stopping: () => stopping.now })
  const shared = { lookUp, ledger, logger, open, endings, bodyLimits }
  const pipeline = new Pipeline({
    ...shared,
    book: createPriceBook({ creditsPerUsd: config.creditsPerUsd, ...config.prices }),
    drainLimits: { bytes: drainBytes, ms: drainSeconds * 1_000, concurrent: drainConcurrent },
    maxConcurrent: concurrent,
    metrics,
    unpriced,
    refusing: () => stopping.refusing,
  })
  const others = await createFreeRoutes({
    ...shared,
    upstreams,
    publicUrl: config.listen.publicUrl ?? null,
    stopping: () => stopping.now,
  })
  return createRoutes({ upstreams, pipeline, endings, calls, others })
}

async function compose(parts: Parts, opened: Opened): Promise<Gateway> {
  const { live, logger, metrics, counting, upstreams, journal, open, stopping } = parts
  const { config, lookUp } = live
  showState(metrics.instruments, counting, { ...parts, notices: () => live.out.notices })
  const server = createCallServer({
    open,
    serve: await openRoutes(parts, config, lookUp, upstreams.open),
    bounds: config.listen,
    onError: (error) => logger.error({ err: error }, 'the listener for calls met an error'),
    silenceMs: silenceOf(upstreams.open),
  })
  opened.push(() => server.close())
  let dataUrl: string | null = null
  const adminPlane = openAdminPlane({ ...parts, onDrift: counting.onDrift }, () => dataUrl)
  opened.push(() => adminPlane.close())
  const adminUrl = await listen((host, port) => adminPlane.listen({ host, port }), 'admin', config.admin)
  dataUrl = await listen((host, port) => server.listen(host, port), 'listen', config.listen)

  return {
    dataUrl,
    adminUrl,
    reload: (next) => reload(parts, server, next),
    reloadFailed: () => metrics.reloadFailed(),
    async stop() {
      stopping.now = true
      const { shutdownGraceSeconds, shutdownSeconds } = live.config
      const lastMs = (shutdownGraceSeconds + shutdownSeconds) * 1_000
      await Promise.all([
        inGoodOrder(() => stopCalls({ ...parts, config: live.config }, server), logger),
        inGoodOrder(() => live.out.notices.stopDelivering(lastMs), logger),
      ])
      if (journal.entries > 0)
        logger.warn(
          { entries: journal.entries, dir: live.config.journal.dir },
          'what the store did not take is left in the journal: the next gateway with this folder charges it',
        )
      await closeAll(opened, logger)
    },
  }
}

/**
 * Steps that can fail or take time come first and change nothing. Then everything is replaced at once, between two
 * calls.
 */
async function reload(parts: Parts, server: CallServer, next: Config): Promise<void> {
  const { live, logger, counting, upstreams, store, keyCache } = parts
  const prepared = upstreams.prepare(next)
  try {
    const lookUp = openLookUp(next, keyCache, logger)
    const serve = await openRoutes(parts, next, lookUp, prepared)
    const credentials = await store.prepare(next.redis)
    // Their connections have their own credentials, and that of a queue worker cannot be changed in place.
    const changed = changedKeys(live.config, next).some((key) => key === 'notifications' || key === 'redis')
    const out = changed
      ? openNotices(next, {
          store: { ...store, open: credentials.open },
          metrics: counting.notifications,
          logger,
        })
      : live.out

    const before = live.out
    credentials.use()
    declareUpstreams(counting.call, prepared)
    upstreams.use(next, prepared)
    server.use(serve, silenceOf(prepared))
    Object.assign(live, { config: next, lookUp, out })
    logger.level = next.log.level
    if (before !== out)
      void before.close().catch((error: unknown) => logger.error({ err: error }, 'notices did not close'))
  } catch (error) {
    await upstreams.drop(prepared)
    throw error
  }
}

async function listen(
  open: (host: string, port: number) => Promise<string>,
  what: string,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<string> {
  try {
    return await open(unbracketed(host), port)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const shown = /^[^[]*:/.test(host) ? `[${host}]` : host
    throw new StartupError(`${what}.port: cannot listen on ${shown}:${port}: ${reason}`, 2)
  }
}
