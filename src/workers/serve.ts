/** `tollgate serve`: one gateway, or a primary with workers. */
import type { Logger } from 'pino'
import { type Config, loadConfig } from '../config.ts'
import { watchConfig } from '../config/watch.ts'
import { createLogger } from '../gateway/log.ts'

export interface ServeOptions {
  /** The path of the configuration. */
  readonly file: string
  /** The number of serving processes. */
  readonly workers: number
  readonly pretty: boolean
}

export interface Serving {
  /** Stops gracefully. */
  stop(): Promise<void>
  /** Kills the processes that would outlive this one. */
  kill(): void
}

interface Started {
  readonly dataUrl: string
  readonly adminUrl: string
  reload(config: Config): Promise<void>
  reloadFailed(): void
  stop(): Promise<void>
  kill?(): void
}

/** Resolves when the gateway accepts calls. Rejects with a StartupError if an operator can fix the problem. */
export async function startServing({ file, workers, pretty }: ServeOptions): Promise<Serving> {
  const config = loadConfig(file)
  const logger = createLogger({ level: config.log.level, pretty })
  const running = await start(config, workers, pretty, logger)
  const { dataUrl, adminUrl } = running
  logger.info({ dataUrl, adminUrl, workers }, 'listening')
  logger.info({ dataUrl, adminUrl }, 'tollgate is ready')
  const watch = watchConfig({
    file,
    config,
    load: loadConfig,
    apply: async (next) => {
      await running.reload(next)
      logger.level = next.log.level
    },
    onRefused: () => running.reloadFailed(),
    logger,
  })
  process.on('SIGHUP', () => void watch.reload())
  return {
    stop: () => {
      watch.stop()
      return running.stop()
    },
    kill: () => running.kill?.(),
  }
}

async function start(config: Config, count: number, pretty: boolean, logger: Logger): Promise<Started> {
  if (count === 1) return (await import('../gateway/gateway.ts')).startGateway(config, { logger })
  return (await import('./primary.ts')).startWorkers(config, { count, logger, pretty })
}
