/** Runs a program to its end, and ends with it whatever it started. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'

/** A program that hangs is ended; the longest run here takes some 15 s. */
const RUN_MS = 120_000

export interface Ended {
  /** The exit code, or the signal. */
  readonly exit: string
  readonly output: string
  readonly errors: string
  readonly ms: number
}

export async function runProgram(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<Ended> {
  const started = performance.now()
  // A group of its own, so that what it started ends with it.
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true, env })
  const output: Buffer[] = []
  const errors: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
  const closed = once(child, 'close') as Promise<[number | null, string | null]>
  const ended = new AbortController()
  const timer = pause(RUN_MS, undefined, { signal: ended.signal }).then(
    () => endGroup(child.pid),
    () => undefined,
  )
  const [code, signal] = await closed
  ended.abort()
  await timer
  endGroup(child.pid)
  return {
    exit: String(code ?? signal),
    output: Buffer.concat(output).toString(),
    errors: Buffer.concat(errors).toString(),
    ms: Math.round(performance.now() - started),
  }
}

function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // Nothing of it is left.
  }
}
