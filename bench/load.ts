/**
 * The load generator. It sends calls over raw kept-alive sockets, one call at a time on each, so that it costs less
 * than what it measures. Closed loop: each connection sends its next call at once. Open loop: calls are due at a fixed
 * rate, and their latency counts from the due time, so that calls that a stall delays are not left out.
 */
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'

export interface LoadOptions {
  readonly port: number
  readonly connections: number
  readonly durationMs: number
  /** The head of a request per connection, in turn, and the body of all of them. */
  readonly heads: readonly string[]
  readonly body: Buffer
  readonly expectStatus: number
  /** Calls per second, or null for a closed loop. */
  readonly rate: number | null
  /** The most calls of an open loop. */
  readonly most?: number
}

export interface LoadResult {
  readonly calls: number
  readonly errors: number
  readonly firstError: string | null
  readonly seconds: number
  readonly bytes: number
  /** Milliseconds in ascending order: until the end of a call, and until the first byte of its body. */
  readonly latencies: number[]
  readonly firstBytes: number[]
  /** Milliseconds between two reads of one event stream. */
  readonly gaps: number[]
}

const END_OF_HEAD = Buffer.from('\r\n\r\n')
const END_OF_CHUNKED = Buffer.from('0\r\n\r\n')

interface Connection {
  readonly socket: Socket
  /** The head of its requests. */
  readonly request: string
  busy: boolean
  startedMs: number
  /** When the last part of its body arrived. */
  partMs: number
  head: Buffer | null
  /** Remaining bytes of the body; -1 if it is chunked. */
  left: number
  inBody: boolean
  tail: Buffer
}

export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const run = new Load(options)
  return run.start()
}

class Load {
  readonly #options: LoadOptions
  readonly #connections: Connection[] = []
  readonly #latencies: number[] = []
  readonly #firstBytes: number[] = []
  readonly #gaps: number[] = []
  readonly #due: number[] = []
  #errors = 0
  #firstError: string | null = null
  #bytes = 0
  #stopped = false
  #startedMs = 0

  constructor(options: LoadOptions) {
    this.#options = options
  }

  async start(): Promise<LoadResult> {
    const { connections, durationMs, rate, most = Number.POSITIVE_INFINITY } = this.#options
    await Promise.all(Array.from({ length: connections }, (_, index) => this.#open(index)))
    this.#startedMs = performance.now()
    if (rate === null) for (const connection of this.#connections) this.#send(connection, performance.now())
    else this.#pace(rate, most)
    await new Promise((resolve) => setTimeout(resolve, durationMs))
    this.#stopped = true
    const seconds = (performance.now() - this.#startedMs) / 1_000
    // Calls in flight at the end are not counted, but they may finish.
    const deadline = performance.now() + 5_000
    while (this.#connections.some(({ busy }) => busy) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    for (const { socket } of this.#connections) socket.destroy()
    const ascending = (a: number, b: number): number => a - b
    return {
      calls: this.#latencies.length,
      errors: this.#errors,
      firstError: this.#firstError,
      seconds,
      bytes: this.#bytes,
      latencies: this.#latencies.sort(ascending),
      firstBytes: this.#firstBytes.sort(ascending),
      gaps: this.#gaps.sort(ascending),
    }
  }

  #open(index: number): Promise<void> {
    const { port, heads } = this.#options
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true }, resolve)
      const request = heads[index % heads.length] ?? ''
      const connection: Connection = {
        socket,
        request,
        busy: false,
        startedMs: 0,
        partMs: 0,
        head: null,
        left: 0,
        inBody: false,
        tail: Buffer.alloc(0),
      }
      this.#connections.push(connection)
      socket.on('data', (chunk) => this.#read(connection, chunk))
      socket.on('error', reject)
      socket.on('close', () => {
        if (!this.#stopped) this.#fail('the connection was closed')
      })
    })
  }

  /** Every millisecond, due calls are sent on idle connections. The others wait, and the wait counts as latency. */
  #pace(rate: number, most: number): void {
    let sent = 0
    const timer = setInterval(() => {
      if (this.#stopped) {
        clearInterval(timer)
        return
      }
      const now = performance.now()
      const due = Math.min(most, Math.floor(((now - this.#startedMs) / 1_000) * rate))
      for (; sent < due; sent += 1) this.#due.push(this.#startedMs + (sent / rate) * 1_000)
      for (const connection of this.#connections) {
        const at = connection.busy ? undefined : this.#due.shift()
        if (at !== undefined) this.#send(connection, at)
        if (this.#due.length === 0) break
      }
    }, 1)
  }

  #send(connection: Connection, startedMs: number): void {
    connection.busy = true
    connection.startedMs = startedMs
    const { socket } = connection
    socket.cork()
    socket.write(connection.request, 'latin1')
    socket.write(this.#options.body)
    socket.uncork()
  }

  #fail(reason: string): void {
    this.#errors += 1
    this.#firstError ??= reason
  }

  #read(connection: Connection, data: Buffer): void {
    this.#bytes += data.length
    let chunk = data
    if (!connection.inBody) {
      const all = connection.head === null ? chunk : Buffer.concat([connection.head, chunk])
      const end = all.indexOf(END_OF_HEAD)
      if (end === -1) {
        connection.head = all
        return
      }
      connection.head = null
      chunk = this.#readHead(connection, all, end)
      if (chunk.length === 0 && connection.left !== 0) return
    }
    const now = performance.now()
    if (connection.tail.length === 0) this.#firstBytes.push(now - connection.startedMs)
    else if (connection.left < 0) this.#gaps.push(now - connection.partMs)
    connection.partMs = now
    if (this.#isOver(connection, chunk)) this.#end(connection)
  }

  #readHead(connection: Connection, all: Buffer, end: number): Buffer {
    const head = all.toString('latin1', 0, end)
    const status = Number(head.slice(9, 12))
    if (status !== this.#options.expectStatus)
      this.#fail(`${head}\n${all.toString('utf8', end + 4, end + 500)}`)
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    connection.left = length === undefined ? -1 : Number(length)
    connection.inBody = true
    connection.tail = Buffer.alloc(0)
    return all.subarray(end + 4)
  }

  #isOver(connection: Connection, chunk: Buffer): boolean {
    if (connection.left >= 0) {
      connection.left -= chunk.length
      return connection.left <= 0
    }
    const last = chunk.length >= 5 ? chunk : Buffer.concat([connection.tail, chunk])
    connection.tail = last.subarray(-5)
    return connection.tail.equals(END_OF_CHUNKED)
  }

  #end(connection: Connection): void {
    connection.inBody = false
    connection.busy = false
    connection.tail = Buffer.alloc(0)
    if (this.#stopped) return
    this.#latencies.push(performance.now() - connection.startedMs)
    const { rate } = this.#options
    const next = rate === null ? performance.now() : this.#due.shift()
    if (next !== undefined) this.#send(connection, next)
  }
}

/** When this file runs as a process: takes options from its parent, and sends the result back. */
process.on('message', (message: Omit<LoadOptions, 'body'> & { readonly bodyFile: string }) => {
  runLoad({ ...message, body: readFileSync(message.bodyFile) }).then(
    (result) => process.send?.(result),
    (error: unknown) =>
      process.send?.({
        calls: 0,
        errors: 1,
        firstError: String(error),
        seconds: 1,
        bytes: 0,
        latencies: [],
        firstBytes: [],
        gaps: [],
      }),
  )
})
