/** A TCP proxy in front of a server, which can drop the server's responses, or halt. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { freePort } from './ports.ts'
import { came } from './until.ts'

export interface TcpProxy {
  readonly port: number
  /**
   * Lets the next request whose bytes contain `text` reach the server, waits until the server has answered it, and closes
   * the connection instead of passing the answer on. Resolves when that has happened.
   */
  loseReplyTo(text: string): Promise<void>
  /** Breaks every open connection, even in the middle of a transfer. */
  cut(): void
  /** How many replies were lost so far. */
  readonly lost: () => number
  stop(): Promise<void>
}

export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  let trap: { text: string; sprung: () => void } | null = null
  let lost = 0

  const server = createServer((client) => {
    const upstream = connect(targetPort, '127.0.0.1')
    let losing: (() => void) | null = null
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (chunk) => {
      if (trap !== null && chunk.includes(trap.text)) {
        losing = trap.sprung
        trap = null
      }
      upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      if (losing === null) {
        client.write(chunk)
        return
      }
      // The server has run the command; its response is dropped here.
      lost += 1
      client.destroy()
      losing()
    })
  })
  const port = await freePort()
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port,
    loseReplyTo: (text) =>
      new Promise((resolve) => {
        trap = { text, sprung: resolve }
      }),
    cut() {
      for (const socket of sockets) socket.destroy()
    },
    lost: () => lost,
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
