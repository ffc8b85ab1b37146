/**
 * The listener that AI traffic goes through: one server and one request listener for the life of the process. What Node
 * leaves open by default is bounded; what a reload replaces is the one function that serves a request.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createBrokenRequests } from './broken-requests.ts'
import type { OpenCalls } from './open-calls.ts'
import type { Serve } from './routes.ts'

export interface CallServerOptions {
  readonly open: OpenCalls
  readonly serve: Serve
  /** What one caller may take of the server. */
  readonly bounds: {
    readonly headSeconds: number
    readonly requestSeconds: number
    readonly connections: number
  }
  /** The longest that a call may be silent: sockets stay open for that long. */
  readonly silenceMs: number
}

export interface CallServer {
  readonly server: Server
  /** Resolves with its address; rejects as Node's server does. */
  listen(host: string, port: number): Promise<string>
  /** From the next request on, it is served by this; those under way end as they began. */
  use(serve: Serve, silenceMs: number): void
  /** Takes no more connections; resolves when the last one has ended. */
  close(): Promise<void>
}

/** Longer than a load balancer keeps its idle connections, so that it is never the one to write into a closed one. */
const KEEP_ALIVE_MS = 72_000
/** How often what is too slow is looked for, as a share of what a head may take: by default Node looks every 30 s. */
const CHECKS_PER_HEAD = 4
/** By default about as long as a connection may idle that was used. */
const UNUSED_PER_HEAD = 5

export function createCallServer({ open, serve, bounds, silenceMs }: CallServerOptions): CallServer {
  const { headSeconds, requestSeconds, connections } = bounds
  let serving = serve
  const server = createServer(
    {
      headersTimeout: headSeconds * 1_000,
      requestTimeout: requestSeconds * 1_000,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: (headSeconds * 1_000) / CHECKS_PER_HEAD,
      // By default Node keeps the first of two Authorization headers, and whoever stands in front of us may go by the second.
      joinDuplicateHeaders: true,
    },
    (request, response) => {
      if (request.socket.destroyed) return
      if (isFramedTwice(request))
        server.emit('clientError', new Error('Transfer-Encoding in HTTP/1.0'), request.socket)
      else serving(open.open(request, response))
    },
  )
  server.maxConnections = connections
  server.timeout = silenceMs
  const answerBroken = createBrokenRequests(headSeconds * UNUSED_PER_HEAD * 1_000, (socket) =>
    open.isAnswering(socket),
  )
  server.on('clientError', answerBroken)
  return {
    server,
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen({ host, port }, () => {
          server.off('error', reject)
          resolve(urlOf(server.address() as AddressInfo))
        })
      }),
    use(next, nextSilenceMs) {
      serving = next
      server.timeout = nextSilenceMs
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeIdleConnections()
      }),
  }
}

/** Where HTTP/1.0 has no chunks (RFC 9112, section 6.1), whoever stands in front of us may see the body end elsewhere. */
function isFramedTwice({ httpVersionMinor, headers }: IncomingMessage): boolean {
  return httpVersionMinor === 0 && headers['transfer-encoding'] !== undefined
}

/** An address that this machine can be reached at. */
function urlOf({ address, port }: AddressInfo): string {
  if (address === '0.0.0.0') return `http://127.0.0.1:${port}`
  return address.includes(':') ? `http://[${address}]:${port}` : `http://${address}:${port}`
}
