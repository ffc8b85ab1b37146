/** Both ends of a connection as bytes: a caller that sends what no client would, and a provider that does the same. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { until } from './until.ts'
import { came } from './until.ts'

export interface Wire {
  /** The bytes received so far. */
  readonly text: () => string
  readonly closed: () => boolean
  readonly socket: Socket
}

/** Opens a connection that collects the bytes it receives. */
export async function dial(url: string): Promise<Wire> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  let text = ''
  let closed = false
  socket.on('data', (chunk) => (text += chunk.toString('latin1')))
  socket.on('error', () => undefined)
  socket.on('close', () => (closed = true))
  await once(socket, 'connect')
  return { text: () => text, closed: () => closed, socket }
}

/** Sends bytes, and resolves to all received bytes when the other side has closed the connection. */
export async function exchange(url: string, bytes: string | Buffer): Promise<string> {
  const { text, closed, socket } = await dial(url)
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  await until(closed, { what: 'the connection is closed' })
  return text()
}

export interface Ask {
  readonly method?: string
  readonly path: string
  readonly key: string | null
  /** Header lines as sent. */
  readonly headers?: readonly string[]
  readonly body?: string
  readonly version?: string
}

/** The bytes of a request. Adds its length unless a given header says how the body is framed. */
export function requestBytes({ method = 'POST', path, key, headers = [], body = '', version }: Ask): string {
  const isFramed = headers.some((header) => /^(?:content-length|transfer-encoding)/i.test(header))
  const has = (name: string): boolean => headers.some((header) => header.toLowerCase().startsWith(`${name}:`))
  return [
    `${method} ${path} HTTP/${version ?? '1.1'}`,
    ...(has('host') ? [] : ['Host: gateway']),
    ...(key === null ? [] : [`Authorization: Bearer ${key}`]),
    ...(has('content-type') ? [] : ['Content-Type: application/json']),
    ...(isFramed ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]),
    ...headers,
    '',
    body,
  ].join('\r\n')
}

/** The status of the first response in the received text; 0 if there is none. */
export function statusOf(text: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0)
}

export interface RawUpstream {
  readonly url: string
  /** Requests that arrived completely. */
  readonly received: string[]
  /** Answers each request from now on. */
  answer: (socket: Socket) => void
  stop(): Promise<void>
}

/** An upstream that answers with raw bytes of the test. */
export async function startRawUpstream(): Promise<RawUpstream> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const head = text.indexOf('\r\n\r\n')
      if (head === -1) return
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(0, head))?.[1] ?? 0)
      if (text.length < head + 4 + length) return
      upstream.received.push(text)
      text = ''
      upstream.answer(socket)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const upstream: RawUpstream = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received: [],
    answer: (socket) => void socket.destroy(),
    async stop() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await came(
        once(server, 'close').catch(() => undefined),
        'the server is closed',
      )
    },
  }
  return upstream
}
