/** An admin plane that listens, on a Redis of the test file's own. */
import type { FastifyInstance, FastifySchema } from 'fastify'
import { pino } from 'pino'
import t from 'tap'
import { createAdminPlane } from '../../src/admin/admin-plane.ts'
import type { ThrottleLimits } from '../../src/admin/throttle.ts'
import { connect, type RedisClient } from '../../src/store/connection.ts'
import { createDirectory } from '../../src/directory/directory.ts'
import type { Change } from '../../src/store/changes.ts'
import { createKeyCache } from '../../src/virtual-keys/cache.ts'
import * as keys from '../../src/store/keys.ts'
import { createNoticeLog, type Destination, type Redelivery } from '../../src/outbox/notice-log.ts'
import { createOrgViews } from '../../src/ledger/org-views.ts'
import { createTestSender } from '../../src/notifications/channels/send-test.ts'
import { openClient } from '../support/ledger.ts'
import { sendersOf } from '../support/notices.ts'
import { startRedis, type RedisServer } from '../support/redis.ts'
import { unwatch, watch, type Document, type Seen } from './conformance.ts'

export const OPERATOR = 'operator-token-of-the-tests'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Body
}

/** Loosely typed on purpose: what the route answers is what the test is about. */
export type Body = Record<string, unknown> & {
  items?: Record<string, unknown>[]
  errors?: { field: string }[]
}

export interface Admin {
  readonly url: string
  /** What `/openapi.json` says, by which every answer that is fetched from here is checked. */
  readonly document: Document
  readonly seen: Seen
  readonly app: FastifyInstance
  /** All that it serves. */
  readonly routes: readonly Route[]
  readonly redis: RedisClient
  readonly server: RedisServer
  readonly readiness: { ready: boolean; reason?: string }
  /** As the operator, unless `token` says otherwise; null sends no credentials. */
  call(method: string, path: string, body?: unknown, token?: string | null): Promise<Answer>
  /** With these headers, and no credentials but what stands in them. */
  send(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
    body?: unknown,
  ): Promise<Answer>
  /** Signs in: what a browser sends along from then on, its page's csrf included. */
  signIn(key: string): Promise<SignedIn>
  /** A new organization with these admins and members. */
  org(admins?: readonly string[], members?: readonly string[]): Promise<string>
  /** A key of scope admin that belongs to the user. */
  adminKey(org: string, user: string): Promise<string>
  /** What settle writes of a user's use in the first period, in credits. */
  used(org: string, user: string, credits: number): Promise<void>
}

export type SignedIn = Readonly<Record<'cookie' | 'x-tollgate-csrf', string>>

/** A route as it was registered. */
export interface Route {
  readonly method: string
  readonly url: string
  readonly access: string | undefined
  readonly schema: FastifySchema | undefined
}

export interface AdminSetup {
  readonly operatorToken?: string | null
  readonly publicUrl?: string
  readonly sessionLife?: { readonly idleMs: number; readonly absoluteMs: number }
  readonly trustProxy?: readonly string[]
  /** Where channels may lead beyond the public internet. */
  readonly allowTargets?: readonly string[]
  /** Without it, nobody is throttled: tests fail to authenticate more often than people do. */
  readonly throttleLimits?: ThrottleLimits
  /** Of a gateway that is there already, to be a second one on its store. */
  readonly server?: RedisServer
}

const SESSION_LIFE = { idleMs: 1_800_000, absoluteMs: 43_200_000 }
const NO_LIMITS: ThrottleLimits = { perAddress: Infinity, overall: Infinity, windowMs: 1_000 }

