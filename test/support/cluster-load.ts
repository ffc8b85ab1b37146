/**
 * A continuous load on organizations of a real cluster, through real gateways, and the accounts that must agree
 * afterwards.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Test } from 'tap'
import type { RedisClient, StoreAddress } from '../../src/store/connection.ts'
import { createOrg, startGateway, type TestGateway, type TestOrg } from './gateway.ts'
import { books, openClient } from './ledger.ts'
import { CHAT_COST, chatAnswer, chatBody, postChat, startOrigin, type Origin } from './origin.ts'
import {
  startRedisCluster,
  type ClusterNode,
  type RedisCluster,
  type RedisClusterOptions,
} from './redis-cluster.ts'
import { createStoreUser } from './store-user.ts'
import { until } from './until.ts'

const COST = Math.round(CHAT_COST * 1e6)

export interface ClusterStage {
  readonly cluster: RedisCluster
  readonly origin: Origin
  readonly gateways: readonly TestGateway[]
  readonly store: RedisClient
  /** Starts one more gateway, which is stopped with the others. */
  start(config?: Readonly<Record<string, unknown>>): Promise<TestGateway>
  /** An organization whose slot is on this master. */
  orgOn(master: ClusterNode, setup?: Parameters<typeof createOrg>[1]): Promise<TestOrg>
  /** How many calls of an organization the provider answered. */
  served(org: TestOrg): number
  /** The user's charges, in calls; waits until nothing is held. */
  charged(org: TestOrg): Promise<number>
  stop(): Promise<void>
}

/** The outcome of a call. */
export interface Outcome {
  readonly org: TestOrg
  readonly gateway: TestGateway
  readonly status: number
  readonly code: string | undefined
  readonly startedAt: number
  readonly ms: number
}

export interface ClusterStageOptions extends RedisClusterOptions {
  /**
   * The password of the Redis user `tollgate` that gateways log in as, with the rights in deploy/redis/tollgate.acl.
   */
  readonly userPassword?: string
  /** How long calls wait for the store; by default longer than any failover or busy machine of these tests. */
  readonly patienceSeconds?: number
}

const PATIENCE_SECONDS = 60

/** The section `redis` of the gateways' configuration: how they reach the cluster of a stage. */
export function redisConfig(
  { seeds, options }: RedisCluster,
  userPassword?: string,
): Record<string, unknown> {
  const { file, keyFile } = options.tls ?? {}
  return {
    cluster: seeds,
    patienceSeconds: PATIENCE_SECONDS,
    ...(userPassword !== undefined && { username: 'tollgate', password: userPassword }),
    ...(file !== undefined && { tls: { ca: file, cert: file, key: keyFile } }),
  }
}

/** How the tests reach the cluster, as the default user. */
export function rootAddress({ seeds, options: { password, tls } }: RedisCluster): StoreAddress {
  return {
    cluster: seeds,
    ...(password !== undefined && { password }),
    ...(tls !== undefined && { tls: { ca: tls.cert, cert: tls.cert, key: tls.key } }),
  }
}

export async function openClusterStage(
  count: number,
  { userPassword, patienceSeconds = PATIENCE_SECONDS, ...options }: ClusterStageOptions = {},
): Promise<ClusterStage> {
  const cluster = await startRedisCluster(options)
  if (userPassword !== undefined)
    for (const { client } of cluster.nodes) await createStoreUser(client, userPassword)
  const origin = await startOrigin()
  const gateways: TestGateway[] = []
  const served = new Map<string, number>()
  origin.answer = ({ body }, response) => {
    const { user = '' } = JSON.parse(body) as { user?: string }
    served.set(user, (served.get(user) ?? 0) + 1)
    chatAnswer(response)
  }
  async function start(config: Readonly<Record<string, unknown>> = {}): Promise<TestGateway> {
    const gateway = await startGateway({
      upstreamUrl: origin.url,
      config: {
        redis: { ...redisConfig(cluster, userPassword), patienceSeconds },
        leaseSeconds: 3,
        // Crossings that could not be queued while a connection was down are relayed by the next sweep.
        notifications: { sweepSeconds: 1 },
        ...config,
      },
    })
    gateways.push(gateway)
    return gateway
  }
  await Promise.all(Array.from({ length: count }, () => start()))
  const [first] = gateways
  if (first === undefined) throw new Error('a stage has a gateway')
  const store = await openClient(rootAddress(cluster))

  async function settledBooks(org: TestOrg): ReturnType<typeof books> {
    await until(
      async () => {
        const now = await books(store, org.id, ['ada']).catch(() => null)
        return now !== null && now.held === 0 && now.openHolds === 0
      },
      { timeoutMs: 120_000, what: `nothing is held for ${org.id}` },
    )
    return books(store, org.id, ['ada'])
  }

  let orgs = 0
  return {
    cluster,
    origin,
    gateways,
    store,
    start,
    orgOn: async (master, setup) =>
      createOrg(first, { id: await cluster.tagOn(master, `o${(orgs += 1)}`), ...setup }),
    served: (org) => served.get(org.id) ?? 0,
    async charged(org) {
      const { used } = await settledBooks(org)
      return used / COST
    },
    async stop() {
      for (const node of cluster.nodes) node.thaw()
      await Promise.all(gateways.map((gateway) => gateway.stop()))
      store.disconnect()
      await origin.stop()
      await cluster.stop()
    },
  }
}

