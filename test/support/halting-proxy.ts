/**
 * A TCP proxy between one gateway and the store that stands still for ever at a script: in front of it, or behind it. So a
 * gateway can be killed at an exact step of a call. What was kept may be delivered later, as packets of the dead can be.
 */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { freePort } from './ports.ts'
import { came } from './until.ts'

export interface HaltingProxy {
  readonly port: number
  /**
   * The `nth` request from now on that holds `text` is the last that gets anywhere: `before` keeps it from the server,
   * `after` keeps its answer from the gateway. Resolves when it is there.
   */
  haltAt(text: string, when: 'before' | 'after', nth?: number): Promise<void>
  /** Stands still at once. */
  halt(): void
  /** Goes on: connections that stood still are broken off, new ones pass. */
  goOn(): void
  /** Sends the request that was kept, on the connection that it came on. */
  deliverKept(): void
  stop(): Promise<void>
}

interface Trap {
  readonly text: string
  readonly when: 'before' | 'after'
  left: number
  readonly sprung: () => void
}

export async function startHaltingProxy(targetPort: number): Promise<HaltingProxy> {
  const sockets = new Set<Socket>()
  let trap: Trap | null = null
  let isHalted = false
  let deliver: (() => void) | null = null

  /** Whether this chunk may go to the server. */
  function passes(chunk: Buffer, send: (bytes: Buffer) => void): boolean {
    if (isHalted) return false
    if (trap === null || !chunk.includes(trap.text)) return true
    trap.left -= 1
    if (trap.left > 0) return true
    const { when, sprung } = trap
    trap = null
    isHalted = true
    if (when === 'after') send(chunk)
    else deliver = () => send(chunk)
    sprung()
    return false
  }

  const server = createServer((client) => {
    const upstream = connect(targetPort, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        // What stands still outlives the gateway that it came from.
        if (isHalted) return
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (chunk) => {
      if (passes(chunk, (bytes) => upstream.write(bytes))) upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      if (!isHalted) client.write(chunk)
    })
  })
  const port = await freePort()
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port,
    haltAt(text, when, nth = 1) {
      const sprung = new Promise<void>((resolve) => {
        trap = { text, when, left: nth, sprung: resolve }
      })
      const halted = came(
        sprung,
        () => `request ${nth} to the store that holds ${text}; ${trap?.left ?? 0} are missing`,
      )
      // Who failed before it asks is not to fail again.
      halted.catch(() => undefined)
      return halted
    },
    halt: () => {
      isHalted = true
    },
    goOn: () => {
      isHalted = false
      for (const socket of sockets) socket.destroy()
    },
    deliverKept: () => deliver?.(),
    async stop() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await came(
        once(server, 'close').catch(() => undefined),
        'the server is closed',
      )
    },
  }
}
