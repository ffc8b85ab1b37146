/** A changed configuration is taken over whole while calls run, or refused whole. */
import { once } from 'node:events'
import { appendFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createOrg, startGateway, type TestGateway } from '../support/gateway.ts'
import { chatAnswer, chatBody, postChat, startOrigin } from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'
import { change, changed, logged, REFUSED, RELOADED, type Settings } from '../support/reload.ts'
import { until } from '../support/until.ts'
import { removeFolder } from '../support/folder.ts'

const redis = await startRedis()
const [first, second] = [await startOrigin(), await startOrigin()]
t.teardown(async () => {
  await first.stop()
  await second.stop()
  await redis.stop()
})
t.beforeEach(() => {
  first.answer = second.answer = (_request, response) => chatAnswer(response)
})

async function start(t: Test, args: readonly string[] = []): Promise<TestGateway> {
  const gateway = await startGateway({ redisUrl: redis.url, upstreamUrl: first.url, args })
  t.teardown(() => gateway.kill())
  return gateway
}

function upstreams(settings: Settings): Record<string, Settings> {
  return settings['upstreams'] as Record<string, Settings>
}

async function status(answer: Promise<Response>): Promise<number> {
  const response = await answer
  await response.text()
  return response.status
}

void t.test('prices, upstreams, keys and limits change without a restart', async (t) => {
  const gateway = await start(t)
  const org = await createOrg(gateway)
  t.equal(await status(postChat(gateway.dataUrl, org.key)), 200)
  const before = await org.usedWhenIdle()
  const keys: unknown[] = []
  second.answer = (request, response) => {
    keys.push(request.headers['authorization'])
    chatAnswer(response)
  }
  await changed(gateway, (settings) => {
    settings['prices'] = { models: { 'test-model': { input: 20, output: 200 } } }
    settings['limits'] = { bodyBytes: 2_000 }
    Object.assign(upstreams(settings)['openai'] ?? {}, { url: second.url, apiKey: 'sk-another' })
    upstreams(settings)['extra'] = { family: 'openai', prefix: '/extra', url: first.url }
  })
  t.equal(await status(postChat(gateway.dataUrl, org.key)), 200)
  t.equal(await org.usedWhenIdle(), before * 3, 'twice the price')
  t.same(keys, ['Bearer sk-another'])
  t.equal(await status(postChat(gateway.dataUrl, org.key, chatBody({ x: 'x'.repeat(3_000) }))), 413)
  const extra = await fetch(`${gateway.dataUrl}/extra/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${org.key}`, 'content-type': 'application/json' },
    body: chatBody(),
  })
  t.equal(await status(Promise.resolve(extra)), 200)
  await changed(gateway, (settings) => {
    delete upstreams(settings)['extra']
  })
  const gone = await fetch(`${gateway.dataUrl}/extra/v1/chat/completions`, { method: 'POST' })
  t.equal(gone.status, 404)
  t.equal(await gateway.metric('tollgate_config_reload_failures_total'), 0)
  t.equal(await gateway.stop(), 0)
})

void t.test('what is wrong, or needs a restart, is refused as a whole: the log names the key', async (t) => {
  const gateway = await start(t)
  const org = await createOrg(gateway)
  const cases: readonly (readonly [string, (settings: Settings) => void])[] = [
    ['listen.port', (settings) => void (settings['listen'] = { port: 1 })],
    ['redis.url', (settings) => void (settings['redis'] = { url: 'redis://127.0.0.1:1' })],
    ['limits.concurrent', (settings) => void (settings['limits'] = { concurrent: 0 })],
    ['nonsense', (settings) => void (settings['nonsense'] = true)],
  ]
  const good = readFileSync(gateway.configFile, 'utf8')
  for (const [index, [key, edit]] of cases.entries()) {
    change(gateway, (settings) => {
      edit(settings)
      Object.assign(upstreams(settings)['openai'] ?? {}, { url: second.url })
    })
    await until(() => logged(gateway, REFUSED).length > index, { what: key })
    const line = gateway.log.filter((entry) => entry.includes(REFUSED)).at(-1) ?? ''
    t.match((JSON.parse(line) as { reason: string }).reason, new RegExp(`^${key}: `))
    t.equal(await gateway.metric('tollgate_config_reload_failures_total'), index + 1)
    writeFileSync(gateway.configFile, good)
  }
  second.answer = (_request, response) => void response.destroy()
  t.equal(await status(postChat(gateway.dataUrl, org.key)), 200, 'the upstream of before')
})

void t.test('a change of the file is noticed without a signal', async (t) => {
  const gateway = await start(t)
  change(gateway, (settings) => void (settings['log'] = { level: 'info', calls: { sample: 1 } }), false)
  await until(() => logged(gateway, RELOADED).length === 1)
  appendFileSync(gateway.configFile, '\n# nothing that counts\n')
  const { key } = await createOrg(gateway)
  t.equal(await status(postChat(gateway.dataUrl, key)), 200)
  await until(() => logged(gateway, '"msg":"call"').length === 1)
})

