/** Metrics of several processes as one scrape. */
import { AggregatorRegistry, type Registry } from 'prom-client'

/** A metric with its samples, as plain data that can be sent to another process. */
export interface ReportedMetric {
  readonly name: string
  readonly help: string
  readonly type: string
  /** How samples of several processes become one; prom-client's names. */
  readonly aggregator: string
  readonly values: readonly {
    readonly metricName?: string
    readonly labels: Readonly<Record<string, string | number>>
    readonly value: number
  }[]
}

export type MetricReport = readonly ReportedMetric[]

/**
 * What a registry holds. Samples that are no number are left out, such as the mean of no observation: JSON would make
 * them null, and an average over the processes would count that as zero.
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

/** Many reports as one, each metric by its own aggregator. */
export async function sumReports(reports: readonly MetricReport[]): Promise<MetricReport> {
  return reportOf(AggregatorRegistry.aggregate([...reports]))
}

/** Many reports as the text of one scrape. */
export function writeReports(reports: readonly MetricReport[]): Promise<string> {
  return AggregatorRegistry.aggregate([...reports]).metrics()
}

/** What must never fall, and therefore outlives the process that counted it. */
export function countsOf(report: MetricReport): MetricReport {
  return report.filter(({ type }) => type === 'counter' || type === 'histogram')
}
