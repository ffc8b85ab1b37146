/** A real Redis for a test file: with its own port and socket, in a folder that is removed afterwards. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort } from './ports.ts'
import { came, until } from './until.ts'
import { removeFolder } from './folder.ts'

export interface RedisServer {
  /** `redis://127.0.0.1:<port>`; always TCP, so that a test can put a proxy in between. */
  readonly url: string
  readonly port: number
  readonly socketPath: string
  /** Ends the server and removes its folder. */
  stop(): Promise<void>
  /** Ends the server at once, as a crash would, and keeps its address for `restart`. */
  kill(): Promise<void>
  /** Stops the process with SIGSTOP at any point of its work: connections stay open, and no command is answered. */
  freeze(): void
  /** Resumes the process. */
  thaw(): void
  /** Starts it again at the same address; its data is back only with `persist`. */
  restart(): Promise<void>
}

export interface RedisServerOptions {
  /** Cluster mode with one node that owns every slot: undeclared keys and cross-slot calls fail as in a real cluster. */
  readonly cluster?: boolean
  /** Append-only file with fsync after every write, so that `kill` and `restart` keep the data. */
  readonly persist?: boolean
  /**
   * Further arguments for redis-server, such as `['--maxmemory', '4mb']`, or a function that derives them from the
   * port.
   */
  readonly args?: readonly string[] | ((port: number) => readonly string[])
  /** Further environment variables, such as a shim's. */
  readonly env?: Readonly<Record<string, string>>
}

const ATTEMPTS = 5

/** Resolves when the server reports that it is ready; rejects with its output if it exits before that. */
async function ready(child: ChildProcess): Promise<void> {
  let output = ''
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      if (output.includes('Ready to accept connections')) resolve()
    })
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`redis-server did not start:\n${output}`)))
  })
  child.stdout?.removeAllListeners('data').resume()
  child.removeAllListeners('exit')
}

async function own16384Slots(socketPath: string): Promise<void> {
  const redis = new Redis({ path: socketPath })
  const info = String(await redis.call('CLUSTER', 'INFO'))
  if (!info.includes('cluster_slots_assigned:16384')) await redis.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16383)
  await until(async () => String(await redis.call('CLUSTER', 'INFO')).includes('cluster_state:ok'))
  redis.disconnect()
}

async function exitOf(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await came(exited, `redis-server exits after ${signal}`)
}

/** Starts a server; `stop` it in the test file's teardown. It ends with the test's process in any case. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const dir = mkdtempSync(join(tmpdir(), 'tg-redis-'))
  const socketPath = join(dir, 'redis.sock')
  let child: ChildProcess | undefined

  const launch = async (port: number): Promise<void> => {
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--unixsocket', socketPath, '--dir', dir]
    args.push('--save', '', '--maxmemory-policy', 'noeviction')
    args.push(...(options.persist === true ? ['--appendonly', 'yes', '--appendfsync', 'always'] : []))
    if (options.cluster === true) {
      args.push('--cluster-enabled', 'yes', '--cluster-port', String(await freePort()))
      args.push('--cluster-announce-ip', '127.0.0.1', '--cluster-config-file', join(dir, 'nodes.conf'))
    }
    const more = typeof options.args === 'function' ? options.args(port) : (options.args ?? [])
    child = spawn('redis-server', [...args, ...more], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...options.env },
    })
    await came(ready(child), 'redis-server says that it is ready')
    if (options.cluster === true) await own16384Slots(socketPath)
  }
  const killAtExit = (): void => void child?.kill('SIGKILL')
  process.once('exit', killAtExit)

  let port = await freePort()
  for (let attempt = 1; ; attempt += 1) {
    try {
      await launch(port)
      break
    } catch (error) {
      // Another process may have taken the port since it was found free.
      if (attempt === ATTEMPTS) throw error
      port = await freePort()
    }
  }

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child !== undefined) await exitOf(child, signal)
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    socketPath,
    kill: () => end('SIGKILL'),
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    restart: () => launch(port),
    stop: async () => {
      await end('SIGKILL')
      process.removeListener('exit', killAtExit)
      removeFolder(dir)
    },
  }
}
