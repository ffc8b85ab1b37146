/** Finds a redis-server on this machine, and runs one that cannot outlive the gateway. */
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
 * says how to install one if there is none.
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

/** For example `7.0.15`; `unknown` if the program does not report it. */
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
  /** How the process ended, for example `SIGKILL` or `exit code 1`; null while it runs. */
  readonly ended: string | null
  /** Resolves when the process is gone, with the value of `ended`. Never rejects. */
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
 * Starts a watchdog: a shell that waits on a pipe from the gateway and ends the server when the pipe breaks, however
 * the gateway dies. A line through the pipe releases it. A shell needs a few hundred kilobytes, is on every system with
 * a Redis, and requires no installation. The server itself has no "end with your parent" that works on both Linux and
 * macOS. If the watchdog dies as well, the next start takes the server over (data-folder.ts).
 */
function watchOver(pid: number): () => void {
  const script = 'read -r released && exit 0; kill -TERM "$1"'
  const watchdog = spawn('/bin/sh', ['-c', script, 'tollgate-watchdog', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  // Without a watchdog the server would at worst run until the next start, so neither failure ends the gateway.
  watchdog.on('error', () => undefined)
  watchdog.stdin.on('error', () => undefined)
  watchdog.unref()
  return () => watchdog.stdin.end('released\n')
}

/** The last line of the server's log in `dir`, and the log's path. */
export async function lastLine(dir: string): Promise<string> {
  const log = join(dir, 'redis.log')
  const text = await readFile(log, 'utf8').catch(() => '')
  return `${text.trimEnd().split('\n').at(-1) ?? ''} (see ${log})`
}
