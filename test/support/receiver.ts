/** A receiver of webhooks: a plain Node server that records requests, and answers as it is told. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { Certificate } from './certificate.ts'
import { came } from './until.ts'

export interface ReceivedPost {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** The body as received, which the signature covers. */
  readonly body: string
  /** The server name that the client requested in the TLS handshake (SNI); null without TLS. */
  readonly servername: string | null
}

export interface Receiver {
  readonly port: number
  /** `http://127.0.0.1:<port>`, or `https://…`. */
  readonly url: string
  readonly posts: ReceivedPost[]
  /** How many connections were ever made. It stays 0 if an address is refused before a connection. */
  connections: number
  answer: (response: ServerResponse, post: ReceivedPost) => void
}

/** Starts one on a free port; it is stopped when the test file ends. */
export async function startReceiver(
  options: { readonly host?: string; readonly certificate?: Certificate } = {},
): Promise<Receiver> {
  const { host = '127.0.0.1', certificate } = options
  const server = certificate === undefined ? createServer() : createTlsServer(certificate)
  server.on('request', (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.once('end', () => {
      const { method = '', url = '', headers, socket } = request
      const name = 'servername' in socket ? socket.servername : null
      const servername = typeof name === 'string' ? name : null
      const body = Buffer.concat(chunks).toString()
      const post: ReceivedPost = { method, path: url, headers, body, servername }
      receiver.posts.push(post)
      receiver.answer(response, post)
    })
  })
  server.on('connection', () => (receiver.connections += 1))
  server.listen(0, host)
  await once(server, 'listening')
  t.teardown(async () => {
    server.closeAllConnections()
    server.close()
    await came(once(server, 'close'), 'the server is closed')
  })
  const { port } = server.address() as AddressInfo
  const shown = host.includes(':') ? `[${host}]` : host
  const receiver: Receiver = {
    port,
    url: `${certificate === undefined ? 'http' : 'https'}://${shown}:${port}`,
    posts: [],
    connections: 0,
    answer: (response) => void response.end('ok'),
  }
  return receiver
}
