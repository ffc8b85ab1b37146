/**
 * The data folder of an embedded Redis. Two servers on one append-only file would corrupt it, so a folder has one owner
 * at a time. The server itself knows its owner: the owner keeps a named connection open, and the kernel closes that
 * connection however the owner dies. A server without an owner was left by a crash; it is shut down, and its data is
 * taken over.
 */
import { chmod, mkdir, mkdtemp, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { StartupError } from '../errors.ts'

/** The name of the owner's connection. */
export const OWNER = 'tollgate-owner'
const SOCKET = 'redis.sock'
/** A file with the socket's path, if the socket is not in the folder itself. */
const SOCKET_ELSEWHERE = 'socket.path'
/** A socket's path, with its end mark, must fit into 104 bytes on macOS and 108 on Linux. */
const LONGEST_SOCKET_PATH = 100
const POLL_MS = 20
const SHUTDOWN_MS = 15_000
const LONGEST_START_MS = 30_000

/** Makes the folder, accessible to this user only. */
export async function makeFolder(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    await chmod(dir, 0o700)
  } catch (error) {
    throw failure(`cannot use ${dir}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** A connection for supervision. The owner's reconnects for ever; a visitor's ends with the server. */
export function connectTo(socketPath: string, name: string): Redis {
  const redis = new Redis({
    path: socketPath,
    connectionName: name,
    // The name must be set while the data still loads, so there is no check for "ready".
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 2_000,
    connectTimeout: 2_000,
    retryStrategy: () => (name === OWNER ? POLL_MS : null),
  })
  // Commands reject with the error; ioredis prints `error` events that no one listens to.
  redis.on('error', () => undefined)
  return redis
}

/** Shuts down a server that a crash left behind. Throws if its owner is still there after `handoverMs`. */
export async function takeOver(dir: string, handoverMs: number): Promise<void> {
  const socketPath = await lastSocket(dir)
  const visitor = connectTo(socketPath, 'tollgate-visitor')
  try {
    if (!(await answers(visitor, dir))) return
    const deadline = performance.now() + handoverMs
    while (await isOwned(visitor)) {
      if (performance.now() > deadline) throw failure(`${dir} is in use by another gateway`)
      await pause(POLL_MS)
    }
    await visitor.shutdown('NOSAVE').catch(() => undefined)
    // The server's end of the connection closes when its process ends, after everything was written to disk. Checking
    // the process id instead would wait for ever if no parent reaps it, as in a container without an init.
    while (visitor.status !== 'end') {
      if (performance.now() > deadline + SHUTDOWN_MS) throw failure(`the last server in ${dir} does not end`)
      await pause(POLL_MS)
    }
  } finally {
    visitor.disconnect()
  }
  await forgetSocket(socketPath)
}

/** Whether a server answers. A server that is there and does not answer is an error: it has the data open. */
async function answers(visitor: Redis, dir: string): Promise<boolean> {
  try {
    await visitor.info('server')
    return true
  } catch (error) {
    if (error instanceof Error && error.message === 'Command timed out') {
      throw failure(`the last server in ${dir} is still there and does not answer`)
    }
    return false
  }
}

async function isOwned(visitor: Redis): Promise<boolean> {
  const clients = await visitor.client('LIST').catch(() => '')
  return String(clients).includes(` name=${OWNER} `)
}

/** The error for an embedded store that cannot be used: exit code 2. */
export function failure(message: string): StartupError {
  return new StartupError(`redis.embedded: ${message}`, 2)
}

/** `redis.sock` in the folder, or in a new temporary folder if that path is too long for a socket. */
export async function chooseSocket(dir: string): Promise<string> {
  const inside = join(dir, SOCKET)
  if (Buffer.byteLength(inside) <= LONGEST_SOCKET_PATH) {
    await rm(join(dir, SOCKET_ELSEWHERE), { force: true })
    return inside
  }
  const outside = join(await mkdtemp(join(tmpdir(), 'tollgate-')), SOCKET)
  await writeFile(join(dir, SOCKET_ELSEWHERE), outside)
  return outside
}

/** Where the socket of the last server in this folder was. */
async function lastSocket(dir: string): Promise<string> {
  return readFile(join(dir, SOCKET_ELSEWHERE), 'utf8').catch(() => join(dir, SOCKET))
}

/** Removes an unused socket, and the folder that was made for it. */
export async function forgetSocket(socketPath: string): Promise<void> {
  await rm(socketPath, { force: true })
  // Fails if that is the data folder, which is not empty.
  if (dirname(socketPath).startsWith(join(tmpdir(), 'tollgate-')))
    await rmdir(dirname(socketPath)).catch(() => undefined)
}

/** Locks that this process holds, or is trying to take. */
const ours = new Set<string>()

/**
 * Lets one gateway at a time look for a server in this folder and start one. A lock counts as left behind if its
 * process is gone, or if it has not changed during this wait for longer than any start takes. File times are not
 * compared with the time of day, which may have stepped.
 */
export async function lockStart(dir: string): Promise<() => Promise<void>> {
  const path = join(dir, 'starting.lock')
  let seen = { lock: '', since: performance.now() }
  for (;;) {
    while (ours.has(path)) await pause(POLL_MS)
    ours.add(path)
    try {
      await writeFile(path, String(process.pid), { flag: 'wx' })
      return async () => {
        await rm(path, { force: true })
        ours.delete(path)
      }
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) {
        ours.delete(path)
        throw failure(`cannot write to ${dir}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
    const lock = await identityOf(path)
    if (lock !== seen.lock) seen = { lock, since: performance.now() }
    const isOld = performance.now() - seen.since > LONGEST_START_MS
    if (isOld || (await isLeftBehind(path))) await rm(path, { force: true })
    ours.delete(path)
    await pause(POLL_MS)
  }
}

async function identityOf(path: string): Promise<string> {
  const { ino, mtimeMs } = await stat(path).catch(() => ({ ino: 0, mtimeMs: 0 }))
  return `${ino} ${mtimeMs}`
}

async function isLeftBehind(path: string): Promise<boolean> {
  try {
    const pid = Number(await readFile(path, 'utf8'))
    // This process does not hold it: an earlier process had the same id, as in containers, where ids repeat.
    if (pid === process.pid) return true
    if (pid > 0) process.kill(pid, 0)
    return false
  } catch (error) {
    // ESRCH: no such process. After any other error (the lock is gone, or its process belongs to another user) the next
    // round checks again.
    return error instanceof Error && 'code' in error && error.code === 'ESRCH'
  }
}
