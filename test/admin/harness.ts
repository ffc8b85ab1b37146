/** An admin plane that listens, on a Redis of the test file's own. */
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import t from 'tap'
import { createAdminPlane } from '../../src/admin/admin-plane.ts'
import { connect, type RedisClient } from '../../src/ledger/connection.ts'
import { createDirectory } from '../../src/ledger/directory.ts'
import { createKeyCache } from '../../src/ledger/key-cache.ts'
import * as keys from '../../src/ledger/keys.ts'
import { createOrgViews } from '../../src/ledger/org-views.ts'
import { openClient } from '../support/ledger.ts'
import { startRedis, type RedisServer } from '../support/redis.ts'

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
  readonly app: FastifyInstance
  readonly redis: RedisClient
  readonly server: RedisServer
  readonly readiness: { ready: boolean; reason?: string }
  /** As the operator, unless `token` says otherwise; null sends no credentials. */
  call(method: string, path: string, body?: unknown, token?: string | null): Promise<Answer>
  /** A new organization with these admins and members. */
  org(admins?: readonly string[], members?: readonly string[]): Promise<string>
  /** A key of scope admin that belongs to the user. */
  adminKey(org: string, user: string): Promise<string>
  /** What settle writes of a user's use in the first period, in credits. */
  used(org: string, user: string, credits: number): Promise<void>
}

/** Starts everything; it is stopped when the test file ends. */
export async function startAdmin(options: { readonly operatorToken?: string | null } = {}): Promise<Admin> {
  const server = await startRedis()
  const redis = await openClient({ socketPath: server.socketPath })
  const listener = connect({ socketPath: server.socketPath }, 'listen')
  listener.on('error', () => undefined)
  const views = createOrgViews(redis)
  const keyCache = createKeyCache({ redis, listener, now: () => Date.now() })
  const readiness = { ready: true }
  const app = createAdminPlane({
    redis,
    directory: createDirectory({ redis, openPeriod: (org, now) => views.current(org, now) }),
    keyCache,
    operatorToken: options.operatorToken === undefined ? OPERATOR : options.operatorToken,
    metrics: () =>
      Promise.resolve({ contentType: 'text/plain; version=0.0.4', body: 'tollgate_store_up 1\n' }),
    readiness: () => Promise.resolve(readiness),
    logger: pino({ level: 'silent' }),
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => {
    await app.close()
    await keyCache.close()
    listener.disconnect()
    redis.disconnect()
    await server.stop()
  })
  return { url, app, redis, server, readiness, ...helpers(url, redis) }
}

function helpers(url: string, redis: RedisClient): Pick<Admin, 'call' | 'org' | 'adminKey' | 'used'> {
  let orgs = 0
  const call: Admin['call'] = async (method, path, body, token = OPERATOR) => {
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const json = (response.headers.get('content-type') ?? '').includes('json')
    return {
      status: response.status,
      headers: response.headers,
      body: (json ? JSON.parse(text) : { text }) as Body,
    }
  }
  const must = async (method: string, path: string, body: unknown): Promise<Body> => {
    const answer = await call(method, path, body)
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer.body)}`)
    return answer.body
  }
  return {
    call,
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
