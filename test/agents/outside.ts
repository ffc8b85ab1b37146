/** A proxy that lets nothing out and remembers where an agent wanted to go: to anything but the gateway. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export interface Outside {
  /** For HTTP_PROXY and its like. */
  readonly url: string
  /** Host and port of what was asked for. */
  readonly wanted: Set<string>
  stop(): Promise<void>
}

export async function startOutside(): Promise<Outside> {
  const wanted = new Set<string>()
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => {
    wanted.add(URL.parse(request.url ?? '')?.host ?? String(request.url))
    response.writeHead(403, { connection: 'close' }).end()
  })
  server.on('connect', (request, socket) => {
    wanted.add(String(request.url))
    socket.end('HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n')
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    wanted,
    async stop() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
