/**
 * One scrape for all workers: each is asked for its numbers, and they are summed.
 *
 * To whoever computes a rate, a counter that falls has started again from zero, and its whole value counts as new. So a
 * sum never lacks anything that an earlier one had: what a worker that is gone had counted, as last reported, stays in;
 * and where a worker does not report in time there is no sum at all. A gap in the scrapes does no harm.
 */
import { countsOf, type MetricReport, sumReports, writeReports } from '../metrics/report.ts'
import type { ToWorker } from './messages.ts'

export interface Reporter {
  readonly id: number
  send(message: ToWorker): void
}

const REPORT_MS = 2_000

interface Collection {
  readonly id: number
  /** Ids of the workers that have not reported yet. */
  readonly missing: Set<number>
  readonly isComplete: () => void
}

export class Scrapes {
  readonly #serving: () => Iterable<Reporter>
  /** The last report of each worker that lives. */
  readonly #last = new Map<number, MetricReport>()
  /** What those had counted that are gone. */
  readonly #gone: MetricReport[] = []
  #collections = 0
  #collection: Collection | null = null
  #running: Promise<string | null> | null = null
  #next: Promise<string | null> | null = null

  constructor(serving: () => Iterable<Reporter>) {
    this.#serving = serving
  }

  /**
   * The text of a scrape that began no earlier than this call; null when a worker did not report in time. One runs at a
   * time, and everybody who asks meanwhile shares the one after it.
   */
  scrape(): Promise<string | null> {
    if (this.#running === null) {
      this.#running = this.#collect().finally(() => {
        this.#running = null
      })
      return this.#running
    }
    this.#next ??= this.#running.then(() => {
      this.#next = null
      return this.scrape()
    })
    return this.#next
  }

  /** A worker reported, in answer to the question `id` or on its own. */
  report(workerId: number, id: number | null, report: MetricReport): void {
    this.#last.set(workerId, report)
    if (id === this.#collection?.id) this.#notMissing(workerId)
  }

  /** A worker is gone. */
  gone(workerId: number): void {
    const report = this.#last.get(workerId)
    if (report !== undefined) this.#gone.push(countsOf(report))
    this.#last.delete(workerId)
    this.#notMissing(workerId)
  }

  #notMissing(workerId: number): void {
    if (this.#collection === null) return
    const { missing, isComplete } = this.#collection
    missing.delete(workerId)
    if (missing.size === 0) isComplete()
  }

  async #collect(): Promise<string | null> {
    if (!(await this.#askAll())) return null
    const gone = await sumReports(this.#gone.splice(0))
    this.#gone.unshift(gone)
    return writeReports([...this.#gone, ...this.#last.values()])
  }

  /** Whether every worker that serves reported in time. */
  #askAll(): Promise<boolean> {
    const workers = [...this.#serving()]
    if (workers.length === 0) return Promise.resolve(true)
    const id = ++this.#collections
    return new Promise((resolve) => {
      const end = (complete: boolean) => {
        clearTimeout(impatience)
        this.#collection = null
        resolve(complete)
      }
      const impatience = setTimeout(end, REPORT_MS, false)
      this.#collection = {
        id,
        missing: new Set(workers.map((worker) => worker.id)),
        isComplete: () => end(true),
      }
      for (const worker of workers) worker.send({ kind: 'report', id })
    })
  }
}
