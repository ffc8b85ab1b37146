/** The production form as a process: it starts, says where it is, and stops as the contract says. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { until } from '../support/until.ts'
import { removeFolder } from '../support/folder.ts'

const MAIN = new URL('../../dist/main.js', import.meta.url).pathname

interface Scope {
  teardown(end: () => unknown): void
}

function configFile(t: Scope, keys: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'tg-serve-'))
  t.teardown(() => removeFolder(dir))
  const file = join(dir, 'config.yaml')
  writeFileSync(
    file,
    `
redis: { embedded: ./redis }
listen: { port: 0 }
upstreams: { openai: { family: openai, prefix: /openai, url: "http://127.0.0.1:9" } }
${keys}
`,
  )
  return file
}

function serve(t: Scope, file: string): ChildProcess {
  const args = [MAIN, 'serve', '--config', file]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

/** The addresses from the line in the log that says that it is ready. */
async function ready(child: ChildProcess): Promise<{ dataUrl: string; adminUrl: string }> {
  if (child.stdout === null) throw new Error('no output to read')
  for await (const line of createInterface(child.stdout)) {
    const entry = JSON.parse(line) as { dataUrl?: string; adminUrl?: string; msg: string }
    if (entry.msg === 'tollgate is ready') {
      child.stdout.resume()
      return { dataUrl: entry.dataUrl ?? '', adminUrl: entry.adminUrl ?? '' }
    }
  }
  throw new Error('it ended without being ready')
}

void t.test('serve runs both planes; SIGTERM ends it with exit code 0', async (t) => {
  const child = serve(t, configFile(t, 'admin: { port: 0 }\nshutdownGraceSeconds: 0'))
  const { dataUrl, adminUrl } = await ready(child)
  t.equal((await fetch(`${adminUrl}/readyz`)).status, 200)
  t.equal((await fetch(`${dataUrl}/tollgate/v1/me`)).status, 401)
  child.kill('SIGTERM')
  t.strictSame(await once(child, 'exit'), [0, null])
})

void t.test('asked a second time it ends at once, with exit code 1', async (t) => {
  const child = serve(t, configFile(t, 'admin: { port: 0 }\nshutdownGraceSeconds: 300'))
  const { adminUrl } = await ready(child)
  child.kill('SIGTERM')
  await until(async () => (await fetch(`${adminUrl}/readyz`)).status === 503, {
    what: 'readiness turns at once',
  })
  await until(() => {
    if (child.exitCode === null) child.kill('SIGTERM')
    return child.exitCode !== null
  })
  t.equal(child.exitCode, 1)
})

void t.test('a port that is taken is exit code 2, on one line that names the key', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  t.teardown(() => taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as { port: number }
  const child = serve(t, configFile(t, `admin: { port: ${port} }`))
  let stderr = ''
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  child.stdout?.resume()
  t.strictSame(await once(child, 'close'), [2, null])
  t.match(stderr, /^admin\.port: .*EADDRINUSE.*\n$/)
})
