/** Bodies are read within their bounds, and their memory is given back, whatever becomes of them. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { joined } from '../../src/core/chunks.ts'
import { readBody, type Body, type BodyLimits } from '../../src/call/bodies.ts'
import type { OpenCalls } from '../../src/call/open-calls.ts'
import type { Coding } from '../../src/call/unpack.ts'
import type { Refusal } from '../../src/errors.ts'
import { listenWith } from '../support/calls.ts'
import { came, until } from '../support/until.ts'

const LIMITS: BodyLimits = { bodyBytes: 1_000, bufferedBytes: 1_500 }

type Taken = Body | Refusal | null

interface Stage {
  readonly open: OpenCalls
  /** What became of each body, in the order in which the requests came. */
  readonly taken: Promise<Taken>[]
  /** The plain bytes as they arrived, of all bodies. */
  readonly seen: readonly Buffer[]
  /** Sends a head, and this much of a body. */
  readonly send: (length: number | 'chunked', body: Buffer | string) => Promise<Socket>
  readonly next: () => Promise<Taken>
}

async function stage(t: Test, coding: Coding | null = null, limits = LIMITS): Promise<Stage> {
  const taken: Promise<Taken>[] = []
  const seen: Buffer[] = []
  const { port, open } = await listenWith(t, (opened) => {
    taken.push(readBody(opened, coding, (chunk) => seen.push(chunk), limits, open))
  })
  let read = 0
  return {
    open,
    taken,
    seen,
    async send(length, body) {
      const before = taken.length
      const socket = connect(port, '127.0.0.1')
      t.teardown(() => socket.destroy())
      socket.on('error', () => undefined)
      const framing = length === 'chunked' ? 'transfer-encoding: chunked' : `content-length: ${length}`
      socket.write(`POST / HTTP/1.1\r\nhost: x\r\n${framing}\r\n\r\n`)
      socket.write(body)
      await until(() => taken.length > before, { what: 'the request has come' })
      return socket
    },
    async next() {
      await until(() => taken.length > read)
      read += 1
      return came(taken[read - 1] ?? Promise.resolve(null), 'the body')
    },
  }
}

const isBody = (taken: Taken): taken is Body => taken !== null && 'chunks' in taken

void t.test('a body that came in pieces is whole, and counts until it is given back', async (t) => {
  const { open, send, next } = await stage(t)
  const socket = await send('chunked', '5\r\nhello\r\n')
  await until(() => open.bodyBytes === 5)
  socket.write('6\r\n world\r\n0\r\n\r\n')
  const body = await next()
  if (!isBody(body)) throw new Error('no body')
  t.equal(joined(body.chunks).toString(), 'hello world')
  t.equal(open.bodyBytes, 11)
  body.free()
  body.free()
  t.equal(open.bodyBytes, 0)
})

void t.test('a body of small chunks would need far more memory than is counted for it', async (t) => {
  const { send, next } = await stage(t, null, { bodyBytes: 10_000_000, bufferedBytes: 10_000_000 })
  const parts = Array.from({ length: 400 }, (_, index) => (index % 2 === 0 ? 'x'.repeat(4_100) : 'y'))
  const framed = parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')
  await send('chunked', `${framed}0\r\n\r\n`)
  const body = await next()
  if (!isBody(body)) throw new Error('no body')
  t.equal(joined(body.chunks).toString(), parts.join(''), 'in the order in which they came')
  const { list, bytes } = body.chunks
  t.equal(
    list.reduce((sum, piece) => sum + piece.length, 0),
    bytes,
  )
  // Chunks that came in one read share its memory.
  const memory = new Set(list.map((piece) => piece.buffer))
  t.ok([...memory].reduce((sum, buffer) => sum + buffer.byteLength, 0) < 2 * bytes + 65_536)
})

void t.test('a body without a byte is one', async (t) => {
  const { open, send, next } = await stage(t)
  await send(0, '')
  t.match(await next(), { chunks: { list: [], bytes: 0 } })
  t.equal(open.bodyBytes, 0)
})

void t.test('a body that is too large is refused: by what its head says, and by what comes', async (t) => {
  const { open, send, next } = await stage(t)
  await send(1_001, '')
  t.match(await next(), { code: 'body_too_large', message: /1000 bytes \(limits\.bodyBytes\)/ })
  await send('chunked', `3e9\r\n${'x'.repeat(1_001)}\r\n`)
  t.match(await next(), { code: 'body_too_large' })
  t.equal(open.bodyBytes, 0)
})

void t.test('bodies that are too many together: the last one is refused, the others go on', async (t) => {
  const { open, send, next } = await stage(t)
  await send(900, 'x'.repeat(900))
  const first = await next()
  await send(900, 'x'.repeat(900))
  t.match(await next(), { code: 'overloaded' })
  t.ok(isBody(first))
  t.equal(open.bodyBytes, 900)
  if (isBody(first)) first.free()
  await send(900, 'x'.repeat(900))
  t.ok(isBody(await next()), 'there is room again')
})

void t.test('a client that leaves in the middle of its body: nothing is left of it', async (t) => {
  const { open, send, next } = await stage(t)
  const socket = await send(900, 'x'.repeat(100))
  await until(() => open.bodyBytes === 100)
  socket.destroy()
  t.equal(await next(), null)
  t.equal(open.bodyBytes, 0)
  await until(() => open.requests === 0)
})

void t.test('a compressed body is plain, and bounded as such', async (t) => {
  const { open, send, next } = await stage(t, 'gzip')
  const good = gzipSync('y'.repeat(900))
  await send(good.length, good)
  const body = await next()
  if (!isBody(body)) throw new Error('no body')
  t.equal(joined(body.chunks).toString(), 'y'.repeat(900))
  t.equal(open.bodyBytes, 900, 'only the plain bytes are in memory')
  body.free()
  const bomb = gzipSync('z'.repeat(1_000_000))
  await send(bomb.length, bomb)
  t.match(await next(), { code: 'body_too_large' })
  await send(4, 'nope')
  t.match(await next(), { code: 'invalid_request', param: 'content-encoding' })
  t.equal(open.bodyBytes, 0)
})

void t.test('two requests on one connection: each has its own, and both end with it', async (t) => {
  const { open, send, next } = await stage(t)
  const socket = await send(2, 'hiPOST / HTTP/1.1\r\nhost: x\r\ncontent-length: 900\r\n\r\nabc')
  t.match(await next(), { chunks: { list: [Buffer.from('hi')] } })
  await until(() => open.requests === 2, { what: 'the second has come, too' })
  const closed = once(socket, 'close')
  socket.destroy()
  await closed
  t.equal(await next(), null)
  await until(() => open.requests === 0)
  t.equal(open.bodyBytes, 2, 'the first is not given back yet')
})
