/**
 * Ports for servers that start later, or that start again on the same port. They are outside of the range that the
 * kernel assigns to outgoing connections and to `listen(0)`. A free port in that range may be taken by another process
 * before it is used, and a test then reaches the wrong server. Each process has its own slice of ports, which it
 * reserves by listening on the first one.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'

/** Below are the ports of well-known servers, and 10080, the highest that browsers and `fetch` refuse. */
const LOWEST = 10_100
const HIGHEST = 65_535
const SLICE = 256
const FEW = 8 * SLICE

interface Range {
  readonly from: number
  readonly to: number
}

/** The range that the kernel assigns: ip_local_port_range of ip(7), or Linux' default where it cannot be read. */
function ephemeralRange(): Range {
  try {
    const text = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
    const [from, to] = text.trim().split(/\s+/).map(Number)
    if (from !== undefined && to !== undefined) return { from, to }
  } catch {
    // Not every system has this file.
  }
  return { from: 32_768, to: 60_999 }
}

/** The range below the kernel's, or else above it; if it leaves too little room for either, the whole range. */
export function rangeBeside(ephemeral: Range): Range {
  const below = { from: LOWEST, to: ephemeral.from - 1 }
  const above = { from: Math.max(ephemeral.to + 1, LOWEST), to: HIGHEST }
  return [below, above].find(({ from, to }) => to - from >= FEW) ?? { from: LOWEST, to: HIGHEST }
}

/** A server that listens on this port; null if another process does. */
async function listenAt(port: number): Promise<Server | null> {
  const server = createServer((socket) => socket.destroy())
  try {
    await once(server.listen({ port, host: '127.0.0.1', exclusive: true }), 'listening')
    return server
  } catch {
    return null
  }
}

/** Reserves the first slice that no other process has, starting at one derived from this process's id. */
async function takeSlice(): Promise<number[]> {
  const { from, to } = rangeBeside(ephemeralRange())
  const slices = Math.floor((to - from + 1) / SLICE)
  for (let tried = 0; tried < slices; tried += 1) {
    const first = from + ((process.pid + tried) % slices) * SLICE
    const guard = await listenAt(first)
    if (guard === null) continue
    guard.unref()
    // A random start, because clients of an earlier process may still connect to its ports.
    const begin = Math.floor(Math.random() * (SLICE - 1))
    return Array.from({ length: SLICE - 1 }, (_, at) => first + 1 + ((begin + at) % (SLICE - 1)))
  }
  throw new Error(`no ports are left from ${from} to ${to}`)
}

let slice: Promise<number[]> | null = null

/** A free port, which this process reuses only after all others of its slice. */
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
