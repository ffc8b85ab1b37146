/**
 * Ports for servers that are started later, or at the same port again. They lie outside of what the kernel gives to outgoing
 * connections and to `listen(0)`: from there, a port that is free for a moment may be anybody's when it is wanted, and a
 * test then finds the server of another. Each process has a slice of its own, which it holds by listening on its first port.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'

/** Below are those of well-known servers, and 10080, the highest that browsers and `fetch` refuse to visit. */
const LOWEST = 10_100
const HIGHEST = 65_535
const SLICE = 256
const FEW = 8 * SLICE

interface Range {
  readonly from: number
  readonly to: number
}

/** What the kernel gives away by itself: ip_local_port_range of ip(7), or Linux' default where it is not told. */
function ephemeralRange(): Range {
  try {
    const text = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
    const [from, to] = text.trim().split(/\s+/).map(Number)
    if (from !== undefined && to !== undefined) return { from, to }
  } catch {
    // Not every system has it.
  }
  return { from: 32_768, to: 60_999 }
}

/** Below the kernel's range, or else above it; where it leaves room for neither, there is nothing but the whole. */
export function rangeBeside(ephemeral: Range): Range {
  const below = { from: LOWEST, to: ephemeral.from - 1 }
  const above = { from: Math.max(ephemeral.to + 1, LOWEST), to: HIGHEST }
  return [below, above].find(({ from, to }) => to - from >= FEW) ?? { from: LOWEST, to: HIGHEST }
}

/** A server that listens there; null where somebody else does. */
async function listenAt(port: number): Promise<Server | null> {
  const server = createServer((socket) => socket.destroy())
  try {
    await once(server.listen({ port, host: '127.0.0.1', exclusive: true }), 'listening')
    return server
  } catch {
    return null
  }
}

/** Takes the first slice that no other process has, beginning at one by this process's id. */
async function takeSlice(): Promise<number[]> {
  const { from, to } = rangeBeside(ephemeralRange())
  const slices = Math.floor((to - from + 1) / SLICE)
  for (let tried = 0; tried < slices; tried += 1) {
    const first = from + ((process.pid + tried) % slices) * SLICE
    const guard = await listenAt(first)
    if (guard === null) continue
    guard.unref()
    // What a process that ended left behind and still asks at its ports is unlikely to find ours there.
    const begin = Math.floor(Math.random() * (SLICE - 1))
    return Array.from({ length: SLICE - 1 }, (_, at) => first + 1 + ((begin + at) % (SLICE - 1)))
  }
  throw new Error(`no ports are left from ${from} to ${to}`)
}

let slice: Promise<number[]> | null = null

/** A port that is free, and that this process hands out again only after all others of its slice. */
export async function freePort(): Promise<number> {
  const ports = await (slice ??= takeSlice())
  for (let tried = 0; tried < ports.length; tried += 1) {
    const port = ports.shift() as number
    ports.push(port)
    const server = await listenAt(port)
    if (server === null) continue
    server.close()
    await once(server, 'close')
    return port
  }
  throw new Error('every port of this process is in use')
}
