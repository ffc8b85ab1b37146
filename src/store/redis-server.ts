/** Finding a redis-server on this machine, and running one that cannot outlive us. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, closeSync, constants, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { StartupError } from '../errors.ts'

const NAMES = ['valkey-server', 'redis-server'] as const
const OLDEST = 7
const INSTALL = 'install one with: apt-get install redis-server (or: brew install valkey)'
const STOP_MS = 10_000

/**
 * The path of a Valkey or Redis server of version 7 or newer on `searchPath`. Throws a StartupError (exit code 2) that
 * says what to type where there is none.
 */
export async function findRedisServer(searchPath: string = process.env['PATH'] ?? ''): Promise<string> {
  let tooOld = ''
  for (const name of NAMES) {
    for (const folder of searchPath.split(delimiter)) {
      const path = join(folder, name)
      if (folder === '' || !isExecutable(path)) continue
      const version = await versionOf(path)
      if (Number(version.split('.')[0]) >= OLDEST) return path
      tooOld ||= `${name} on PATH is version ${version}, but ${OLDEST} or newer is needed`
    }
  }
  throw new StartupError(
    `redis.embedded: ${tooOld === '' ? `no ${NAMES.join(' or ')} on PATH` : tooOld}; ${INSTALL}`,
    2,
  )
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Such as `7.0.15`; `unknown` where the program does not say. */
async function versionOf(path: string): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(path, ['--version'], { timeout: 5_000 })
    return /\bv=([0-9.]+)/.exec(stdout)?.[1] ?? 'unknown'
  } catch {
    return 'unknown'
  }
}

export interface ServerProcess {
  readonly pid: number
  /** How the process went, such as `SIGKILL` or `exit code 1`; null while it runs. */
  readonly ended: string | null
  /** Resolves when the process is gone, with what `ended` then says. Never rejects. */
  readonly exited: Promise<string>
  /** Ends the process and waits for it: SIGTERM, which writes everything to disk, and SIGKILL if that takes too long. */
  stop(): Promise<void>
}

/**
 * Runs a server on a socket in `dir`, with an append-only file. It has a process group of its own, so that a Ctrl-C in
 * the terminal ends the gateway first and the store after it.
 */
export async function runRedisServer(
  binary: string,
  dir: string,
  socketPath: string,
): Promise<ServerProcess> {
  const log = openSync(join(dir, 'redis.log'), 'a', 0o600)
  const child = spawn(binary, serverArguments(dir, socketPath), {
    detached: true,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  await once(child, 'spawn')
  const pid = child.pid ?? 0
  const releaseWatchdog = watchOver(pid)
  let ended: string | null = null
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      releaseWatchdog()
      ended = signal ?? `exit code ${String(code)}`
      resolve(ended)
    })
  })
  return {
    pid,
    get ended() {
      return ended
    },
    exited,
    stop: () => end(child, exited),
  }
}

function serverArguments(dir: string, socketPath: string): string[] {
  return [
    ...['--port', '0', '--unixsocket', socketPath, '--unixsocketperm', '700'],
    ...['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', ''],
    ...['--maxmemory-policy', 'noeviction', '--dir', dir, '--logfile', join(dir, 'redis.log')],
  ]
}

async function end(child: ChildProcess, exited: Promise<string>): Promise<void> {
  child.kill('SIGTERM')
  const impatience = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  await exited
  clearTimeout(impatience)
}

/**
 * Starts a watchdog: a shell that waits on a pipe from us and ends the server when the pipe breaks, which happens
 * however we die. A line through the pipe releases it. A shell, because it weighs a few hundred kilobytes, is on every
 * system with a Redis, and needs nothing installed; the server itself has no "end with your parent" that works on both
 * Linux and macOS. Should the watchdog die as well, the next start takes the server over (see embedded-redis.ts).
 */
function watchOver(pid: number): () => void {
  const script = 'read -r released && exit 0; kill -TERM "$1"'
  const watchdog = spawn('/bin/sh', ['-c', script, 'tollgate-watchdog', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  // Without a watchdog the server would at worst linger until the next start, so neither failure ends us.
  watchdog.on('error', () => undefined)
  watchdog.stdin.on('error', () => undefined)
  watchdog.unref()
  return () => watchdog.stdin.end('released\n')
}

/** What the log of the server in `dir` ends with, and where it is. */
export async function lastLine(dir: string): Promise<string> {
  const log = join(dir, 'redis.log')
  const text = await readFile(log, 'utf8').catch(() => '')
  return `${text.trimEnd().split('\n').at(-1) ?? ''} (see ${log})`
}
