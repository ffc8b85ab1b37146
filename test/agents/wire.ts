/**
 * A wire between an agent and the gateway that changes nothing: bytes pass as they come, and what they begin with tells which
 * requests were made and which statuses came back.
 */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface Exchange {
  readonly method: string
  readonly path: string
  readonly isWebSocket: boolean
  /** Null until it is answered. */
  status: number | null
}

export interface Wire {
  readonly url: string
  readonly exchanges: Exchange[]
  stop(): Promise<void>
}

/** JSON and server-sent events hold no line that looks like the first one of a head. */
const REQUEST = /(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (\/\S*) HTTP\/1\.1\r\n([^]*?\r\n)\r\n/g
const RESPONSE = /HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n/g
/** More than a head has. */
const KEPT = 16_384

/** Calls back for each match, also where a chunk ends in the middle of one. */
function scanner(pattern: RegExp, found: (match: RegExpExecArray) => void): (chunk: Buffer) => void {
  let rest = ''
  return (chunk) => {
    rest += chunk.toString('latin1')
    let end = 0
    for (const match of rest.matchAll(pattern)) {
      found(match)
      end = match.index + match[0].length
    }
    rest = rest.slice(Math.max(end, rest.length - KEPT))
  }
}

export async function startWire(target: string): Promise<Wire> {
  const { hostname, port } = new URL(target)
  const exchanges: Exchange[] = []
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const gateway = connect(Number(port), hostname)
    const open: Exchange[] = []
    const asked = scanner(REQUEST, ([, method = '', path = '', headers = '']) => {
      const exchange = { method, path, isWebSocket: /^upgrade: websocket/im.test(headers), status: null }
      exchanges.push(exchange)
      open.push(exchange)
    })
    const answered = scanner(RESPONSE, ([, status]) => {
      // An interim answer is followed by the final one.
      const exchange = Number(status) < 200 && status !== '101' ? undefined : open.shift()
      if (exchange !== undefined) exchange.status = Number(status)
    })
    client.on('data', asked).pipe(gateway)
    gateway.on('data', answered).pipe(client)
    for (const [socket, other] of [
      [client, gateway],
      [gateway, client],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        // What is on its way to the other side still arrives there.
        other.destroySoon()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    exchanges,
    async stop() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
