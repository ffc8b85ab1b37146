/** The metrics of this process: what its parts define, and what Node and the build tell of themselves. */
import { collectDefaultMetrics, Registry } from 'prom-client'
import { version } from '../package.ts'
import { Instruments } from './instruments.ts'
import { type MetricReport, reportOf } from './report.ts'

/** What a scraper is answered. */
export interface Scrape {
  readonly contentType: string
  readonly body: string
  readonly status: number
}

export interface Metrics {
  readonly instruments: Instruments
  /** A configuration was refused while the gateway runs. */
  reloadFailed(): void
  scrape(): Promise<Scrape>
  /** The same as plain data, to be summed with that of other processes. */
  report(): Promise<MetricReport>
  /** Of a scrape's text. */
  readonly contentType: string
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  const instruments = new Instruments(registry)
  collectDefaultMetrics({ register: registry })
  instruments.gauges({
    name: 'tollgate_build_info',
    help: 'Always 1; the label says what runs.',
    labels: ['version'],
    read: () => [{ labels: { version: version() }, value: 1 }],
    aggregator: 'max',
  })
  // A worker hears of this also before it has a gateway.
  const reloadFailures = instruments.counter({
    name: 'tollgate_config_reload_failures_total',
    help: 'Configurations that were not taken over: the one before is still in force.',
  })
  return {
    instruments,
    reloadFailed: () => void (reloadFailures.count += 1),
    scrape: async () => ({ contentType: registry.contentType, body: await registry.metrics(), status: 200 }),
    report: () => reportOf(registry),
    contentType: registry.contentType,
  }
}
