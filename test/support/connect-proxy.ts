/** An HTTP proxy as companies use it: it opens tunnels (CONNECT), and the test decides where each name leads. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import t from 'tap'

export interface ConnectProxy {
  /** `http://…` or, with a certificate, `https://…`. */
  readonly url: string
  /** Each request: its method and target, and its credentials. */
  readonly asked: {
    readonly target: string
    readonly authorization: string | null
    readonly headers: string[]
  }[]
  /** The destination of a tunnel: a port of this machine, or a status that refuses it. */
  route: (
    target: string,
  ) => { readonly port: number; readonly host?: string } | { readonly status: number } | 'silence'
}

/** Starts one on a free port; it is stopped when the test file ends. */
export async function startConnectProxy(
  options: { readonly host?: string; readonly create?: () => Server } = {},
): Promise<ConnectProxy> {
  const { host = '127.0.0.1', create = createServer } = options
  const server = create()
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  server.on('request', (request, response) => {
    proxy.asked.push({
      target: `${request.method} ${request.url}`,
      authorization: null,
      headers: request.rawHeaders,
    })
    response.writeHead(405).end()
  })
  server.on('connect', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const target = request.url ?? ''
    const authorization = request.headers['proxy-authorization'] ?? null
    proxy.asked.push({ target, authorization, headers: request.rawHeaders })
    socket.on('error', () => undefined)
    const way = proxy.route(target)
    if (way === 'silence') return
    if ('status' in way) {
      socket.end(`HTTP/1.1 ${way.status} No\r\ncontent-length: 0\r\n\r\n`)
      return
    }
    const there = connect(way.port, way.host ?? '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      there.write(head)
      socket.pipe(there).pipe(socket)
    })
    there.on('error', () => socket.destroy())
    socket.once('close', () => there.destroy())
    there.once('close', () => socket.destroy())
  })
  server.listen(0, host)
  await once(server, 'listening')
  t.teardown(async () => {
    const closed = once(server, 'close')
    server.close()
    for (const socket of open) socket.destroy()
    await closed
  })
  const { port } = server.address() as AddressInfo
  const scheme = 'setSecureContext' in server ? 'https' : 'http'
  const proxy: ConnectProxy = {
    url: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`,
    asked: [],
    route: () => ({ status: 502 }),
  }
  return proxy
}
