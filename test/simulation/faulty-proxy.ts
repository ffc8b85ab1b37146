/**
 * A TCP proxy between one gateway and the store that does to the next script what a bad network does: loses it before it
 * ran, loses its answer after it ran, delays either, delivers it twice, at once or much later, or keeps it and delivers it
 * when nobody waits for it any more.
 */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export const FAULTS = [
  'lose_request',
  'lose_reply',
  'arrive_late',
  'delay_request',
  'delay_reply',
  'time_out',
  'twice',
  'twice_later',
] as const
export type Fault = (typeof FAULTS)[number]

export interface FaultyProxy {
  readonly port: number
  /** The next script on its way suffers this. Faults that were armed before come first. */
  arm(fault: Fault): void
  /** Scripts that were kept to be delivered later, or once more. */
  readonly kept: () => number
  /** Delivers a kept script, behind whatever is on its way. Resolves when the server has answered it. */
  replay(at: number): Promise<void>
  /** Whether a script that names this hold was delivered twice. */
  wasTwice(holdId: string): boolean
  /** Forgets what is armed. */
  heal(): void
  /** How many faults have happened, by kind. */
  readonly happened: Readonly<Record<Fault, number>>
  stop(): Promise<void>
}

export interface FaultyProxyOptions {
  readonly target: number
  readonly password: string
  /** The database that whoever connects selects: a script delivered twice must run there, too. */
  readonly database: number
  /** Milliseconds of a delay that nobody times out over, and of one that everybody does. */
  readonly delayMs: number
  readonly timeOutMs: number
}

const SCRIPT = 'evalsha'

/** Whether these bytes are whole commands, so that they mean the same on another connection. */
function areWholeCommands(chunk: Buffer): boolean {
  let at = 0
  while (at < chunk.length) {
    if (chunk[at] !== 42) return false
    let end = chunk.indexOf('\r\n', at)
    if (end < 0) return false
    const words = Number(chunk.toString('latin1', at + 1, end))
    at = end + 2
    for (let word = 0; word < words; word += 1) {
      end = chunk.indexOf('\r\n', at)
      if (chunk[at] !== 36 || end < 0) return false
      at = end + 2 + Number(chunk.toString('latin1', at + 1, end)) + 2
    }
  }
  return at === chunk.length
}

/** Runs commands on a connection of their own; resolves when the server has answered something. */
async function deliver({ target, password, database }: FaultyProxyOptions, commands: Buffer): Promise<void> {
  const socket = connect(target, '127.0.0.1')
  socket.on('error', () => undefined)
  for (const words of [
    ['AUTH', password],
    ['SELECT', String(database)],
  ]) {
    socket.write(`*2\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`)
    await once(socket, 'data')
  }
  socket.write(commands)
  await once(socket, 'data')
  socket.destroy()
}

export async function startFaultyProxy(options: FaultyProxyOptions): Promise<FaultyProxy> {
  const armed: Fault[] = []
  const kept: { readonly commands: Buffer; readonly isCopy: boolean }[] = []
  const copies: Buffer[] = []
  const sockets = new Set<Socket>()
  const happened = Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as Record<Fault, number>

  const pass = (client: Socket): void => {
    const upstream = connect(options.target, '127.0.0.1')
    let loses = false
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    /** Nothing overtakes what is delayed. */
    const pause = (socket: Socket, ms: number, work: () => void): void => {
      socket.pause()
      setTimeout(() => {
        work()
        socket.resume()
      }, ms)
    }
    const suffer: Readonly<Record<Fault, (chunk: Buffer) => void>> = {
      lose_request: () => client.destroy(),
      arrive_late: (chunk) => {
        if (areWholeCommands(chunk)) kept.push({ commands: Buffer.from(chunk), isCopy: false })
        client.destroy()
      },
      lose_reply: (chunk) => {
        loses = true
        upstream.write(chunk)
      },
      delay_request: (chunk) => pause(client, options.delayMs, () => upstream.write(chunk)),
      delay_reply: (chunk) => {
        upstream.write(chunk)
        pause(upstream, options.delayMs, () => undefined)
      },
      time_out: (chunk) => {
        upstream.write(chunk)
        pause(upstream, options.timeOutMs, () => undefined)
      },
      twice: (chunk) => {
        upstream.write(chunk)
        if (!areWholeCommands(chunk)) return
        copies.push(Buffer.from(chunk))
        void deliver(options, chunk).catch(() => undefined)
      },
      twice_later: (chunk) => {
        upstream.write(chunk)
        if (areWholeCommands(chunk)) kept.push({ commands: Buffer.from(chunk), isCopy: true })
      },
    }
    client.on('data', (chunk) => {
      const fault = chunk.includes(SCRIPT) ? armed.shift() : undefined
      if (fault === undefined) {
        upstream.write(chunk)
        return
      }
      happened[fault] += 1
      suffer[fault](chunk)
    })
    upstream.on('data', (chunk) => {
      if (loses) client.destroy()
      else client.write(chunk)
    })
  }

  const server = createServer(pass).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    arm: (fault) => void armed.push(fault),
    kept: () => kept.length,
    replay: async (at) => {
      const found = kept[at % kept.length]
      if (found === undefined) return
      if (found.isCopy) copies.push(found.commands)
      await deliver(options, found.commands)
    },
    wasTwice: (holdId) => copies.some((commands) => commands.includes(holdId)),
    heal: () => void armed.splice(0),
    happened,
    async stop() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close').catch(() => undefined)
    },
  }
}
