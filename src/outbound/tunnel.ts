/**
 * A connector for undici's pools that connects through an HTTP proxy. undici's own ProxyAgent does not fit: it keeps
 * only the last of several headers with one name, and always sends the proxy the target's name, never a checked
 * address.
 */
import { request as requestPlain, type ClientRequest, type IncomingMessage } from 'node:http'
import { request as requestSecure } from 'node:https'
import { isIP, isIPv6, type Socket } from 'node:net'
import { buildConnector, errors } from 'undici'
import { hostName } from '../core/hosts.ts'
import { portOf } from './proxies.ts'

export interface TunnelOptions {
  readonly proxy: URL
  /** Timeout for opening the tunnel, and again for the target's TLS handshake. */
  readonly timeoutMs: number
  /** PEM certificates to trust for the target instead of the public ones. */
  readonly ca?: string
  /** The host to request from the proxy if it is not the target's: an address that was checked. */
  readonly hostFor?: (hostname: string, done: (error: Error | null, host: string) => void) => void
}

/** The proxy responded without making a connection. */
export class ProxyRefused extends Error {
  override readonly name = 'ProxyRefused'
  readonly code = 'ERR_PROXY_REFUSED'
  readonly status: number

  constructor(status: number) {
    super(`the proxy answered ${status}`)
    this.status = status
  }
}

const KEEP_ALIVE_MS = 60_000

const itself: NonNullable<TunnelOptions['hostFor']> = (hostname, done) => done(null, hostname)

/**
 * TLS is end to end between the gateway and the target: the certificate is verified by the target's name, and the proxy
 * cannot read the traffic.
 */
export function connectorThrough(options: TunnelOptions): buildConnector.connector {
  const { proxy, timeoutMs, ca, hostFor = itself } = options
  const secure = buildConnector({ timeout: timeoutMs, ...(ca !== undefined && { ca }) })
  return (target, callback) => {
    hostFor(hostName(target.hostname), (error, host) => {
      if (error !== null) {
        callback(error, null)
        return
      }
      const authority = `${isIPv6(host) ? `[${host}]` : host}:${portOf(target)}`
      openTunnel(proxy, authority, timeoutMs, (failure, socket) => {
        if (socket === null) callback(failure, null)
        else if (target.protocol === 'https:') secure({ ...target, httpSocket: socket }, callback)
        else callback(null, socket)
      })
    })
  }
}

type Opened = (...outcome: [error: null, socket: Socket] | [error: Error, socket: null]) => void

function openTunnel(proxy: URL, authority: string, timeoutMs: number, done: Opened): void {
  const request = connectRequest(proxy, authority)
  let isOver = false
  const finish: Opened = (...outcome) => {
    if (isOver) return
    isOver = true
    clearTimeout(timer)
    done(...outcome)
  }
  const timer = setTimeout(() => {
    request.destroy(new errors.ConnectTimeoutError('the proxy made no connection in time'))
  }, timeoutMs)
  request.once('connect', ({ statusCode = 0 }: IncomingMessage, socket: Socket, head: Buffer) => {
    if (isOver || statusCode < 200 || statusCode > 299) {
      socket.on('error', () => undefined).destroy()
      finish(new ProxyRefused(statusCode), null)
      return
    }
    if (head.length > 0) socket.unshift(head)
    socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS)
    finish(null, socket)
  })
  request.on('error', (error) => finish(error, null))
  request.end()
}

function connectRequest(proxy: URL, authority: string): ClientRequest {
  const host = hostName(proxy.hostname)
  const isSecure = proxy.protocol === 'https:'
  const request = (isSecure ? requestSecure : requestPlain)({
    method: 'CONNECT',
    host,
    port: portOf(proxy),
    path: authority,
    headers: { host: authority, ...authorizationOf(proxy) },
    agent: false,
    ...(isSecure && isIP(host) === 0 && { servername: host }),
  })
  // Node would announce that it closes the connection, which is about to become the tunnel.
  request.removeHeader('connection')
  return request
}

function authorizationOf({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {}
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return { 'proxy-authorization': `Basic ${Buffer.from(credentials).toString('base64')}` }
}
