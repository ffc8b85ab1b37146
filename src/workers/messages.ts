/** The messages between the primary and its workers. */
import cluster from 'node:cluster'
import type { Config } from '../config.ts'
import type { MetricReport } from '../metrics/report.ts'

/**
 * Set in the environment of a worker. The check needs it because other programs, such as pm2, may fork this process as
 * well.
 */
export const WORKER_ENV = 'TOLLGATE_WORKER'

/** Whether this process is one of our workers. */
export function isWorker(): boolean {
  return cluster.isWorker && process.env[WORKER_ENV] !== undefined
}

export interface Addresses {
  readonly dataUrl: string
  readonly adminUrl: string
}

export type ToWorker =
  /** The primary reads the configuration once, so that a later worker does not find another one in the file. */
  | {
      readonly kind: 'start'
      readonly config: Config
      readonly storeSocket: string | null
      /** Whether the log is formatted for people. */
      readonly pretty: boolean
    }
  | { readonly kind: 'stop' }
  /** Another configuration, which the primary has read and checked. */
  | { readonly kind: 'reload'; readonly config: Config }
  /** A configuration was refused: sent to one worker, which counts it for all. */
  | { readonly kind: 'reload_failed' }
  | { readonly kind: 'report'; readonly id: number }
  /** The answer to `scrape`; null if a worker did not report in time. */
  | { readonly kind: 'scraped'; readonly id: number; readonly body: string | null }

export type ToPrimary =
  /** The worker now listens to messages, and waits for `start`. */
  | { readonly kind: 'hello' }
  | ({ readonly kind: 'serving' } & Addresses)
  /** Why the worker cannot run, as in a StartupError. */
  | { readonly kind: 'failed'; readonly message: string; readonly exitCode: 1 | 2 }
  | { readonly kind: 'scrape'; readonly id: number }
  /** `id` is that of the request; null for the last report of a stopped worker. */
  | { readonly kind: 'report'; readonly id: number | null; readonly report: MetricReport }
