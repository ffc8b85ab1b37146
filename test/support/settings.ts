/** Helpers for tests of settings: gateways on one store, calls that use credits, saves with their status, crossings. */
import type { Redis } from 'ioredis'
import t from 'tap'
import type { Source } from '../../src/core/policy.ts'
import { watchCrossings, type SeenCrossing } from './crossings.ts'
import { createOrg, OPERATOR_TOKEN, startGateway, type TestGateway, type TestOrg } from './gateway.ts'
import { openClient } from './ledger.ts'
import { chatAnswerAt, chatBody, postChat, startOrigin, type Origin } from './origin.ts'
import { startRedis } from './redis.ts'

export interface Answer {
  readonly status: number
  readonly etag: string | null
  readonly headers: Headers
  /** Loosely typed on purpose, because the tests check the response. */
  readonly body: Record<string, unknown> & { items?: Record<string, unknown>[] }
}

export interface Caller {
  readonly key: string
  readonly source?: Source
}

export interface Settings {
  readonly gateways: readonly TestGateway[]
  readonly redis: Redis
  readonly origin: Origin
  /** A save by the operator, unless `headers` say otherwise; the path is relative to the organization. */
  readonly save: (
    org: TestOrg,
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Answer>
  /** A save that must succeed. */
  readonly saved: (org: TestOrg, method: string, path: string, body?: unknown) => Promise<Answer['body']>
  /** A call that costs this many credits; returns its status, with the code of a refusal. */
  readonly spend: (caller: Caller, credits: number, gateway?: number) => Promise<string>
  /** Like `spend`, but the call must succeed; settled when it returns. */
  readonly use: (org: TestOrg, credits: number, caller?: Caller & { readonly user?: string }) => Promise<void>
  /** All crossings of an organization so far. */
  readonly crossings: (org: TestOrg) => Promise<SeenCrossing[]>
  readonly org: (setup?: Parameters<typeof createOrg>[1]) => Promise<TestOrg>
  /** Adds a user as an admin or a member. */
  readonly member: (org: TestOrg, user: string, role: 'admin' | 'member') => Promise<void>
}

/** `clockAheadMs` is the last gateway's. */
export async function openSettings(gatewayCount = 1, clockAheadMs = 0): Promise<Settings> {
  const server = await startRedis()
  const redis = (await openClient({ url: server.url })) as Redis
  // Opened before there is any traffic: the client fails on commands that arrive in one chunk with the reply to
  // MONITOR.
  const watch = await watchCrossings(server.url)
  const origin = await startOrigin()
  // The cost of a call is in its message, so that concurrent calls may cost differently.
  origin.answer = ({ body }, response) => {
    const [, credits = '0'] = /"cost (\d+(?:\.\d+)?)"/.exec(body) ?? []
    chatAnswerAt(response, Number(credits))
  }
  const options = { redisUrl: server.url, upstreamUrl: origin.url }
  const start = (_: unknown, index: number): Promise<TestGateway> =>
    startGateway({ ...options, clockAheadMs: index === gatewayCount - 1 ? clockAheadMs : 0 })
  const gateways = await Promise.all(Array.from({ length: gatewayCount }, start))
  t.teardown(async () => {
    watch.stop()
    await Promise.all(gateways.map((gateway) => gateway.stop()))
    redis.disconnect()
    await origin.stop()
    await server.stop()
  })
  return { gateways, redis, origin, ...actions(gateways, (org) => watch.of(org.id)) }
}

function actions(
  gateways: readonly TestGateway[],
  crossings: Settings['crossings'],
): Omit<Settings, 'gateways' | 'redis' | 'origin'> {
  const at = (index: number): TestGateway => {
    const gateway = gateways[index % gateways.length]
    if (gateway === undefined) throw new Error('no gateway')
    return gateway
  }
  const save: Settings['save'] = async (org, method, path, body, headers = {}) => {
    const response = await fetch(`${at(0).adminUrl}/v1/orgs/${org.id}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${OPERATOR_TOKEN}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return {
      status: response.status,
      etag: response.headers.get('etag'),
      headers: response.headers,
      body: (text === '' ? {} : JSON.parse(text)) as Answer['body'],
    }
  }
  const saved: Settings['saved'] = async (org, method, path, body) => {
    const answer = await save(org, method, path, body)
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`)
    return answer.body
  }
  const spend: Settings['spend'] = async ({ key, source }, credits, gateway = 0) => {
    const body = chatBody({ messages: [{ role: 'user', content: `cost ${credits}` }] })
    const headers = source === undefined ? {} : { 'x-tollgate-source': source }
    const response = await postChat(at(gateway).dataUrl, key, body, { headers })
    const text = await response.text()
    if (response.ok) return '200'
    return `${response.status} ${(JSON.parse(text) as { error: { code: string } }).error.code}`
  }
  return {
    save,
    saved,
    spend,
    crossings,
    org: (setup) => createOrg(at(0), { limit: null, ...setup }),
    async use(org, credits, caller = { key: org.key }) {
      const status = await spend(caller, credits)
      if (status !== '200') throw new Error(status)
      await org.usedWhenIdle(caller.user)
    },
    async member(org, user, role) {
      await saved(org, 'PUT', `/members/${user}`, { role, email: `${user}@example.com` })
    },
  }
}
