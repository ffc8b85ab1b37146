/** What the primary and its workers say to each other over the channel between them. */
import cluster from 'node:cluster'
import type { Config } from '../config.ts'
import type { MetricReport } from '../metrics/report.ts'

/** Set in the environment of a worker: others may fork us as well, as pm2 does. */
export const WORKER_ENV = 'TOLLGATE_WORKER'

/** Whether this process is a worker of ours. */
export function isWorker(): boolean {
  return cluster.isWorker && process.env[WORKER_ENV] !== undefined
}

export interface Addresses {
  readonly dataUrl: string
  readonly adminUrl: string
}

export type ToWorker =
  /** The primary read the configuration once: a worker that comes later must not find another one in the file. */
  | {
      readonly kind: 'start'
      readonly config: Config
      readonly storeSocket: string | null
      /** How the log is written. */
      readonly pretty: boolean
    }
  | { readonly kind: 'stop' }
  /** Another configuration, which the primary has read and checked. */
  | { readonly kind: 'reload'; readonly config: Config }
  /** One could not be taken over: sent to one worker, which counts it for all. */
  | { readonly kind: 'reload_failed' }
  | { readonly kind: 'report'; readonly id: number }
  /** The answer to `scrape`; null where not every worker reported in time. */
  | { readonly kind: 'scraped'; readonly id: number; readonly body: string | null }

export type ToPrimary =
  /** It listens to messages now, and waits for `start`. */
  | { readonly kind: 'hello' }
  | ({ readonly kind: 'serving' } & Addresses)
  /** Why it cannot run, as in a StartupError. */
  | { readonly kind: 'failed'; readonly message: string; readonly exitCode: 1 | 2 }
  | { readonly kind: 'scrape'; readonly id: number }
  /** `id` is that of the question; null for the last report of a worker that has stopped. */
  | { readonly kind: 'report'; readonly id: number | null; readonly report: MetricReport }
