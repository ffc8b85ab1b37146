/** A provider as a plain TCP server, which answers or breaks each request as the test decides per connection. */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'

/** What happens to a request. */
export type Fate =
  | 'answer'
  /** The connection is kept until the test ends it. */
  | 'hold'
  /** Reset (RST) or closed (FIN) when the first byte arrives. */
  | 'reset at first byte'
  | 'end at first byte'
  /** Reset or closed when the whole request has arrived. */
  | 'reset'
  | 'end'
  /** Closed after a part of the status line, or after a whole interim response. */
  | 'break after HTTP/1.'
  | 'break after 103'

export interface Arrival {
  /** Numbers that start at 1: over all connections, and on this one. */
  readonly connection: number
  readonly request: number
}

export interface BreakingOrigin {
  readonly url: string
  readonly port: number
  /** Every request whose first byte arrived. */
  readonly arrivals: Arrival[]
  /** The requests that arrived completely. */
  readonly requests: string[]
  /** The connections with held requests. */
  readonly held: Socket[]
  /** Answers every request by default. */
  fate: (arrival: Arrival) => Fate
  /** The content type of the response, and its body. */
  answer: readonly [type: string, body: string]
  /** Closes every connection and stops listening. */
  stop(): Promise<void>
}

const BEGINNINGS: Readonly<Partial<Record<Fate, string>>> = {
  'break after HTTP/1.': 'HTTP/1.',
  'break after 103': 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n',
}

export async function startBreakingOrigin(host = '127.0.0.1'): Promise<BreakingOrigin> {
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    const connection = connections
    let [request, bytes, fate] = [0, '', 'answer' as Fate]
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket)).on('error', () => undefined)
    socket.on('data', (chunk) => {
      if (bytes === '') {
        request += 1
        const arrival = { connection, request }
        origin.arrivals.push(arrival)
        fate = origin.fate(arrival)
        if (fate === 'reset at first byte') socket.resetAndDestroy()
        if (fate === 'end at first byte') socket.destroy()
      }
      bytes += chunk.toString('latin1')
      if (!isWhole(bytes) || socket.destroyed) return
      origin.requests.push(bytes)
      bytes = ''
      end(socket, fate)
    })
  })

  function end(socket: Socket, fate: Fate): void {
    const beginning = BEGINNINGS[fate]
    const [type, body] = origin.answer
    if (fate === 'answer')
      socket.write(
        `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      )
    else if (fate === 'hold') origin.held.push(socket)
    else if (fate === 'end') socket.end()
    // A FIN, because an RST would discard what was just written.
    else if (beginning !== undefined) socket.write(beginning, () => socket.end())
    else socket.resetAndDestroy()
  }

  server.listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const origin: BreakingOrigin = {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    arrivals: [],
    requests: [],
    held: [],
    fate: () => 'answer',
    answer: ['application/json', '{}'],
    async stop() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
  return origin
}

function isWhole(request: string): boolean {
  const end = request.indexOf('\r\n\r\n')
  if (end === -1) return false
  const length = /\r\ncontent-length: *(\d+)/i.exec(request.slice(0, end + 2))?.[1] ?? '0'
  return request.length - end - 4 >= Number(length)
}
