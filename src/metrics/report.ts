/** Combines the metrics of several processes into one scrape. */
import { AggregatorRegistry, type Registry } from 'prom-client'

/** A metric with its samples, as plain data that can be sent to another process. */
export interface ReportedMetric {
  readonly name: string
  readonly help: string
  readonly type: string
  /** How samples of several processes are combined, by prom-client's names. */
  readonly aggregator: string
  readonly values: readonly {
    readonly metricName?: string
    readonly labels: Readonly<Record<string, string | number>>
    readonly value: number
  }[]
}

export type MetricReport = readonly ReportedMetric[]

/**
 * The metrics of a registry. Samples that are not numbers are left out, for example the mean of no observations: JSON
 * would turn them into null, and an average over the processes would count that as zero.
 */
export async function reportOf(registry: Registry): Promise<MetricReport> {
  const metrics = (await registry.getMetricsAsJSON()) as unknown as ReportedMetric[]
  return metrics.map(({ name, help, type, aggregator, values }) => ({
    name,
    help,
    type,
    aggregator,
    values: values.filter(({ value }) => Number.isFinite(value)),
  }))
}

/** Combines reports into one, each metric by its own aggregator. */
export async function sumReports(reports: readonly MetricReport[]): Promise<MetricReport> {
  return reportOf(AggregatorRegistry.aggregate([...reports]))
}

/** Many reports as the text of one scrape. */
export function writeReports(reports: readonly MetricReport[]): Promise<string> {
  return AggregatorRegistry.aggregate([...reports]).metrics()
}

/** The metrics that must never decrease, and therefore outlive the process that counted them. */
export function countsOf(report: MetricReport): MetricReport {
  return report.filter(({ type }) => type === 'counter' || type === 'histogram')
}
