import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import t from 'tap'
import { createBrokenRequests } from '../../src/call/broken-requests.ts'
import { OpenCalls } from '../../src/call/open-calls.ts'
import { until } from '../support/until.ts'

/** A server whose heads have to come at once, and connections that were never used go after `unusedMs`. */
async function serverOf(unusedMs: number): Promise<number> {
  const calls = new OpenCalls()
  const server = createServer({ headersTimeout: 50, requestTimeout: 50, connectionsCheckingInterval: 10 })
  server.on('request', (request, response) => {
    calls.open(request, response)
    response.end('served')
  })
  server.on(
    'clientError',
    createBrokenRequests(unusedMs, (socket) => calls.isAnswering(socket)),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

function open(port: number): {
  socket: ReturnType<typeof connect>
  received: () => string
  isOver: () => boolean
} {
  const socket = connect(port, '127.0.0.1')
  let [text, isOver] = ['', false]
  socket.on('data', (chunk) => (text += chunk.toString()))
  socket.on('error', () => undefined)
  socket.on('close', () => (isOver = true))
  t.teardown(() => socket.destroy())
  return { socket, received: () => text, isOver: () => isOver }
}

void t.test(
  'a connection that was opened in advance is not answered before it asks, and then served',
  async (t) => {
    const port = await serverOf(60_000)
    const [early, late] = [open(port), open(port)]
    // Half a head is a request that does not come whole: by then the time of the other one is over, too.
    late.socket.write('GET / HTTP/1.1\r\nhost: x\r\n')
    await until(() => late.isOver())
    t.match(late.received(), /^HTTP\/1\.1 400 [^]*did not come whole in time/)
    const another = open(port)
    another.socket.write('GET / HTTP/1.1\r\n')
    await until(() => another.isOver())
    t.same([early.received(), early.isOver()], ['', false])
    early.socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
    await until(() => early.received().includes('served'))
    t.match(early.received(), /^HTTP\/1\.1 200 OK/)
  },
)

void t.test('one that is never used is closed without a word, in the end', async (t) => {
  const { received, isOver } = open(await serverOf(50))
  await until(isOver)
  t.equal(received(), '')
})
