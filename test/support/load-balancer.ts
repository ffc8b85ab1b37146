/**
 * A load balancer as operators run it. It keeps connections to the gateways, and requests `/readyz` of each ten times a
 * second. It sends a request to the next gateway only if the first refused the connection, so that no part of the
 * request can have run.
 */
import { once } from 'node:events'
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { came } from './until.ts'

export interface Backend {
  readonly dataUrl: string
  readonly adminUrl: string
}

export interface LoadBalancer {
  readonly url: string
  /** Sends traffic to it after its first success response. */
  add(backend: Backend): void
  remove(backend: Backend): void
  /** Whether it gets traffic now. */
  serves(backend: Backend): boolean
  /** Requests that the balancer itself had to answer with 502, or to abort. */
  readonly failures: readonly string[]
  stop(): Promise<void>
}

const POLL_MS = 100

export async function startLoadBalancer(): Promise<LoadBalancer> {
  const backends = new Map<Backend, { isReady: boolean }>()
  const failures: string[] = []
  const agent = new Agent({ keepAlive: true })
  let turn = 0

  async function check(backend: Backend, state: { isReady: boolean }): Promise<void> {
    const answer = await fetch(`${backend.adminUrl}/readyz`, { signal: AbortSignal.timeout(1_000) }).catch(
      () => null,
    )
    await answer?.arrayBuffer()
    state.isReady = answer?.status === 200
  }
  const timer = setInterval(() => {
    for (const [backend, state] of backends) void check(backend, state)
  }, POLL_MS)

  function next(): Backend | undefined {
    const ready = [...backends].filter(([, { isReady }]) => isReady).map(([backend]) => backend)
    return ready[(turn += 1) % ready.length]
  }

  function forward(incoming: IncomingMessage, body: Buffer, response: ServerResponse): void {
    const backend = next()
    const fail = (reason: string): void => {
      failures.push(reason)
      if (response.headersSent) response.destroy()
      else response.writeHead(502).end()
    }
    if (backend === undefined) {
      fail('no gateway is ready')
      return
    }
    const { method = 'GET', url = '/', headers } = incoming
    const outgoing = request(backend.dataUrl + url, { method, headers, agent }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.on('error', (error) => fail(error.message))
      answer.pipe(response)
    })
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      const state = backends.get(backend)
      if (error.code !== 'ECONNREFUSED' || state === undefined) {
        fail(error.message)
        return
      }
      state.isReady = false
      forward(incoming, body, response)
    })
    outgoing.end(body)
  }

  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => forward(incoming, Buffer.concat(chunks), response))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    failures,
    add: (backend) => void backends.set(backend, { isReady: false }),
    remove: (backend) => void backends.delete(backend),
    serves: (backend) => backends.get(backend)?.isReady === true,
    async stop() {
      clearInterval(timer)
      server.closeAllConnections()
      server.close()
      agent.destroy()
      await came(once(server, 'close'), 'the server is closed')
    },
  }
}
