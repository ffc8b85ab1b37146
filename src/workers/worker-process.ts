/** A worker as the primary sees it: a process that is told what to do, serves, and ends. */
import cluster, { type Worker } from 'node:cluster'
import { StartupError } from '../errors.ts'
import { returnHandoffs } from './handoffs.ts'
import { type Addresses, type ToPrimary, type ToWorker, WORKER_ENV } from './messages.ts'

export interface WorkerEnd {
  /** Such as `SIGKILL`, `exit code 1`, or why it could not start. */
  readonly how: string
  readonly isGraceful: boolean
  /** By a signal that it could not or did not catch. */
  readonly isKilled: boolean
}

export interface WorkerProcess {
  /** Unique among the workers of this primary, later ones included. */
  readonly id: number
  /** Where it serves, or why it does not. Never rejects. */
  readonly started: Promise<Addresses | StartupError>
  /** Resolves when the process is gone and everything that it said was heard. Never rejects. */
  readonly ended: Promise<WorkerEnd>
  send(message: ToWorker): void
  /** SIGKILL. */
  kill(): void
}

/** What a worker says about more than itself. */
export type Report = Extract<ToPrimary, { kind: 'scrape' | 'report' }>

export interface WorkerProcessOptions {
  readonly start: Extract<ToWorker, { kind: 'start' }>
  readonly onReport: (worker: WorkerProcess, message: Report) => void
  /** Whether there is a worker other than this one to take its connections when it is gone. */
  readonly othersServe: (id: number) => boolean
}

/** Starts a worker. */
export function forkWorker({ start, onReport, othersServe }: WorkerProcessOptions): WorkerProcess {
  const worker = cluster.fork({ [WORKER_ENV]: '1' })
  returnHandoffs(worker, () => othersServe(worker.id))
  let failure: StartupError | null = null
  let isStarted: (outcome: Addresses | StartupError) => void
  const started = new Promise<Addresses | StartupError>((resolve) => (isStarted = resolve))
  // What is said before it listens would be lost.
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
      // Before it listens it serves nobody: there is nothing to finish.
      if (waiting !== null && message.kind === 'stop') worker.process.kill('SIGKILL')
      else if (waiting !== null) waiting.push(message)
      // What a dying worker does not hear is of no use to anybody: its end is what counts.
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
    // Unlike `exit`, it comes when the channel was read to its end.
    worker.process.once('close', (code: number | null, signal: NodeJS.Signals | null) => {
      resolve({
        how: signal ?? `exit code ${String(code)}`,
        isGraceful: code === 0,
        isKilled: signal !== null,
      })
    })
    // Of a process that never came to be there is nothing else to hear; other errors are of messages that were not sent.
    worker.on('error', (error: unknown) => {
      if (worker.process.pid === undefined) {
        resolve({ how: String(error), isGraceful: false, isKilled: false })
      }
    })
  })
}
