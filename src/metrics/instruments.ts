/**
 * Creates the metrics of a part. Each part defines its metrics beside the code that counts; docs/metrics.md lists all.
 * The hot path counts in plain numbers, which prom-client reads only at a scrape: its labelled `inc` costs 300 ns and
 * its `observe` 550 ns.
 */
import { type Aggregator, Counter, Gauge, type Registry } from 'prom-client'
import { createHistogram, type PlainHistogram } from './histogram.ts'

/** One series of a counter: counting is an addition. */
export interface Series {
  count: number
}

type Labels = Readonly<Record<string, string>>

interface Named {
  readonly name: string
  readonly help: string
}

interface CounterOptions extends Named {
  /** How many counted units are one exported unit. */
  readonly scale?: number
}

export interface GaugeSample {
  readonly labels: Labels
  readonly value: number
}

/** Bounds for histograms of what takes fractions of a millisecond to seconds. In seconds. */
export const LATENCY_BUCKETS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
]

export class Instruments {
  readonly #registry: Registry

  constructor(registry: Registry) {
    this.#registry = registry
  }

  counter(options: CounterOptions): Series {
    return this.counters({ ...options, labels: [] })({})
  }

  /** One series for each value of the label. */
  countersBy<Value extends string>(
    options: CounterOptions & { readonly label: string; readonly values: readonly Value[] },
  ): Readonly<Record<Value, Series>> {
    const { label, values, ...rest } = options
    const seriesOf = this.counters({ ...rest, labels: [label] })
    const entries = values.map((value) => [value, seriesOf({ [label]: value })])
    return Object.fromEntries(entries) as Record<Value, Series>
  }

  /**
   * For labels whose values are not known beforehand: returns the series of the given labels, which is exported from
   * then on. `rate()` and `increase()` miss the step from no series to one, so create a series before there is
   * something to count.
   */
  counters<Label extends string>(
    options: CounterOptions & { readonly labels: readonly Label[] },
  ): (labels: Readonly<Record<Label, string>>) => Series {
    const { name, help, labels: labelNames, scale = 1 } = options
    const known = new Map<string, Series & { readonly labels: Readonly<Record<Label, string>> }>()
    new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const { labels, count } of known.values()) this.inc(labels, count / scale)
      },
    })
    return (labels) => {
      const key = JSON.stringify(labelNames.map((label) => labels[label]))
      let series = known.get(key)
      if (series === undefined) {
        series = { labels, count: 0 }
        known.set(key, series)
      }
      return series
    }
  }

  /** With one label if `label` is given. The upper bounds of the buckets ascend. */
  histogram(
    options: Named & { readonly label?: string; readonly buckets: readonly number[] },
  ): PlainHistogram {
    return createHistogram(this.#registry, { ...options, label: options.label ?? null })
  }

  /** Read at each scrape. `aggregator` is how the gauges of several processes become one; by default their sum. */
  gauge(options: Named & { readonly read: () => number; readonly aggregator?: Aggregator }): void {
    this.gauges({ ...options, labels: [], read: () => [{ labels: {}, value: options.read() }] })
  }

  /** Exports the series that `read` returns; none if it returns none. */
  gauges(
    options: Named & {
      readonly labels: readonly string[]
      readonly read: () => readonly GaugeSample[]
      readonly aggregator?: Aggregator
    },
  ): void {
    const { name, help, labels: labelNames, read, aggregator = 'sum' } = options
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      aggregator,
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const { labels, value } of read()) this.set(labels, value)
      },
    })
  }
}
