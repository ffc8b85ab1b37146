/** Watches the configuration file, and applies a changed configuration if it is valid. */
import { readFileSync, unwatchFile, watchFile } from 'node:fs'
import type { Logger } from 'pino'
import { StartupError } from '../errors.ts'
import { changedKeys, refuseRestart } from './changes.ts'
import type { Config } from './types.ts'

export interface WatchOptions {
  readonly file: string
  /** The configuration in force. */
  readonly config: Config
  /** Reads the file. Throws a StartupError that names the key. */
  readonly load: (file: string) => Config
  /** Applies it as a whole, or rejects and keeps the previous one. */
  readonly apply: (config: Config) => Promise<void>
  /** Called when a configuration was refused. */
  readonly onRefused: () => void
  readonly logger: Logger
}

export interface ConfigWatch {
  /** Reads the file again now, even if it looks unchanged: files that it refers to may have changed. */
  reload(): Promise<void>
  stop(): void
}

/** Null if the file cannot be read; `load` reports that. */
function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}

/**
 * Polling works where file notifications do not: on network and container file systems, and where Kubernetes exchanges
 * a mounted ConfigMap behind a link.
 */
const POLL_MS = 1_000

export function watchConfig({ file, config, load, apply, onRefused, logger }: WatchOptions): ConfigWatch {
  let inForce = config
  let running: Promise<void> = Promise.resolve()
  let isStopped = false
  let tried = textOf(file)

  async function reload(isAsked: boolean): Promise<void> {
    if (isStopped) return
    // The poll also sees a change that SIGHUP already announced, and must not refuse it a second time.
    const text = textOf(file)
    if (!isAsked && text === tried) return
    tried = text
    try {
      const next = load(file)
      const changed = changedKeys(inForce, next)
      if (changed.length === 0 && !isAsked) return
      refuseRestart(inForce, next)
      await apply(next)
      inForce = next
      logger.info({ changed }, 'the configuration was reloaded')
    } catch (error) {
      onRefused()
      const reason = error instanceof StartupError ? { reason: error.message } : { err: error }
      logger.error(reason, 'a changed configuration was refused: the one before stays in force')
    }
  }

  /** Reads run one after the other, so that the last one read is in force. */
  function inTurn(isAsked: boolean): Promise<void> {
    running = running.then(() => reload(isAsked))
    return running
  }

  const onChange = (): void => void inTurn(false)
  watchFile(file, { interval: POLL_MS, persistent: false }, onChange)
  return {
    reload: () => inTurn(true),
    stop() {
      isStopped = true
      unwatchFile(file, onChange)
    },
  }
}
