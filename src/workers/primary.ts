/**
 * The primary of `serve --workers N`, which handles no calls itself. It owns the listening ports (node:cluster hands
 * each connection to a worker in turn), the embedded Redis if there is one, and the sum of all metrics.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { tryCredentials } from '../store/credentials.ts'
import { startEmbeddedRedis } from '../store/embedded-redis.ts'
import { Fleet } from './fleet.ts'
import type { Addresses } from './messages.ts'
import { Scrapes } from './scrapes.ts'
import { forkWorker, type Report, type WorkerProcess } from './worker-process.ts'

export interface Workers extends Addresses {
  /** Sends another configuration to every worker, including later ones. */
  reload(config: Config): Promise<void>
  /** Counts a configuration that was refused. */
  reloadFailed(): void
  /** Stops every worker gracefully. Rejects if one did not end properly. */
  stop(): Promise<void>
  /** Kills every worker at once. */
  kill(): void
}

/** Time for a worker's steps after its last call, and for closing its connections. */
const STOP_SLACK_MS = 30_000

/**
 * Starts `count` workers. Rejects with one StartupError if the configuration, the store or a port prevents the start.
 */
export async function startWorkers(
  first: Config,
  {
    count,
    logger,
    pretty = false,
  }: { readonly count: number; readonly logger: Logger; readonly pretty?: boolean },
): Promise<Workers> {
  let config = first
  const embedded =
    config.redis.embedded === undefined
      ? null
      : await startEmbeddedRedis(config.redis.embedded, { log: (message) => logger.warn(message) })
  const fleet: Fleet = new Fleet({
    fork: () => fork(),
    logger,
    stopMs: () => (config.shutdownGraceSeconds + config.shutdownSeconds) * 1_000 + STOP_SLACK_MS,
  })
  const scrapes = new Scrapes(() => fleet.serving)
  const onReport = (worker: WorkerProcess, message: Report) => {
    if (message.kind === 'report') scrapes.report(worker.id, message.id, message.report)
    else void scrapes.scrape().then((body) => worker.send({ kind: 'scraped', id: message.id, body }))
  }
  function fork(): WorkerProcess {
    const worker = forkWorker({
      start: { kind: 'start', config, storeSocket: embedded?.socketPath ?? null, pretty },
      onReport,
      othersServe: (id) => !fleet.isStopping() && [...fleet.serving].some((other) => other.id !== id),
    })
    void worker.ended.then(() => scrapes.gone(worker.id))
    return worker
  }
  async function stop(): Promise<void> {
    try {
      await fleet.stop()
    } finally {
      await embedded?.stop()
    }
  }
  try {
    return {
      ...(await fleet.start(count)),
      async reload(next) {
        if (!isDeepStrictEqual(next.redis, config.redis)) await tryCredentials(next.redis)
        config = next
        fleet.tell({ kind: 'reload', config })
      },
      reloadFailed() {
        const [one] = fleet.serving
        one?.send({ kind: 'reload_failed' })
      },
      stop,
      kill: () => fleet.kill(),
    }
  } catch (error) {
    // The reason of the failed start is the error to report, whatever else fails now.
    await stop().catch(() => undefined)
    throw error
  }
}
