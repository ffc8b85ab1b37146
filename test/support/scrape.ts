/** Parses `/metrics` as a scraper does. */
import { readFileSync } from 'node:fs'
import type { TestGateway } from './gateway.ts'

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Metric {
  readonly help: string
  readonly type: string
  readonly samples: readonly Sample[]
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/
/** The numbers that Go's ParseFloat accepts, which ignores case: prom-client writes Nan if nothing was measured yet. */
const VALUE = /^(?:[+-]?inf|nan|[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/i
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"(?:,|$)/g

/** Parses Prometheus' text format. Throws if a line is invalid, or belongs to a metric that was not declared. */
export function parse(text: string): Map<string, Metric> {
  const metrics = new Map<string, { help: string; type: string; samples: Sample[] }>()
  if (!text.endsWith('\n')) throw new Error('the last line does not end')
  for (const line of text.split('\n')) {
    const [, kind, announced = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? []
    if (kind === 'HELP') {
      if (metrics.has(announced)) throw new Error(`twice: ${line}`)
      metrics.set(announced, { help: rest, type: '', samples: [] })
    } else if (kind === 'TYPE') {
      const metric = metrics.get(announced)
      if (metric === undefined) throw new Error(`not announced: ${line}`)
      metric.type = rest
    } else if (line !== '') {
      const [, name, written = '', value] = SAMPLE.exec(line) ?? []
      if (name === undefined || value === undefined || !VALUE.test(value))
        throw new Error(`not a sample: ${line}`)
      const found = [...written.matchAll(LABEL)]
      if (found.map(([label]) => label).join('') !== written) throw new Error(`not labels: ${line}`)
      const labels = Object.fromEntries(found.map(([, label, text]) => [String(label), String(text)]))
      const metric = metrics.get(name) ?? metrics.get(name.replace(/_(?:bucket|sum|count)$/, ''))
      if (metric === undefined) throw new Error(`of no metric: ${line}`)
      metric.samples.push({ name, labels, value: Number(value) })
    }
  }
  return metrics
}

export async function scrape(of: TestGateway): Promise<Map<string, Metric>> {
  return parse(await (await fetch(`${of.adminUrl}/metrics`)).text())
}

/** The sum of a metric's samples with these labels; `part` is the suffix of a histogram's samples. */
export function sum(
  metrics: Map<string, Metric>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
  part = '',
): number {
  const samples = metrics.get(name)?.samples ?? []
  return samples
    .filter((sample) => sample.name === name + part)
    .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
    .reduce((total, { value }) => total + value, 0)
}

/** The metrics that docs/metrics.md documents: name, type and labels in each line of its first table. */
function documented(): Record<string, { type: string; labels: readonly string[] }> {
  const text = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
  const rows = text.matchAll(/^\| `(tollgate_\w+)` \| (\w+) \|([^|]*)\|/gm)
  return Object.fromEntries(
    Array.from(rows, ([, name = '', type = '', labels = '']) => [
      name,
      { type, labels: Array.from(labels.matchAll(/`(\w+)`/g), ([, label]) => String(label)) },
    ]),
  )
}

export const DOCUMENTED = documented()
