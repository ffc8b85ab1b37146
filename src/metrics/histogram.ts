/** A histogram whose `observe` only adds to an array: prom-client's own takes half a microsecond, which adds up. */
import { Histogram, type MetricType, type Registry } from 'prom-client'

export interface HistogramOptions {
  readonly name: string
  readonly help: string
  /** Name of the one label, or null for none. */
  readonly label: string | null
  /** Upper bounds in ascending order. */
  readonly buckets: readonly number[]
}

export interface PlainHistogram {
  observe(label: string, value: number): void
}

interface Series {
  /** Observations per bucket, not cumulative; the last place counts what is above every bound. */
  readonly counts: Float64Array
  sum: number
}

interface Sample {
  readonly metricName: string
  readonly labels: Record<string, string | number>
  readonly value: number
}

/** Presents the plain arrays in the shape that prom-client's registry writes out. */
class ExportedHistogram extends Histogram {
  readonly #options: HistogramOptions
  readonly #series: ReadonlyMap<string, Series>

  constructor(registry: Registry, options: HistogramOptions, series: ReadonlyMap<string, Series>) {
    super({
      name: options.name,
      help: options.help,
      labelNames: options.label === null ? [] : [options.label],
      buckets: [...options.buckets],
      registers: [registry],
    })
    this.#options = options
    this.#series = series
  }

  // prom-client reads a metric in two ways: `get` for JSON and, if a metric has it, `getForPromString` for text.
  override get(): ReturnType<Histogram['get']> {
    return this.getForPromString()
  }

  getForPromString(): ReturnType<Histogram['get']> {
    const { name, help } = this.#options
    // prom-client's types require an enumeration that does not exist at run time, and a `collect` that is never called.
    const type = 'histogram' as unknown as MetricType
    return Promise.resolve({
      name,
      help,
      type,
      values: this.#samples(),
      aggregator: 'sum',
      collect: () => undefined,
    })
  }

  #samples(): Sample[] {
    const { name, label, buckets } = this.#options
    const samples: Sample[] = []
    for (const [value, { counts, sum }] of this.#series) {
      const labels = label === null ? {} : { [label]: value }
      let cumulative = 0
      buckets.forEach((bound, index) => {
        cumulative += counts[index] ?? 0
        samples.push({ metricName: `${name}_bucket`, labels: { ...labels, le: bound }, value: cumulative })
      })
      cumulative += counts[buckets.length] ?? 0
      samples.push({ metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: cumulative })
      samples.push({ metricName: `${name}_sum`, labels, value: sum })
      samples.push({ metricName: `${name}_count`, labels, value: cumulative })
    }
    return samples
  }
}

export function createHistogram(registry: Registry, options: HistogramOptions): PlainHistogram {
  const { buckets } = options
  const empty = (): Series => ({ counts: new Float64Array(buckets.length + 1), sum: 0 })
  // A series without a label starts at 0, like every counter.
  const series = new Map<string, Series>(options.label === null ? [['', empty()]] : [])
  new ExportedHistogram(registry, options, series)
  return {
    observe(label, value) {
      let known = series.get(label)
      if (known === undefined) {
        known = empty()
        series.set(label, known)
      }
      let place = 0
      while (place < buckets.length && value > (buckets[place] ?? 0)) place += 1
      known.counts[place] = (known.counts[place] ?? 0) + 1
      known.sum += value
    },
  }
}
