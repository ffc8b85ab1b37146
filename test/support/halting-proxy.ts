/**
 * A TCP proxy between one gateway and the store that halts for good at a script, before or after it runs. So a test can
 * kill a gateway at an exact step of a call. It can deliver the held request later, as a network can deliver packets of
 * a dead process.
 */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { freePort } from './ports.ts'
import { came } from './until.ts'

export interface HaltingProxy {
  readonly port: number
  /**
   * Halts at the `nth` request from now on that contains `text`. `before` withholds it from the server, `after`
   * withholds its response from the gateway. Resolves when the request has come that far.
   */
  haltAt(text: string, when: 'before' | 'after', nth?: number): Promise<void>
  /** Halts at once. */
  halt(): void
  /** Resumes: halted connections are broken, new ones pass. */
  goOn(): void
  /** Delivers the withheld request on its own connection. */
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
        // A halted connection outlives its gateway.
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
      // The test may have failed before it waits for this promise; it must not cause a second failure.
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
