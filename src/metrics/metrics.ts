/** The metrics of this process: those of its parts, Node's defaults and the build. */
import { collectDefaultMetrics, Registry } from 'prom-client'
import { version } from '../package.ts'
import { Instruments } from './instruments.ts'
import { type MetricReport, reportOf } from './report.ts'

/** The response to a scrape. */
export interface Scrape {
  readonly contentType: string
  readonly body: string
  readonly status: number
}

export interface Metrics {
  readonly instruments: Instruments
  /** Counts a configuration that was refused while the gateway runs. */
  reloadFailed(): void
  scrape(): Promise<Scrape>
  /** The same metrics as plain data, to be summed with those of other processes. */
  report(): Promise<MetricReport>
  /** The content type of a scrape's text. */
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
  // A worker reports this even before it has a gateway.
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
