/**
 * The listener for AI traffic: one server and one request listener for the life of the process. It sets the limits that
 * Node leaves open by default. A reload replaces only the function that serves a request.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createBrokenRequests } from './broken-requests.ts'
import type { OpenCalls } from './open-calls.ts'
import type { Serve } from './routes.ts'

export interface CallServerOptions {
  readonly open: OpenCalls
  readonly serve: Serve
  /** Limits on what clients may take of the server. */
  readonly bounds: {
    readonly headSeconds: number
    readonly requestSeconds: number
    readonly connections: number
  }
  /** A fault of the listener, such as a connection that could not be accepted. */
  readonly onError: (error: Error) => void
  /** The longest that a call may be silent (ms); sockets stay open that long. */
  readonly silenceMs: number
}

export interface CallServer {
  readonly server: Server
  /** Resolves with its address; rejects as Node's server does. */
  listen(host: string, port: number): Promise<string>
  /** Serves all later requests with this function; requests in flight end as they began. */
  use(serve: Serve, silenceMs: number): void
  /** Stops accepting connections; resolves when the last one has ended. */
  close(): Promise<void>
}

/**
 * Longer than a load balancer keeps idle connections, so that it never writes to a connection that this server has
 * closed.
 */
const KEEP_ALIVE_MS = 72_000
/** Timeouts are checked this many times per `headSeconds`; by default Node checks every 30 s. */
const CHECKS_PER_HEAD = 4
/**
 * How long a connection may stay unused, in multiples of `headSeconds`. With the default setting this is roughly
 * KEEP_ALIVE_MS.
 */
const UNUSED_PER_HEAD = 5

export function createCallServer({ open, serve, bounds, onError, silenceMs }: CallServerOptions): CallServer {
  const { headSeconds, requestSeconds, connections } = bounds
  let serving = serve
  const server = createServer(
    {
      headersTimeout: headSeconds * 1_000,
      requestTimeout: requestSeconds * 1_000,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: (headSeconds * 1_000) / CHECKS_PER_HEAD,
      // By default Node keeps the first of two Authorization headers, while a proxy in front of the gateway may use the
      // second.
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
          server.off('error', reject).on('error', onError)
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

/**
 * HTTP/1.0 has no chunked bodies (RFC 9112, section 6.1), so a proxy in front of the gateway may see the body end
 * elsewhere.
 */
function isFramedTwice({ httpVersionMinor, headers }: IncomingMessage): boolean {
  return httpVersionMinor === 0 && headers['transfer-encoding'] !== undefined
}

/** A URL at which this machine can reach the server. */
function urlOf({ address, port }: AddressInfo): string {
  if (address === '0.0.0.0') return `http://127.0.0.1:${port}`
  return address.includes(':') ? `http://[${address}]:${port}` : `http://${address}:${port}`
}