/** One call by ada; status 0 if the connection broke. */
export async function callOf(gateway: TestGateway, org: TestOrg, key = org.key): Promise<Outcome> {
  const startedAt = performance.now()
  const [status, code] = await postChat(gateway.dataUrl, key, chatBody({ user: org.id })).then(
    async (response) => {
      const { error } = (await response.json()) as { error?: { code?: string } }
      return [response.status, error?.code] as const
    },
    (error: unknown) => [0, String(error)] as const,
  )
  return { org, gateway, status, code, startedAt, ms: performance.now() - startedAt }
}

export interface Load {
  readonly outcomes: readonly Outcome[]
  /** How many calls were made for an organization and got this status. */
  count(org: TestOrg, status: number): number
  /** Ends the load; resolves when its last call is answered. */
  end(): Promise<void>
}

/** Calls for every organization through every gateway, `workers` at a time each. */
export function startLoad(
  { gateways }: Pick<ClusterStage, 'gateways'>,
  orgs: readonly TestOrg[],
  { workers = 2, pauseMs = 2 }: { readonly workers?: number; readonly pauseMs?: number } = {},
): Load {
  const outcomes: Outcome[] = []
  let isOn = true
  async function work(gateway: TestGateway, org: TestOrg): Promise<void> {
    while (isOn) {
      outcomes.push(await callOf(gateway, org))
      await pause(pauseMs)
    }
  }
  const running = gateways.flatMap((gateway) =>
    orgs.flatMap((org) => Array.from({ length: workers }, () => work(gateway, org))),
  )
  return {
    outcomes,
    count: (org, status) => outcomes.filter((one) => one.org === org && one.status === status).length,
    async end() {
      isOn = false
      await Promise.all(running)
    },
  }
}

const isDown = (line: string): boolean => line.includes('credit store does not answer')
const isSilence = (line: string): boolean => isDown(line) && line.includes('"reason":"no answer"')

/** How often a gateway treated a server as down that had answered, although with a refusal. */
export function refusals({ gateways }: Pick<ClusterStage, 'gateways'>): number {
  return gateways.flatMap(({ log }) => log).filter((line) => isDown(line) && !isSilence(line)).length
}

/** How often a gateway found a server silent, except the one on this port. */
export function silences({ gateways }: Pick<ClusterStage, 'gateways'>, but?: number): number {
  return gateways.flatMap(({ log }) => log).filter((line) => isSilence(line) && !line.includes(`:${but}"`))
    .length
}

/** Asserts that every call was answered 200. */
export function allServed(t: Test, calls: readonly Outcome[], what: string): void {
  t.strictSame([...new Set(calls.map(({ status }) => status))], [200], what)
}

/** Asserts that exactly the served calls were charged, and that the organization's accounts agree with each other. */
export async function exact(t: Test, stage: ClusterStage, org: TestOrg): Promise<void> {
  // On a slow machine a lease may end before its call. Then the prompt is charged first, and the settle charges the
  // rest later.
  await until(async () => (await stage.charged(org)) === stage.served(org)).catch(() => undefined)
  const charged = await stage.charged(org)
  t.equal(charged, stage.served(org), `${org.id}: charged is what the provider served`)
  const { used, ...rest } = await books(stage.store, org.id, ['ada'])
  t.match(rest, { held: 0, usersUsed: used, usersHeld: 0, days: used, models: used, leases: 0 })
}
