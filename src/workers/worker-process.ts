/** A worker as the primary sees it: a process that receives messages, serves, and ends. */
import cluster, { type Worker } from 'node:cluster'
import { StartupError } from '../errors.ts'
import { returnHandoffs } from './handoffs.ts'
import { type Addresses, type ToPrimary, type ToWorker, WORKER_ENV } from './messages.ts'

export interface WorkerEnd {
  /** Such as `SIGKILL`, `exit code 1`, or why it could not start. */
  readonly how: string
  readonly isGraceful: boolean
  /** Whether a signal that the process could not or did not catch ended it. */
  readonly isKilled: boolean
}

export interface WorkerProcess {
  /** Unique among all workers of this primary, past and future. */
  readonly id: number
  /** The addresses where it serves, or why it does not. Never rejects. */
  readonly started: Promise<Addresses | StartupError>
  /** Resolves when the process has ended and all of its messages were received. Never rejects. */
  readonly ended: Promise<WorkerEnd>
  send(message: ToWorker): void
  /** Sends SIGKILL. */
  kill(): void
}

/** Messages of a worker that concern all workers. */
export type Report = Extract<ToPrimary, { kind: 'scrape' | 'report' }>

export interface WorkerProcessOptions {
  readonly start: Extract<ToWorker, { kind: 'start' }>
  readonly onReport: (worker: WorkerProcess, message: Report) => void
  /** Whether another worker can take this one's connections after its end. */
  readonly othersServe: (id: number) => boolean
}

/** Starts a worker. */
export function forkWorker({ start, onReport, othersServe }: WorkerProcessOptions): WorkerProcess {
  const worker = cluster.fork({ [WORKER_ENV]: '1' })
  returnHandoffs(worker, () => othersServe(worker.id))
  let failure: StartupError | null = null
  let isStarted: (outcome: Addresses | StartupError) => void
  const started = new Promise<Addresses | StartupError>((resolve) => (isStarted = resolve))
  // Messages sent before the worker listens would be lost.
  let waiting: ToWorker[] | null = [start]
  const self: WorkerProcess = {
    id: worker.id,
    started,
    ended: endOf(worker).then((end) => {
      const how = failure?.message ?? end.how
      isStarted(failure ?? new StartupError(`a worker ended before it served: ${how}`, 1))
      return { ...end, how }
    }),
    send: (message) => {
      // Before the worker listens it has no calls to finish.
      if (waiting !== null && message.kind === 'stop') worker.process.kill('SIGKILL')
      else if (waiting !== null) waiting.push(message)
      // A failed send to a dying worker needs no handling, because the end of the worker is handled.
      else if (worker.isConnected()) worker.process.send(message, () => undefined)
    },
    kill: () => void worker.process.kill('SIGKILL'),
  }
  worker.on('message', (message: ToPrimary) => {
    switch (message.kind) {
      case 'hello': {
        const messages = waiting ?? []
        waiting = null
        for (const each of messages) self.send(each)
        return
      }
      case 'serving':
        isStarted({ dataUrl: message.dataUrl, adminUrl: message.adminUrl })
        return
      case 'failed':
        failure = new StartupError(message.message, message.exitCode)
        return
      case 'scrape':
      case 'report':
        onReport(self, message)
    }
  })
  return self
}

function endOf(worker: Worker): Promise<WorkerEnd> {
  return new Promise((resolve) => {
    // Unlike `exit`, this event comes after the channel was read to its end.
    worker.process.once('close', (code: number | null, signal: NodeJS.Signals | null) => {
      resolve({
        how: signal ?? `exit code ${String(code)}`,
        isGraceful: code === 0,
        isKilled: signal !== null,
      })
    })
    // If the process could not be started, this is the only event. Other errors concern messages that could not be
    // sent.
    worker.on('error', (error: unknown) => {
      if (worker.process.pid === undefined) {
        resolve({ how: String(error), isGraceful: false, isKilled: false })
      }
    })
  })
}
