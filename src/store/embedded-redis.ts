/**
 * Runs an embedded Redis for installations without one: a child process on a private socket, with its data in one
 * folder, restarted when it dies. data-folder.ts ensures that a folder never has two servers.
 */
import { resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import {
  chooseSocket,
  connectTo,
  failure,
  forgetSocket,
  lockStart,
  makeFolder,
  OWNER,
  takeOver,
} from './data-folder.ts'
import { findRedisServer, lastLine, runRedisServer, type ServerProcess } from './redis-server.ts'

export interface EmbeddedRedis {
  readonly socketPath: string
  /** The current server's process; another one after a restart. */
  readonly pid: number
  /** Shuts the server down, writing everything to disk, and waits until it is gone. */
  stop(): Promise<void>
}

const HANDOVER_MS = 5_000
const POLL_MS = 20
const FIRST_ANSWER_MS = 30_000
const LOADING_MS = 600_000
const FASTEST_RESTART_MS = 50
const SLOWEST_RESTART_MS = 5_000
/** After a server has run this long, its next restart is fast again. */
const STABLE_MS = 60_000

/**
 * Starts a server with its data in `dir`, and restarts it whenever it dies before `stop`. Resolves when it answers.
 * `log` gets a message for each restart. `handoverMs` is how long the folder's last owner may take to leave, so that a
 * restart of the gateway needs no timing. Rejects with a StartupError (exit code 2) if no server is installed, another
 * gateway uses the folder, or the server does not start.
 */
export async function startEmbeddedRedis(
  dir: string,
  options: { readonly log?: (message: string) => void; readonly handoverMs?: number } = {},
): Promise<EmbeddedRedis> {
  const binary = await findRedisServer()
  const folder = resolve(dir)
  await makeFolder(folder)
  const unlock = await lockStart(folder)
  try {
    await takeOver(folder, options.handoverMs ?? HANDOVER_MS)
    const supervisor = new Supervisor(
      binary,
      folder,
      await chooseSocket(folder),
      options.log ?? (() => undefined),
    )
    await supervisor.start()
    return supervisor
  } finally {
    await unlock()
  }
}

class Supervisor implements EmbeddedRedis {
  readonly socketPath: string
  readonly #binary: string
  readonly #dir: string
  readonly #log: (message: string) => void
  readonly #stopping = new AbortController()
  readonly #owner: Redis
  #server: ServerProcess | null = null
  #running: Promise<void> = Promise.resolve()
  #stopped: Promise<void> | null = null

  constructor(binary: string, dir: string, socketPath: string, log: (message: string) => void) {
    this.#binary = binary
    this.#dir = dir
    this.#log = log
    this.socketPath = socketPath
    this.#owner = connectTo(socketPath, OWNER)
  }

  get pid(): number {
    return this.#server?.pid ?? 0
  }

  async start(): Promise<void> {
    try {
      await this.#launch()
    } catch (error) {
      await this.stop()
      throw error
    }
    this.#running = this.#keepRunning()
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#end()
    return this.#stopped
  }

  async #launch(): Promise<void> {
    const server = await runRedisServer(this.#binary, this.#dir, this.socketPath)
    this.#server = server
    const started = performance.now()
    while (!this.#isStopping()) {
      const answer = await ask(this.#owner)
      if (answer === 'PONG') return
      const patience = answer === 'LOADING' ? LOADING_MS : FIRST_ANSWER_MS
      if (server.ended !== null || performance.now() - started > patience) {
        const what = server.ended === null ? 'does not answer' : `ended with ${server.ended}`
        throw failure(`the server ${what}: ${await lastLine(this.#dir)}`)
      }
      await pause(POLL_MS)
    }
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted
  }

  /** Restarts the server whenever it ends, with growing pauses while that does not help. */
  async #keepRunning(): Promise<void> {
    let failures = 0
    while (!this.#isStopping()) {
      const since = performance.now()
      const how = (await this.#server?.exited) ?? 'never started'
      if (this.#isStopping()) return
      failures = performance.now() - since > STABLE_MS ? 0 : failures + 1
      const wait = Math.min(FASTEST_RESTART_MS * 2 ** failures, SLOWEST_RESTART_MS)
      this.#log(`redis-server went away (${how}); starting it again in ${wait} ms`)
      await pause(wait, undefined, { signal: this.#stopping.signal }).catch(() => undefined)
      if (this.#isStopping()) return
      try {
        await this.#launch()
        if (!this.#isStopping()) this.#log('redis-server is back')
      } catch (error) {
        await this.#server?.stop()
        this.#log(error instanceof Error ? error.message : String(error))
      }
    }
  }

  async #end(): Promise<void> {
    this.#stopping.abort()
    await this.#server?.stop()
    await this.#running
    // A restart in progress may have started another server in the meantime.
    await this.#server?.stop()
    this.#owner.disconnect()
    await forgetSocket(this.socketPath)
  }
}

async function ask(redis: Redis): Promise<'PONG' | 'LOADING' | null> {
  try {
    return await redis.ping()
  } catch (error) {
    return error instanceof Error && error.message.startsWith('LOADING') ? 'LOADING' : null
  }
}
