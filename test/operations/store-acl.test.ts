/**
 * The user of Redis that deploy/redis/tollgate.acl describes: everything that gateways do works with it, in whatever
 * process, and nothing that would give the store away or destroy it does.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import t from 'tap'
import { checkSample, takeDriftTurn } from '../../src/directory/drift/background.ts'
import { createDriftDirectory } from '../../src/directory/drift/check.ts'
import * as keys from '../../src/store/keys.ts'
import { createOrg, startGateway } from '../support/gateway.ts'
import {
  chatAnswer,
  chatBody,
  chunkEvent,
  DONE_EVENT,
  postChat,
  startOrigin,
  USAGE_EVENT,
} from '../support/origin.ts'
import { createOrg as createLedgerOrg, openClient } from '../support/ledger.ts'
import { startReceiver } from '../support/receiver.ts'
import { startRedis } from '../support/redis.ts'
import { createStoreUser, refusedToUser, USER_RULES } from '../support/store-user.ts'
import { until } from '../support/until.ts'

const ROOT = new URL('../../', import.meta.url)
const PASSWORD = 'a-password-of-the-tests'

const server = await startRedis()
const root = new Redis(server.url)
await createStoreUser(root, PASSWORD)
const url = server.url.replace('redis://', `redis://tollgate:${PASSWORD}@`)
const hook = await startReceiver()
const origin = await startOrigin()
t.teardown(async () => {
  root.disconnect()
  await origin.stop()
  await server.stop()
})

const refusals = (): Promise<string[]> => refusedToUser(root)

for (const args of [[], ['--workers', '2']]) {
  const how = args.length === 0 ? 'one process' : 'a primary and two workers'
  void t.test(
    `the gateway as ${how}: calls, the admin plane, notices and deletions need nothing that the user may not`,
    async (t) => {
      await root.call('ACL', 'LOG', 'RESET')
      const gateway = await startGateway({
        redisUrl: url,
        upstreamUrl: origin.url,
        args,
        config: {
          leaseSeconds: 1,
          notifications: {
            allowTargets: ['127.0.0.1/32'],
            attempts: 2,
            backoffSeconds: 0.05,
            maxBackoffSeconds: 0.1,
            sweepSeconds: 1,
          },
        },
      })
      t.teardown(() => gateway.stop())
      const org = await createOrg(gateway, { limit: 1_000, allowance: 1 })
      const at = `/v1/orgs/${org.id}`
      const admin = (method: string, path: string, body?: unknown): Promise<unknown> =>
        gateway.admin(method, path, body)

      // Settings, and everything that lists.
      await admin('PUT', `${at}/members/boss`, { email: 'boss@example.com', name: 'Boss', role: 'admin' })
      const adminKey = await org.createKey({ name: 'page', user: 'boss', scope: 'admin' })
      const { id } = (await admin('POST', `${at}/alerts`, {
        type: 'percentage',
        threshold: 10,
        recipients: 'all',
      })) as { id: string }
      await admin('PUT', `${at}/user-alerts`, {
        enabled: true,
        threshold: 1,
        recipients: 'all',
        notifyUser: true,
      })
      await admin('PUT', `${at}/user-limits/custom/ada`, { limit: 2_000 })
      const channel = { kind: 'webhook', url: `${hook.url}/hook`, enabled: true }
      const made = (await admin('POST', `${at}/channels`, channel)) as { id: string }
      await admin('POST', `${at}/channels/${made.id}/test`)
      hook.answer = (response) => void response.writeHead(500).end()

      // Calls: whole, streamed, refused, one whose lease has to be renewed, and one that is gone.
      origin.answer = (_request, response) => chatAnswer(response)
      t.equal((await postChat(gateway.dataUrl, org.key)).status, 200)
      origin.answer = (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.write(chunkEvent('one'))
        setTimeout(() => response.end(USAGE_EVENT + DONE_EVENT), 1_200)
      }
      await (await postChat(gateway.dataUrl, org.key, chatBody({ stream: true }))).text()
      origin.answer = (_request, response) => void response.writeHead(503).end()
      t.equal((await postChat(gateway.dataUrl, org.key)).status, 503)
      t.equal((await postChat(gateway.dataUrl, 'tg_unknown')).status, 401)
      t.equal(await org.usedWhenIdle(), 0.24)
      const me = await fetch(`${gateway.dataUrl}/tollgate/v1/me`, {
        headers: { authorization: `Bearer ${org.key}` },
      })
      t.equal(me.status, 200)

      // What crossed a threshold is delivered, logged, and sent again.
      type Notices = { items: { id: string; deliveries: { channel: string; state: string }[] }[] }
      let notices: Notices = { items: [] }
      await until(async () => {
        notices = (await admin('GET', `${at}/notifications`)) as Notices
        return notices.items.some(({ deliveries }) =>
          deliveries.some(({ channel: on, state }) => on === 'webhook' && state === 'parked'),
        )
      })
      hook.answer = (response) => void response.writeHead(204).end()
      await admin('POST', `${at}/notifications/${notices.items[0]?.id ?? ''}/redeliver`)
      await until(async () => {
        notices = (await admin('GET', `${at}/notifications`)) as Notices
        return notices.items.some(({ deliveries }) => deliveries.some(({ state }) => state === 'sent'))
      })

      // Adjustments, a changed limit, usage, the audit.
      for (const path of [
        '',
        '/users?exceeding=true',
        '/users?q=a',
        '/usage?by=user',
        '/usage?by=day',
        '/usage?by=model',
        '/members?q=bo',
        '/keys',
        '/alerts',
        '/channels',
        '/user-limits/custom',
        '/audit',
        '/notifications?state=sent',
      ])
        await admin('GET', at + path)
      await admin('POST', `${at}/adjustments`, {
        user: 'ada',
        credits: -0.1,
        source: 'chat',
        reason: 'a test',
      })
      await admin('PATCH', `${at}/alerts/${id}`, { threshold: 20 })
      await admin('PATCH', at, { allowance: 5 })
      await admin('DELETE', `${at}/alerts/${id}`)
      await admin('DELETE', `${at}/user-limits/custom/ada`)

      // The page's session, and failures to sign in.
      const json = { 'content-type': 'application/json' }
      const signIn = (key: string): Promise<Response> =>
        fetch(`${gateway.adminUrl}/v1/session`, {
          method: 'POST',
          headers: json,
          body: JSON.stringify({ key }),
        })
      const session = await signIn(adminKey)
      t.equal(session.status, 201)
      const cookie = session.headers.get('set-cookie')?.split(';')[0] ?? ''
      const { csrf } = (await session.json()) as { csrf: string }
      const headers = { cookie, 'x-tollgate-csrf': csrf }
      t.equal((await fetch(`${gateway.adminUrl}/v1/session`, { headers })).status, 200)
      t.equal((await fetch(`${gateway.adminUrl}/v1/session`, { method: 'DELETE', headers })).status, 204)
      t.equal((await signIn('tg_wrong')).status, 401)
      t.equal((await fetch(`${gateway.adminUrl}/readyz`)).status, 200)

      // What goes: a key, a member, the organization with everything of it.
      const keys = (await admin('GET', `${at}/keys`)) as { items: { id: string }[] }
      await admin('DELETE', `${at}/keys/${keys.items[0]?.id ?? ''}`)
      await admin('DELETE', `${at}/members/ada`)
      await admin('DELETE', `${at}/channels/${made.id}`)
      await admin('DELETE', at)
      await gateway.stop()
      t.same(await refusals(), [])
      t.notMatch(gateway.log.join('\n'), /NOPERM/)
    },
  )
}

void t.test(
  'every command of the scripts is among what the user may, so that a new script cannot be forgotten',
  (t) => {
    const files = readdirSync(new URL('lua', ROOT), { recursive: true }) as string[]
    const commands = new Set<string>()
    for (const file of files.filter((name) => name.endsWith('.lua'))) {
      const text = readFileSync(new URL(`lua/${file}`, ROOT), 'utf8')
      for (const [, command = ''] of text.matchAll(/redis\.p?call\(\s*'([A-Za-z]+)'/g))
        commands.add(`+${command.toLowerCase()}`)
    }
    t.ok(commands.size > 20)
    for (const command of commands) t.ok(USER_RULES.includes(command), command)
    t.end()
  },
)

void t.test(
  'what looks for drift by itself, and on request, needs nothing that the user may not',
  async (t) => {
    await root.call('ACL', 'LOG', 'RESET')
    const redis = await openClient({ url })
    const store = { redis, openPeriod: () => Promise.resolve() }
    await createLedgerOrg(redis, 'drift', { members: ['ada', 'bob'] })
    await redis.zadd(keys.top('drift', 1), 1, 'ada')
    const found: unknown[] = []
    t.equal(await takeDriftTurn(redis, 1_000), true)
    await checkSample(store, { warn: (facts: unknown) => void found.push(facts) })
    t.match(found, [{ org: 'drift', user: 'ada', counter: 'index' }])
    const repair = {
      actor: 'operator',
      action: 'org.repair',
      target: 'drift',
      before: null,
      after: null,
    } as const
    t.match(await createDriftDirectory(store).checkDrift('drift', () => repair), { repaired: 1 })
    redis.disconnect()
    t.same(await refusals(), [])
  },
)

const REFUSED: readonly (readonly string[])[] = [
  ['FLUSHALL'],
  ['FLUSHDB'],
  ['KEYS', '*'],
  ['RANDOMKEY'],
  ['CONFIG', 'GET', '*'],
  ['CONFIG', 'SET', 'dir', '/tmp'],
  ['DEBUG', 'SLEEP', '0'],
  ['SHUTDOWN', 'NOSAVE'],
  ['SAVE'],
  ['BGREWRITEAOF'],
  ['REPLICAOF', 'NO', 'ONE'],
  ['MONITOR'],
  ['SCRIPT', 'FLUSH'],
  ['FUNCTION', 'LIST'],
  ['MODULE', 'LIST'],
  ['ACL', 'LIST'],
  ['ACL', 'SETUSER', 'tollgate', '+@all'],
  ['CLIENT', 'LIST'],
  ['CLIENT', 'KILL', 'TYPE', 'normal'],
  ['SLOWLOG', 'GET'],
  ['RENAME', 'tg:orgs', 'tg:gone'],
  ['RESTORE', 'tg:orgs', '0', 'x'],
  ['MIGRATE', '127.0.0.1', '1', 'tg:orgs', '0', '1'],
  ['DUMP', 'tg:orgs'],
  ['OBJECT', 'ENCODING', 'tg:orgs'],
  ['GET', 'another:key'],
  ['SET', 'another:key', '1'],
  ['PUBLISH', 'another-channel', '1'],
  ['SUBSCRIBE', 'another-channel'],
  ['EVAL', "return redis.call('FLUSHALL')", '0'],
  ['EVAL', "return redis.call('GET', KEYS[1])", '1', 'another:key'],
  ['EVAL', "return redis.call('CONFIG', 'GET', 'dir')", '0'],
]
void t.test(
  'who has the gateway’s password can neither destroy nor copy the store, nor change it, nor read anybody else’s keys',
  async (t) => {
    const client = new Redis(url, { maxRetriesPerRequest: 0 })
    client.on('error', () => undefined)
    await client.ping()
    for (const [command = '', ...args] of REFUSED) {
      await t.rejects(
        client.call(command, ...args),
        /NOPERM|No permissions|can't run this command|ACL failure|not allowed/i,
        `${command} ${args.join(' ')}`,
      )
    }
    client.disconnect()
  },
)
