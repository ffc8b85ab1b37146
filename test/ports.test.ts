/** The tests' own ports: no connection of another test, and no server of one, can be at a port that a test wants back. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { promisify } from 'node:util'
import t from 'tap'
import { freePort, rangeBeside } from './support/ports.ts'

const MODULE = new URL('support/ports.ts', import.meta.url).href

void t.test(
  'ports lie below what the kernel gives away, or else above, and never where browsers refuse to go',
  (t) => {
    t.strictSame(rangeBeside({ from: 32_768, to: 60_999 }), { from: 10_100, to: 32_767 })
    t.strictSame(rangeBeside({ from: 1_024, to: 60_999 }), { from: 61_000, to: 65_535 })
    t.strictSame(rangeBeside({ from: 1_024, to: 9_000 }), { from: 10_100, to: 65_535 })
    t.strictSame(rangeBeside({ from: 1_024, to: 65_535 }), { from: 10_100, to: 65_535 }, 'no room is left')
    t.end()
  },
)

void t.test(
  'a port is not handed out again soon, nor while it is in use, nor by another process',
  async (t) => {
    const first = await freePort()
    const server = createServer().listen(first, '127.0.0.1')
    t.teardown(() => server.close())
    await once(server, 'listening')
    const ports = new Set<number>()
    for (let port = await freePort(); !ports.has(port); port = await freePort()) ports.add(port)
    t.ok(ports.size > 200, `${ports.size} before one came again`)
    t.notOk(ports.has(first))
    const code = `import(${JSON.stringify(MODULE)}).then(async ({ freePort }) => console.log(await freePort()))`
    const others = Array.from({ length: 3 }, () =>
      promisify(execFile)(process.execPath, ['--import=tsx', '--input-type=module', '-e', code]),
    )
    for (const { stdout } of await Promise.all(others)) t.notOk(ports.has(Number(stdout)), stdout)
  },
)
