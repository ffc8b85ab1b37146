/** The Redis that Tollgate starts itself: real servers, real processes that die. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import t from 'tap'
import { StartupError } from '../../src/errors.ts'
import { startEmbeddedRedis } from '../../src/store/embedded-redis.ts'
import { findRedisServer } from '../../src/store/redis-server.ts'
import { until } from '../support/until.ts'
import { removeFolder } from '../support/folder.ts'

interface Scope {
  teardown(end: () => unknown): void
}

/** A short path: what tap makes of a test's title would not fit into a socket's address. */
function folder(t: Scope): string {
  const dir = mkdtempSync(join(tmpdir(), 'tg-embedded-'))
  t.teardown(() => removeFolder(dir))
  return dir
}

async function start(t: Scope, dir: string, log?: (message: string) => void) {
  const redis = await startEmbeddedRedis(dir, log === undefined ? {} : { log })
  t.teardown(() => redis.stop())
  return redis
}

async function ask<T>(socketPath: string, question: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis({ path: socketPath, retryStrategy: () => null, maxRetriesPerRequest: 0 })
  client.on('error', () => undefined)
  try {
    return await question(client)
  } finally {
    client.disconnect()
  }
}

/** Whether a process still runs. One that ended but that nobody collected does not. */
async function runs(pid: number): Promise<boolean> {
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'stat=', '-p', String(pid)])
    return !stdout.trim().startsWith('Z')
  } catch {
    return false
  }
}

/** A process that starts an embedded Redis and then only waits, so that it can be killed. */
async function gatewayProcess(t: Scope, dir: string) {
  const script = `
    const { startEmbeddedRedis } = await import(${JSON.stringify(new URL('../../src/store/embedded-redis.ts', import.meta.url).href)})
    const redis = await startEmbeddedRedis(${JSON.stringify(dir)})
    console.log(JSON.stringify({ pid: redis.pid, socketPath: redis.socketPath }))
    setInterval(() => undefined, 1000)
  `
  const args = ['--import', 'tsx', '--input-type=module', '--eval', script]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const redis = JSON.parse(line.toString()) as { pid: number; socketPath: string }
  return { child, ...redis }
}

void t.test(
  'it answers on a private socket, never evicts, writes to disk, and listens on no port',
  async (t) => {
    const dir = folder(t)
    const redis = await start(t, join(dir, 'data/redis'))
    t.equal(redis.socketPath, join(dir, 'data/redis/redis.sock'))
    t.equal(statSync(join(dir, 'data/redis')).mode & 0o777, 0o700)
    t.equal(statSync(redis.socketPath).mode & 0o777, 0o700)
    const config = await ask(redis.socketPath, (client) =>
      client.config('GET', 'port', 'maxmemory-policy', 'appendonly', 'appendfsync', 'save'),
    )
    t.strictSame(
      new Map(pairs(config)),
      new Map([
        ['port', '0'],
        ['maxmemory-policy', 'noeviction'],
        ['appendonly', 'yes'],
        ['appendfsync', 'everysec'],
        ['save', ''],
      ]),
    )
  },
)

void t.test('stop ends it, and the next start has its data', async (t) => {
  const dir = folder(t)
  const first = await start(t, dir)
  const firstPid = first.pid
  await ask(first.socketPath, (client) => client.set('a', '1'))
  await first.stop()
  t.notOk(await runs(firstPid), 'the process is gone')
  t.notOk(existsSync(first.socketPath), 'so is its socket')
  await first.stop()
  const second = await start(t, dir)
  t.equal(await ask(second.socketPath, (client) => client.get('a')), '1')
})

void t.test('a server that dies is started again at the same socket, with its data', async (t) => {
  const lines: string[] = []
  const redis = await start(t, folder(t), (line) => lines.push(line))
  const before = redis.pid
  await ask(redis.socketPath, (client) => client.set('a', '1'))
  process.kill(before, 'SIGKILL')
  await until(() => lines.includes('redis-server is back'))
  t.match(lines[0], /^redis-server went away \(SIGKILL\); starting it again in \d+ ms$/)
  t.not(redis.pid, before)
  t.equal(await ask(redis.socketPath, (client) => client.get('a')), '1')
})

void t.test('stop in the middle of a restart leaves no server behind', async (t) => {
  const lines: string[] = []
  const redis = await start(t, folder(t), (line) => lines.push(line))
  process.kill(redis.pid, 'SIGKILL')
  await until(() => lines.length > 0)
  const restarted = until(() => lines.length > 1, { timeoutMs: 300 }).catch(() => undefined)
  await redis.stop()
  await restarted
  t.notOk(await runs(redis.pid))
  t.notOk(existsSync(redis.socketPath))
})

void t.test('it does not outlive a gateway that was killed', async (t) => {
  const dir = folder(t)
  const gateway = await gatewayProcess(t, dir)
  t.ok(await runs(gateway.pid))
  gateway.child.kill('SIGKILL')
  await until(async () => !(await runs(gateway.pid)), { what: 'the server ends with its gateway' })
  const next = await start(t, dir)
  t.equal(await ask(next.socketPath, (client) => client.ping()), 'PONG')
})

