/** A stub that speaks Redis's protocol: it answers each command as a test decides. */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import t from 'tap'

export interface RespStub {
  readonly url: string
  readonly asked: string[][]
}

/** `answer` returns a bulk string, or an error if it begins with `-`. Stopped when the test file ends. */
export async function startRespStub(answer: (command: readonly string[]) => string): Promise<RespStub> {
  const sockets = new Set<Socket>()
  const asked: string[][] = []
  const server = createServer((socket) => {
    let bytes = ''
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket)).on('error', () => undefined)
    socket.on('data', (chunk) => {
      bytes += chunk.toString('latin1')
      for (;;) {
        const [command, rest] = nextCommand(bytes)
        if (command === null) return
        bytes = rest
        asked.push(command)
        const reply = answer(command)
        socket.write(reply.startsWith('-') ? `${reply}\r\n` : `$${reply.length}\r\n${reply}\r\n`)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  })
  return { url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

/** The first complete command of the received bytes, and the rest. */
function nextCommand(bytes: string): [command: string[] | null, rest: string] {
  const head = /^\*(\d+)\r\n/.exec(bytes)
  if (head === null) return [null, bytes]
  const parts: string[] = []
  let at = head[0].length
  for (let i = 0; i < Number(head[1]); i += 1) {
    const length = /^\$(\d+)\r\n/.exec(bytes.slice(at))
    if (length === null) return [null, bytes]
    at += length[0].length
    const end = at + Number(length[1])
    if (bytes.length < end + 2) return [null, bytes]
    parts.push(bytes.slice(at, end))
    at = end + 2
  }
  return [parts, bytes.slice(at)]
}
