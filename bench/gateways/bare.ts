/**
 * The baseline: the minimum that a proxy in Node has to do. It reads the whole body, as every gateway that inspects it
 * must, forwards it with undici's `dispatch`, and passes the response on chunk by chunk with back-pressure. It enforces
 * nothing.
 *
 *     node bare.js ORIGIN_PORT PORT
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Agent, type Dispatcher } from 'undici'

const [originPort, port] = process.argv.slice(2)
const origin = `http://127.0.0.1:${String(originPort)}`
const agent = new Agent({ connections: 10_000, pipelining: 1 })
const DROPPED = new Set(['host', 'connection', 'content-length', 'transfer-encoding', 'keep-alive'])

function forward(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const headers: string[] = []
  for (const name in request.headers) {
    const value = request.headers[name]
    if (typeof value === 'string' && !DROPPED.has(name)) headers.push(name, value)
  }
  let controller: Dispatcher.DispatchController | null = null
  response.on('drain', () => controller?.resume())
  agent.dispatch(
    { origin, method: 'POST', path: request.url ?? '/', headers, body },
    {
      onRequestStart: (started) => void (controller = started),
      onResponseStart: (_controller, status, answered) => {
        const kept: string[] = []
        for (const name in answered) {
          const value = answered[name]
          if (
            typeof value === 'string' &&
            name !== 'connection' &&
            name !== 'keep-alive' &&
            name !== 'transfer-encoding'
          )
            kept.push(name, value)
        }
        response.writeHead(status, kept)
      },
      onResponseData: (started, chunk) => {
        if (!response.write(chunk)) started.pause()
      },
      onResponseEnd: () => void response.end(),
      onResponseError: () => void response.destroy(),
    },
  )
}

createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () =>
    forward(request, response, chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)),
  )
}).listen(Number(port), '127.0.0.1', 16_384, () => process.stdout.write('bare ready\n'))
