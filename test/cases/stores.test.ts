/** Cases 32 and 40 of public bug reports: stores that only resemble Redis ≥ 7, and addresses of IPv6 wherever one can be written. */
import t from 'tap'
import { connect } from '../../src/store/connection.ts'
import { createOrg, startGateway } from '../support/gateway.ts'
import { CHAT_COST, postChat, startOrigin } from '../support/origin.ts'
import { startBreakingOrigin } from '../support/breaking-origin.ts'
import { freePort } from '../support/ports.ts'
import { startRedis } from '../support/redis.ts'
import { startRespStub } from '../support/resp-stub.ts'
import { came } from '../support/until.ts'

const origin = await startOrigin()
t.teardown(() => origin.stop())

const info = (version: string): string => `# Server\r\n${version}redis_mode:standalone\r\n`
const REDIS_7 = info('redis_version:7.2.4\r\n')

interface Resembling {
  readonly name: string
  /** What it answers: to INFO, to EVAL. */
  readonly info: string
  readonly script: string
  readonly says: RegExp
}

const NEEDED = 'Tollgate needs Redis or Valkey, version 7 or later'
const RESEMBLING: readonly Resembling[] = [
  { name: 'no version', info: info(''), script: '', says: /does not say which version it is; / },
  {
    name: 'a version that is no number',
    info: info('redis_version:unknown\r\n'),
    script: '',
    says: /does not say which version it is; /,
  },
  {
    name: 'a version of its own only',
    info: info('dragonfly_version:df-v1.2\r\n'),
    script: '',
    says: /does not say which version it is; /,
  },
  { name: 'KeyDB 6', info: info('redis_version:6.3.4\r\n'), script: '', says: /is version 6\.3\.4; / },
  {
    name: 'no flags in scripts',
    info: REDIS_7,
    script: "-ERR Error compiling script (new function): user_script:1: unexpected symbol near '#'",
    says: /does not do what Redis 7 does \(it answers: ERR Error compiling script .*\); /,
  },
  {
    name: 'no scripts',
    info: REDIS_7,
    script: "-ERR unknown command 'eval'",
    says: /does not do what Redis 7 does \(it answers: ERR unknown command 'eval'\); /,
  },
  {
    name: 'scripts with numbers of 14 digits',
    info: REDIS_7,
    script: '9.007199254741e+15 2',
    says: /\(it answers: 9\.007199254741e\+15 2 to a script\); /,
  },
  {
    name: 'no INFO',
    info: "-ERR unknown command 'info'",
    script: '',
    says: /\(it answers: .*ERR unknown command 'info'\); /,
  },
]

for (const { name, info, script, says } of RESEMBLING) {
  void t.test(
    `case 40: a server that resembles Redis, with ${name}: exit 2 and one plain sentence`,
    async (t) => {
      const stub = await startRespStub(([command = '']) => {
        if (/^info$/i.test(command)) return info
        return /^eval$/i.test(command) ? script : 'PONG'
      })
      const started = startGateway({ redisUrl: stub.url, upstreamUrl: origin.url })
      const text = await came(
        started.then(
          () => 'it started',
          (error: unknown) => String(error),
        ),
        'the gateway exits',
        { timeoutMs: 60_000 },
      )
      t.match(text, /exited with 2:/)
      const lines = text.split('\n').filter((line) => line.includes('redis:'))
      t.equal(lines.length, 1, text)
      t.match(lines[0], says)
      t.match(lines[0], NEEDED)
      t.notMatch(text, /\n\s+at /, 'no stack')
    },
  )
}

void t.test('case 32: everything by IPv6: the store, the upstream, both listeners', async (t) => {
  const port = await freePort()
  const redis = await startRedis({ args: ['--bind', '127.0.0.1', '::1'] })
  const breaking = await startBreakingOrigin('::1')
  breaking.answer = [
    'application/json',
    JSON.stringify({
      model: 'test-model',
      choices: [{ message: { content: 'Hello' } }],
      usage: { prompt_tokens: 20, completion_tokens: 10 },
    }),
  ]
  for (const host of ['::1', '[::1]']) {
    const gateway = await startGateway({
      upstreamUrl: breaking.url,
      config: {
        redis: { url: `redis://[::1]:${redis.port}` },
        listen: { host, port: await freePort() },
        admin: {
          host,
          port: host === '::1' ? port : await freePort(),
          operatorToken: 'operator-token-of-the-tests',
        },
      },
    })
    t.match(gateway.dataUrl, /^http:\/\/\[::1\]:\d+$/)
    const org = await createOrg(gateway)
    t.equal((await postChat(gateway.dataUrl, org.key)).status, 200)
    const list = await fetch(`${gateway.dataUrl}/openai/v1/models`, {
      headers: { authorization: `Bearer ${org.key}` },
    })
    t.equal(list.status, 200, 'a free list')
    t.equal(await org.usedWhenIdle(), CHAT_COST)
    t.match(breaking.requests.at(-1), `host: [::1]:${breaking.port}`)
    await gateway.stop()
  }
  await breaking.stop()
  await redis.stop()
})

void t.test('case 32: seeds of a cluster by IPv6 are connected to', async (t) => {
  const redis = await startRedis({ cluster: true, args: ['--bind', '127.0.0.1', '::1'] })
  for (const seed of [`[::1]:${redis.port}`, `::1:${redis.port}`]) {
    const client = connect({ cluster: [seed] }, 'work')
    client.on('error', () => undefined)
    t.equal(await came(client.ping(), `an answer of ${seed}`), 'PONG')
    client.disconnect()
  }
  await redis.stop()
})
