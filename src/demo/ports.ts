/** Finds free ports, so that a demo can run next to other programs. */
import { once } from 'node:events'
import { createServer } from 'node:net'

const HOST = '127.0.0.1'
const TRIES = 100

/**
 * The first free port from `first` up that is not `taken`. If a hundred are busy, 0, which lets the system pick one.
 */
export async function freePort(first: number, taken?: number): Promise<number> {
  for (let port = first; port < first + TRIES; port += 1) {
    if (port !== taken && (await isFree(port))) return port
  }
  return 0
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, HOST)
    await once(server, 'listening')
    server.close()
    await once(server, 'close')
    return true
  } catch {
    return false
  }
}
