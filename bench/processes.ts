/** Processes of the benchmark: each is pinned to a core, and its CPU time is read from the operating system. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** The measured process has its own core; everything else shares the other one. */
export const MEASURED_CORE = 0
export const OTHER_CORE = 1

export interface PinnedProcess {
  readonly pid: number
  readonly child: ChildProcess
  /** Sends SIGKILL, unless another signal is given for a process that must shut down itself. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<void>
}

export interface PinnedOptions {
  readonly core: number
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Text in a line of output that shows that the process is ready; null if there is nothing to wait for. */
  readonly readyText: string | null
}

/** Resolves when the process is ready; rejects with its output if it exits before that. */
export async function startPinned(options: PinnedOptions): Promise<PinnedProcess> {
  const { core, command, args, env, cwd, readyText } = options
  const child = spawn('taskset', ['-c', String(core), command, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
  })
  const killAtExit = (): void => void child.kill('SIGKILL')
  process.once('exit', killAtExit)
  const output: string[] = []
  await new Promise<void>((resolve, reject) => {
    const seen = (line: string): void => {
      if (output.length < 200) output.push(line)
      if (readyText !== null && line.includes(readyText)) resolve()
    }
    createInterface({ input: child.stdout }).on('line', seen)
    createInterface({ input: child.stderr }).on('line', seen)
    child.once('error', reject)
    child.once('exit', (code) =>
      reject(new Error(`${command} exited with ${String(code)}:\n${output.join('\n')}`)),
    )
    if (readyText === null) child.once('spawn', resolve)
  })
  child.removeAllListeners('exit')
  return {
    pid: child.pid ?? 0,
    child,
    async stop(signal = 'SIGKILL') {
      process.removeListener('exit', killAtExit)
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill(signal)
      await exited
    },
  }
}

/**
 * Microseconds of CPU time that the processes and their threads have used: proc(5), /proc/[pid]/schedstat counts in ns.
 */
export function cpuMicros(...pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + microsOf(pid), 0)
}

function microsOf(pid: number): number {
  let nanos = 0
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      nanos += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0])
    } catch {
      // The thread ended between listing and reading.
    }
  }
  return nanos / 1_000
}

/** The sum of the processes' resident memory in bytes; shared memory counts for each. */
export function residentBytes(...pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + residentOf(pid), 0)
}

function residentOf(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kilobytes ?? 0) * 1_024
}

/** The ids of a process's children, for servers whose work is done by a worker process. */
export function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number)
}
