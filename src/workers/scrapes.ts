/**
 * One scrape for all workers: collects the metrics of each and adds them up.
 *
 * Prometheus treats a counter that falls as restarted from zero, and counts its whole value as new. So a sum must never
 * lack a value that an earlier sum contained. The last report of a worker that ended stays in the sum, and if a worker
 * does not report in time, there is no sum. A missing scrape does no harm.
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
  /** The last report of each running worker. */
  readonly #last = new Map<number, MetricReport>()
  /** The last reports of workers that ended. */
  readonly #gone: MetricReport[] = []
  #collections = 0
  #collection: Collection | null = null
  #running: Promise<string | null> | null = null
  #next: Promise<string | null> | null = null

  constructor(serving: () => Iterable<Reporter>) {
    this.#serving = serving
  }

  /**
   * The text of a scrape that began no earlier than this call; null if a worker did not report in time. One scrape runs at a
   * time, and all calls during it share the next one.
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

  /** Takes a worker's report, sent in answer to the request `id` or without one. */
  report(workerId: number, id: number | null, report: MetricReport): void {
    this.#last.set(workerId, report)
    if (id === this.#collection?.id) this.#notMissing(workerId)
  }

  /** Called when a worker has ended. */
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

  /** Asks every serving worker; resolves to whether all reported in time. */
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
