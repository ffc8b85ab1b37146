/** A worker of `serve --workers N`: a whole gateway, which shares its ports and its scrape with the other workers. */
import cluster from 'node:cluster'
import type { Logger } from 'pino'
import { type Gateway, startGateway } from '../gateway/gateway.ts'
import type { Config } from '../config.ts'
import { StartupError } from '../errors.ts'
import { createLogger } from '../gateway/log.ts'
import { createMetrics, type Metrics, type Scrape } from '../metrics/metrics.ts'
import type { ToPrimary, ToWorker } from './messages.ts'

type Start = Extract<ToWorker, { kind: 'start' }>

/** Longer than two collections may take: the running one and the one that answers this scrape. */
const SCRAPE_MS = 5_000

const NO_SUM: Scrape = {
  contentType: 'text/plain; charset=utf-8',
  body: 'Not every worker reported in time, and a sum that lacks one would be wrong. Scrape again.\n',
  status: 503,
}

/**
 * Serves until the primary says stop, the primary is gone, or a signal comes; then finishes all calls in flight. It
 * ignores a second signal, because the whole process group gets it and the primary decides. If it cannot serve, it
 * tells the primary why, which reports it once for all workers.
 */
export async function runWorker(): Promise<void> {
  const { worker } = cluster
  if (worker === undefined) throw new Error('this process is no worker')
  const metrics = createMetrics()
  const sums = createSums(metrics)
  // Before it serves, there is nothing to finish.
  let stop = (): void => process.exit(0)
  process.on('SIGTERM', () => stop())
  process.on('SIGINT', () => stop())
  // The whole process group gets SIGHUP; the primary reads the configuration and sends it to the workers.
  process.on('SIGHUP', () => undefined)
  const reloads = createReloads()
  const start = await new Promise<Start>((resolve) => {
    process.on('message', (message: ToWorker) => {
      switch (message.kind) {
        case 'start':
          resolve(message)
          return
        case 'stop':
          stop()
          return
        case 'reload':
          reloads.ask(message.config)
          return
        case 'reload_failed':
          metrics.reloadFailed()
          return
        case 'report':
          void sendReport(metrics, message.id)
          return
        case 'scraped':
          sums.answered(message.id, message.body)
      }
    })
    void send({ kind: 'hello' })
  })

  const { config, pretty } = start
  const logger = createLogger({ level: config.log.level, pretty }).child({ worker: worker.id })
  const gateway = await startGateway(config, {
    logger,
    metrics: { ...metrics, scrape: () => sums.scrape() },
    ...(start.storeSocket === null ? {} : { storeSocket: start.storeSocket }),
  }).catch(tellFailure)

  reloads.begin((next) => takeOver(gateway, next, logger))
  let isStopping = false
  stop = () => {
    if (!isStopping) void finish(gateway, metrics)
    isStopping = true
  }
  worker.once('disconnect', () => {
    // Without this, Node ends a worker at once when its primary is gone.
    worker.exitedAfterDisconnect = true
    logger.error('the primary is gone: this worker stops')
    stop()
  })
  logger.info('a worker serves')
  await send({ kind: 'serving', dataUrl: gateway.dataUrl, adminUrl: gateway.adminUrl })
}

async function finish(gateway: Gateway, metrics: Metrics): Promise<void> {
  await gateway.stop()
  await sendReport(metrics, null)
  process.exit(0)
}

/** Applies configurations one after the other; one that comes before this worker serves waits until it does. */
function createReloads() {
  let isServing: (takeOver: (config: Config) => Promise<void>) => void
  const serving = new Promise<(config: Config) => Promise<void>>((resolve) => (isServing = resolve))
  let last: Promise<void> = Promise.resolve()
  return {
    ask(config: Config): void {
      last = last.then(async () => (await serving)(config))
    },
    begin: (takeOver: (config: Config) => Promise<void>) => isServing(takeOver),
  }
}

/**
 * The primary has checked the configuration, so a failure here comes from this machine, such as a file that was just
 * removed.
 */
async function takeOver(gateway: Gateway, config: Config, logger: Logger): Promise<void> {
  try {
    await gateway.reload(config)
  } catch (error) {
    gateway.reloadFailed()
    logger.error({ err: error }, 'this worker did not take over a changed configuration')
  }
}

async function tellFailure(error: unknown): Promise<never> {
  if (!(error instanceof StartupError)) throw error
  await send({ kind: 'failed', message: error.message, exitCode: error.exitCode })
  process.exit(error.exitCode)
}

async function sendReport(metrics: Metrics, id: number | null): Promise<void> {
  await send({ kind: 'report', id, report: await metrics.report() })
}

/** Resolves when the message was sent or cannot be sent. */
function send(message: ToPrimary): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send?.(message, undefined, undefined, () => resolve())
    else resolve()
  })
}

/** Requests the sum over all workers from the primary. */
function createSums(metrics: Metrics) {
  const waiting = new Map<number, (body: string | null) => void>()
  let asked = 0
  return {
    answered: (id: number, body: string | null) => waiting.get(id)?.(body),
    async scrape(): Promise<Scrape> {
      const id = ++asked
      const body = await new Promise<string | null>((resolve) => {
        const impatience = setTimeout(resolve, SCRAPE_MS, null)
        waiting.set(id, (answer) => {
          clearTimeout(impatience)
          resolve(answer)
        })
        void send({ kind: 'scrape', id })
      })
      waiting.delete(id)
      return body === null ? NO_SUM : { contentType: metrics.contentType, body, status: 200 }
    },
  }
}