void t.test(
  'calls run through every swap: none fails, each is charged by one price, none twice',
  async (t) => {
    const gateway = await start(t)
    const org = await createOrg(gateway)
    const slow = new EventTarget()
    let held = 0
    // The first call of each round is answered only after the swap that happens meanwhile.
    const answer: typeof first.answer = async (request, response) => {
      if (request.headers['x-hold'] === 'yes') {
        held += 1
        await once(slow, 'go')
      }
      chatAnswer(response)
    }
    first.answer = second.answer = answer
    let isOver = false
    const statuses: number[] = []
    const caller = async (): Promise<void> => {
      while (!isOver) statuses.push(await status(postChat(gateway.dataUrl, org.key)))
    }
    const callers = [caller(), caller(), caller()]
    const bridging: Promise<number>[] = []
    for (let round = 1; round <= 6; round += 1) {
      bridging.push(status(postChat(gateway.dataUrl, org.key, chatBody(), { headers: { 'x-hold': 'yes' } })))
      await until(() => held === round)
      await changed(gateway, (settings) => {
        const isOdd = round % 2 === 1
        Object.assign(upstreams(settings)['openai'] ?? {}, { url: isOdd ? second.url : first.url })
        settings['prices'] = {
          models: { 'test-model': { input: isOdd ? 20 : 10, output: isOdd ? 200 : 100 } },
        }
      })
      const seen = statuses.length
      await until(() => statuses.length > seen + 3)
    }
    isOver = true
    await Promise.all(callers)
    slow.dispatchEvent(new Event('go'))
    t.same(
      await Promise.all(bridging),
      Array.from({ length: 6 }, () => 200),
      'what began before a swap ended after it',
    )
    t.same([...new Set(statuses)], [200])
    const used = await org.usedWhenIdle()
    const charged = await gateway.metric('tollgate_credits_total{kind="charged"}')
    t.equal(used, charged)
    const shares = Math.round(used / 0.12)
    t.equal(Math.round(used * 1e6), shares * 120_000, 'every call cost the one price or the other')
    t.equal(await gateway.metric('tollgate_holds_open'), 0)
    t.equal(await gateway.stop(), 0)
  },
)

void t.test('with --workers every worker takes it over, and one that comes later has it too', async (t) => {
  const gateway = await start(t, ['--workers', '2'])
  const org = await createOrg(gateway)
  const serving = (): number[] =>
    gateway.log
      .filter((line) => line.includes('a worker serves'))
      .map((line) => (JSON.parse(line) as { pid: number }).pid)
  await until(() => serving().length === 2)
  await changed(gateway, (settings) => {
    Object.assign(upstreams(settings)['openai'] ?? {}, { url: second.url })
  })
  first.answer = (_request, response) => void response.destroy()
  // The primary has said so; each worker does it in its turn.
  const allServed = async (): Promise<boolean> => {
    const calls = Array.from({ length: 8 }, () =>
      status(postChat(gateway.dataUrl, org.key, chatBody(), { headers: { connection: 'close' } })),
    )
    return (await Promise.all(calls)).every((code) => code === 200)
  }
  await until(allServed)
  const [victim] = serving()
  if (victim !== undefined) process.kill(victim, 'SIGKILL')
  await until(() => serving().length === 3)
  for (let round = 0; round < 3; round += 1)
    t.ok(await allServed(), 'the new worker has the new configuration')
  change(gateway, (settings) => void (settings['listen'] = { port: 1 }))
  await until(async () => (await gateway.metric('tollgate_config_reload_failures_total')) === 1)
  t.equal(await gateway.stop(), 0)
})

void t.test(
  'notifications are replaced with their connections, and deliver by the new settings',
  async (t) => {
    const gateway = await start(t)
    const mails = mkdtempSync(join(tmpdir(), 'tg-reload-mail-'))
    t.teardown(() => removeFolder(mails))
    await changed(gateway, (settings) => void (settings['notifications'] = { mailDir: mails, attempts: 3 }))
    const org = await createOrg(gateway, { limit: 0 })
    await gateway.admin('PUT', `/v1/orgs/${org.id}/members/boss`, {
      email: 'boss@example.com',
      name: 'Boss',
      role: 'admin',
    })
    t.equal(await status(postChat(gateway.dataUrl, org.key)), 402)
    await until(
      async () => (await gateway.metric('tollgate_notifications_total{channel="email",state="sent"}')) === 1,
    )
    t.equal(await gateway.stop(), 0)
  },
)

void t.test('what is bounded stays bounded: bodies and calls of before the reload still count', async (t) => {
  const gateway = await start(t)
  const org = await createOrg(gateway)
  const large = chatBody({ x: 'x'.repeat(700_000) })
  await changed(gateway, (settings) => {
    settings['limits'] = { bodyBytes: 1_000_000, bufferedBytes: 1_048_576, concurrent: 10 }
  })
  const held: (() => void)[] = []
  first.answer = (_request, response) => void held.push(() => chatAnswer(response))
  const under = status(postChat(gateway.dataUrl, org.key, large))
  await until(() => held.length === 1, { what: 'a call is at the provider' })
  const code = async (body: string): Promise<unknown> => {
    const answer = (await (await postChat(gateway.dataUrl, org.key, body)).json()) as {
      error?: { code: string }
    }
    return answer.error?.code
  }
  t.equal(await code(large), 'overloaded', 'both bodies are too many bytes')
  await changed(gateway, (settings) => {
    settings['limits'] = { bodyBytes: 1_000_000, bufferedBytes: 1_048_576, concurrent: 20 }
  })
  t.equal(await code(large), 'overloaded', 'also when the first came before a reload')
  await changed(gateway, (settings) => {
    settings['limits'] = { bodyBytes: 1_000_000, bufferedBytes: 10_000_000, concurrent: 1 }
  })
  t.equal(await code(chatBody()), 'overloaded', 'and it is one of the calls in flight')
  held.pop()?.()
  t.equal(await under, 200)
  first.answer = (_request, response) => chatAnswer(response)
  await until(async () => (await code(large)) === undefined, { what: 'the memory is given back' })
})