/** Starts everything; it is stopped when the test file ends. */
export async function startAdmin(options: AdminSetup = {}): Promise<Admin> {
  const server = options.server ?? (await startRedis())
  const redis = await openClient({ socketPath: server.socketPath })
  const listener = connect({ socketPath: server.socketPath }, 'listen')
  listener.on('error', () => undefined)
  const views = createOrgViews(redis)
  const keyCache = createKeyCache({ redis, listener, now: () => Date.now() })
  const readiness = { ready: true }
  const publicUrl = options.publicUrl ?? null
  const senders = sendersOf(t, { allowTargets: options.allowTargets ?? [] })
  const app = createAdminPlane({
    redis,
    directory: createDirectory({ redis, openPeriod: (org, now) => views.current(org, now) }),
    keyCache,
    gateway: { dataUrl: () => 'http://127.0.0.1:8080', upstreams: [] },
    operatorToken: options.operatorToken === undefined ? OPERATOR : options.operatorToken,
    metrics: () =>
      Promise.resolve({ contentType: 'text/plain; version=0.0.4', body: 'tollgate_store_up 1\n' }),
    untilStoreAnswers: () => Promise.resolve(),
    readiness: () => readiness,
    redeliver: (...wish) => redeliver(redis, ...wish),
    channels: { urlProblem: senders.urlProblem, sendTest: createTestSender(senders, publicUrl) },
    publicUrl,
    sessionLife: options.sessionLife ?? SESSION_LIFE,
    trustProxy: options.trustProxy ?? [],
    throttleLimits: options.throttleLimits ?? NO_LIMITS,
    logger: pino({ level: 'silent' }),
  })
  const routes: Route[] = []
  // Routes are registered when it starts to listen, hence after this.
  app.addHook('onRoute', ({ method, url, config, schema }) => {
    for (const each of [method].flat()) routes.push({ method: each, url, access: config?.access, schema })
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const document = app.swagger() as unknown as Document
  const seen = watch(url, document)
  t.teardown(async () => {
    unwatch(url)
    await app.close()
    await keyCache.close()
    listener.disconnect()
    redis.disconnect()
    if (options.server === undefined) await server.stop()
  })
  return { url, document, seen, app, routes, redis, server, readiness, ...helpers(url, redis) }
}

type Helpers = Pick<Admin, 'call' | 'send' | 'signIn' | 'org' | 'adminKey' | 'used'>

/** As the gateway does it, but for the queue. */
async function redeliver(
  redis: RedisClient,
  org: string,
  id: string,
  change: Change,
  only?: Destination,
): Promise<Redelivery> {
  const log = createNoticeLog(redis)
  const notice = await log.get(org, id)
  if (notice === null) return 'gone'
  const round = await log.redeliver(notice.crossing, change, only)
  return typeof round === 'number' ? 'again' : round
}

function helpers(url: string, redis: RedisClient): Helpers {
  let orgs = 0
  const send: Admin['send'] = async (method, path, headers, body) => {
    const response = await fetch(url + path, {
      method,
      headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const json = text !== '' && /[/+]json\b/.test(response.headers.get('content-type') ?? '')
    return {
      status: response.status,
      headers: response.headers,
      body: (json ? JSON.parse(text) : { text }) as Body,
    }
  }
  const call: Admin['call'] = (method, path, body, token = OPERATOR) =>
    send(method, path, token === null ? {} : { authorization: `Bearer ${token}` }, body)
  const must = async (method: string, path: string, body: unknown): Promise<Body> => {
    const answer = await call(method, path, body)
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`)
    return answer.body
  }
  return {
    call,
    send,
    signIn: async (key) => {
      const answer = await send('POST', '/v1/session', {}, { key })
      if (answer.status !== 201) throw new Error(`not signed in: ${JSON.stringify(answer.body)}`)
      const [cookie = ''] = (answer.headers.get('set-cookie') ?? '').split(';', 1)
      return { cookie, 'x-tollgate-csrf': String(answer.body['csrf']) }
    },
    org: async (admins = [], members = []) => {
      orgs += 1
      const id = `org-${orgs}`
      await must('POST', '/v1/orgs', { id, name: `Org ${orgs}` })
      for (const user of admins) await must('PUT', `/v1/orgs/${id}/members/${user}`, { role: 'admin' })
      for (const user of members)
        await must('PUT', `/v1/orgs/${id}/members/${user}`, { name: `Name of ${user}` })
      return id
    },
    adminKey: async (org, user) => {
      const made = await must('POST', `/v1/orgs/${org}/keys`, { name: 'admin', user, scope: 'admin' })
      return String(made['key'])
    },
    used: async (org, user, credits) => {
      await redis.hset(keys.user(org, 1, user), 'used:chat', String(credits * 1_000_000))
      await redis.zadd(keys.top(org, 1), credits * 1_000_000, user)
    },
  }
}
