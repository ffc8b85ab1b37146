/** Keeps a number of workers running: starts them, replaces those that die, stops them all. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import { StartupError } from '../errors.ts'
import type { Addresses, ToWorker } from './messages.ts'
import type { WorkerProcess } from './worker-process.ts'

export interface FleetOptions {
  readonly fork: () => WorkerProcess
  readonly logger: Logger
  /** The longest that workers may take to stop; after that they are killed. */
  readonly stopMs: () => number
}

const FASTEST_RESTART_MS = 50
const SLOWEST_RESTART_MS = 5_000
/** A worker that ran longer than this is replaced after the shortest delay. */
const STABLE_MS = 60_000

export class Fleet {
  readonly #options: FleetOptions
  readonly #living = new Set<WorkerProcess>()
  readonly #serving = new Set<WorkerProcess>()
  readonly #stopping = new AbortController()
  #ahead: Promise<void> | null = null

  constructor(options: FleetOptions) {
    this.#options = options
  }

  get serving(): ReadonlySet<WorkerProcess> {
    return this.#serving
  }

  isStopping(): boolean {
    return this.#stopping.signal.aborted
  }

  /** Resolves when `count` workers serve. Rejects with the StartupError of the first that cannot. */
  async start(count: number): Promise<Addresses> {
    const first = await this.#launch()
    const addresses = await addressesOf(first)
    const others = await Promise.all(Array.from({ length: count - 1 }, () => this.#launch()))
    await Promise.all(others.map(addressesOf))
    for (const worker of [first, ...others]) void this.#keep(worker)
    return addresses
  }

  /**
   * Lets every worker finish its calls. Rejects if a worker exited with an error of its own, or did not stop in time. A
   * worker that someone else killed, before or meanwhile, does not count as failed, but is logged.
   */
  async stop(): Promise<void> {
    this.#stopping.abort()
    const serving = [...this.#serving]
    const late = new Set<WorkerProcess>()
    const impatience = setTimeout(() => {
      for (const worker of this.#living) late.add(worker)
      this.kill()
    }, this.#options.stopMs())
    for (const worker of this.#living) worker.send({ kind: 'stop' })
    await Promise.all(Array.from(this.#living, (worker) => worker.ended))
    clearTimeout(impatience)
    let failure: StartupError | null = null
    for (const worker of serving) {
      const { isGraceful, isKilled, how } = await worker.ended
      if (isGraceful) continue
      this.#options.logger.error(
        { worker: worker.id, how },
        'a worker did not stop in good order: its open holds end with their leases, and the next gateway with its journal charges what that holds',
      )
      if (isKilled && !late.has(worker)) continue
      const why = late.has(worker) ? `it was killed, because it had not ended within its time (${how})` : how
      failure ??= new StartupError(`worker ${worker.id} did not stop in good order: ${why}`, 1)
    }
    if (failure !== null) throw failure
  }

  /** Sends a message to every worker, including those that do not serve yet. */
  tell(message: ToWorker): void {
    for (const worker of this.#living) worker.send(message)
  }

  /** Kills every worker at once. */
  kill(): void {
    for (const worker of this.#living) worker.kill()
  }

  /**
   * Starts a worker and waits until it serves or has ended. While no worker serves, one starts before the others: a
   * problem of the first would affect all of them, and Node's primary fails when two workers wait for a port that is
   * not available.
   */
  async #launch(): Promise<WorkerProcess> {
    while (this.#serving.size === 0 && this.#ahead !== null) await this.#ahead
    const worker = this.#options.fork()
    this.#living.add(worker)
    void worker.ended.then(() => {
      this.#living.delete(worker)
      this.#serving.delete(worker)
    })
    const started = worker.started.then((outcome) => {
      if (!(outcome instanceof StartupError)) this.#serving.add(worker)
    })
    if (this.#serving.size === 0) {
      this.#ahead = started.then(() => {
        this.#ahead = null
      })
    }
    await started
    return worker
  }

  /** Replaces a worker each time it ends, with growing delays as long as its successors fail, too. */
  async #keep(first: WorkerProcess): Promise<void> {
    let worker = first
    let failures = 0
    for (;;) {
      const since = performance.now()
      const { how } = await worker.ended
      if (this.isStopping()) return
      failures = performance.now() - since > STABLE_MS ? 0 : failures + 1
      const waitMs = Math.min(FASTEST_RESTART_MS * 2 ** failures, SLOWEST_RESTART_MS)
      this.#options.logger.error({ worker: worker.id, how, waitMs }, 'a worker went away and is replaced')
      await pause(waitMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined)
      if (this.isStopping()) return
      worker = await this.#launch()
    }
  }
}

async function addressesOf(worker: WorkerProcess): Promise<Addresses> {
  const started = await worker.started
  if (started instanceof StartupError) throw started
  return started
}