void t.test('a server that lingers without a gateway is taken over, with its data', async (t) => {
  const dir = folder(t)
  const args = [
    '--port',
    '0',
    '--unixsocket',
    join(dir, 'redis.sock'),
    '--dir',
    dir,
    '--appendonly',
    'yes',
    '--save',
    '',
  ]
  const lingering = spawn('redis-server', args, { stdio: 'ignore' })
  const lingeringEnded = once(lingering, 'exit')
  t.teardown(() => lingering.kill('SIGKILL'))
  await until(() =>
    ask(join(dir, 'redis.sock'), (client) => client.set('a', '1')).then(
      () => true,
      () => false,
    ),
  )
  const redis = await start(t, dir)
  t.strictSame(await lingeringEnded, [0, null], 'it was shut down in good order')
  t.not(redis.pid, lingering.pid)
  t.equal(await ask(redis.socketPath, (client) => client.get('a')), '1')
})

void t.test('a folder that another gateway uses is refused, and that one goes on', async (t) => {
  const dir = folder(t)
  const gateway = await gatewayProcess(t, dir)
  await t.rejects(
    startEmbeddedRedis(dir, { handoverMs: 0 }),
    new StartupError(`redis.embedded: ${dir} is in use by another gateway`, 2),
  )
  t.equal(await ask(gateway.socketPath, (client) => client.ping()), 'PONG')
  t.ok(await runs(gateway.pid))
})

void t.test('of two starts at once on one folder one wins, the other is refused', async (t) => {
  const dir = folder(t)
  const options = { handoverMs: 0 }
  const results = await Promise.allSettled([
    startEmbeddedRedis(dir, options),
    startEmbeddedRedis(dir, options),
  ])
  for (const result of results) {
    if (result.status === 'fulfilled') t.teardown(() => result.value.stop())
  }
  t.strictSame(results.map((result) => result.status).sort(), ['fulfilled', 'rejected'])
})

void t.test('a lock that a dead process left behind stops nobody', async (t) => {
  const dir = folder(t)
  const dead = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
  await once(dead, 'exit')
  writeFileSync(join(dir, 'starting.lock'), String(dead.pid))
  await start(t, dir)
  t.notOk(existsSync(join(dir, 'starting.lock')))
})

void t.test('a lock of an earlier process with our id, as containers give it, stops nobody', async (t) => {
  const dir = folder(t)
  writeFileSync(join(dir, 'starting.lock'), String(process.pid))
  await start(t, dir)
  t.notOk(existsSync(join(dir, 'starting.lock')))
})

void t.test('a path too long for a socket puts the socket into a temporary folder', async (t) => {
  const dir = join(folder(t), 'a'.repeat(100))
  const first = await start(t, dir)
  t.not(dirname(first.socketPath), dir)
  t.ok(first.socketPath.startsWith(tmpdir()))
  t.equal(statSync(dirname(first.socketPath)).mode & 0o777, 0o700)
  await ask(first.socketPath, (client) => client.set('a', '1'))
  await t.rejects(
    startEmbeddedRedis(dir, { handoverMs: 0 }),
    { exitCode: 2, message: /is in use by another gateway$/ },
    'it is still found',
  )
  await first.stop()
  t.notOk(existsSync(dirname(first.socketPath)), 'which goes away with it')
  const second = await start(t, dir)
  t.equal(await ask(second.socketPath, (client) => client.get('a')), '1')
})

void t.test('a server that cannot start says why, on one line', async (t) => {
  const dir = folder(t)
  mkdirSync(join(dir, 'appendonlydir'))
  writeFileSync(join(dir, 'appendonlydir/appendonly.aof.manifest'), 'nonsense\n')
  await t.rejects(startEmbeddedRedis(dir), {
    name: 'StartupError',
    exitCode: 2,
    message: /^redis\.embedded: the server ended with exit code 1: .*manifest.* \(see .*redis\.log\)$/,
  })
})

void t.test('without a server on PATH, or with one that is too old, it says what to type', async (t) => {
  const dir = folder(t)
  await t.rejects(
    findRedisServer(dir),
    new StartupError(
      'redis.embedded: no valkey-server or redis-server on PATH; install one with: apt-get install redis-server (or: brew install valkey)',
      2,
    ),
  )
  fakeServer(dir, 'redis-server', 'Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64')
  await t.rejects(findRedisServer(dir), {
    exitCode: 2,
    message:
      /^redis\.embedded: redis-server on PATH is version 6\.0\.16, but 7 or newer is needed; install one/,
  })
  fakeServer(dir, 'valkey-server', 'Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64')
  t.equal(await findRedisServer(`:${dir}`), join(dir, 'valkey-server'))
})

function fakeServer(dir: string, name: string, version: string): void {
  writeFileSync(join(dir, name), `#!/bin/sh\necho '${version}'\n`)
  chmodSync(join(dir, name), 0o755)
}

function pairs(flat: unknown): [string, string][] {
  const list = flat as string[]
  return list.flatMap((value, index) =>
    index % 2 === 0 ? [[value, list[index + 1] ?? ''] as [string, string]] : [],
  )
}
