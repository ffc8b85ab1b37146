/** A ledger on a real store, and organizations for tests, written as the admin plane writes them. */
import { Cluster, type Redis } from 'ioredis'
import { pino } from 'pino'
import type { Hold } from '../../src/core/hold.ts'
import { periodAt } from '../../src/core/period.ts'
import { wholeCredits, type Day, type Microcredits, type UnixMs } from '../../src/core/units.ts'
import { connect, type RedisClient, type StoreAddress } from '../../src/store/connection.ts'
import { changeArgs } from '../../src/store/changes.ts'
import type { Journal } from '../../src/journal/journal.ts'
import * as keys from '../../src/store/keys.ts'
import type { Reservation, ReserveResult } from '../../src/ledger/ledger.ts'
import type { LedgerMetrics } from '../../src/ledger/ledger-metrics.ts'
import { createRedisLedger, type RedisLedger } from '../../src/ledger/redis-ledger.ts'
import { runScript } from '../../src/store/scripts.ts'
import { HALF_OVER } from './billing.ts'
import { CHANGE } from './changes.ts'
import { until } from './until.ts'
import { PERIOD_LIFE_MS } from '../../src/store/lifetimes.ts'

export interface OrgSetup {
  readonly members?: readonly string[]
  /** Default limit in credits; null switches limits off. */
  readonly limit?: number | null
  readonly admission?: 'strict' | 'straddle'
  /** Further fields of the organization's hash. */
  readonly fields?: Readonly<Record<string, string>>
}

export const silent = pino({ level: 'silent' })

/**
 * Resolves when commands are accepted. A cluster client is ready before the connections to its servers are, and refuses
 * commands until then. A gateway's store waits for that as well.
 */
export async function connected(redis: RedisClient): Promise<void> {
  if (!(redis instanceof Cluster)) await until(() => redis.status === 'ready')
  else
    await until(
      () => redis.status === 'ready' && redis.nodes('master').every(({ status }) => status === 'ready'),
    )
}

/** Longer than any command takes on a busy machine: a test that reads the store is not about outages. */
const COMMAND_TIMEOUT_MS = 60_000

export async function openClient(address: StoreAddress): Promise<RedisClient> {
  const redis = connect(address, 'decide')
  redis.on('error', () => undefined)
  if (redis instanceof Cluster)
    redis.on('+node', (node: Redis) => (node.options.commandTimeout = COMMAND_TIMEOUT_MS))
  else redis.options.commandTimeout = COMMAND_TIMEOUT_MS
  await connected(redis)
  return redis
}

/** Counts what the ledger reports. */
export function countingMetrics(): LedgerMetrics & {
  readonly credit: Record<string, number>
  readonly scripts: Record<string, number>
  readonly crossing: Record<string, number>
  readonly faults: Record<string, number>
  exceeded: number
} {
  const credit: Record<string, number> = {}
  const scripts: Record<string, number> = {}
  const crossing: Record<string, number> = {}
  const faults: Record<string, number> = {}
  const counts = { exceeded: 0 }
  return {
    credit,
    scripts,
    crossing,
    faults,
    get exceeded() {
      return counts.exceeded
    },
    script: (name) => void (scripts[name] = (scripts[name] ?? 0) + 1),
    credits: (kind, amount) => void (credit[kind] = (credit[kind] ?? 0) + amount),
    holdExceeded: () => void (counts.exceeded += 1),
    crossings: (type, count) => void (crossing[type] = (crossing[type] ?? 0) + count),
    fault: (script) => void (faults[script] = (faults[script] ?? 0) + 1),
    storeWait: () => undefined,
    storeWaited: () => undefined,
  }
}

/**
 * Renewals and sweeps run at fractions of a lease. With this lease none runs while a test makes a lease overdue and
 * checks the result.
 */
const LEASE_MS = 3_600_000

export async function openLedger(
  redis: RedisClient,
  options: {
    readonly leaseMs?: number
    readonly metrics?: LedgerMetrics
    readonly journal?: Journal
    readonly onCrossings?: (org: string) => void
  } = {},
): Promise<RedisLedger> {
  return createRedisLedger({
    redis,
    leaseMs: options.leaseMs ?? LEASE_MS,
    userDayLifeMs: 62 * 86_400_000,
    metrics: options.metrics ?? countingMetrics(),
    logger: silent,
    onCrossings: options.onCrossings ?? (() => undefined),
    ...(options.journal !== undefined && { journal: options.journal }),
  })
}

/** Creates an organization with its members; the allowance is 10,000 credits, the zone UTC. */
export async function createOrg(redis: RedisClient, org: string, setup: OrgSetup = {}): Promise<void> {
  const billing = HALF_OVER
  const { start, end } = periodAt(billing, Date.now() as UnixMs)
  const fields = {
    name: org,
    allowance: String(wholeCredits(10_000)),
    admission: setup.admission ?? 'straddle',
    auto_enroll: '0',
    max_members: '10000',
    billing: JSON.stringify(billing),
    billing_next: '',
    limit_on: setup.limit === null ? '0' : '1',
    limit_default: String(wholeCredits(setup.limit ?? 1_000)),
    exclude_workflow: '0',
    exclude_agent_deployment: '0',
    ...setup.fields,
  }
  const created = await runScript(redis, 'create-org', {
    keys: { org: keys.org(org), total: keys.total(org, 1), audit: keys.audit(org) },
    args: { start_ms: start, end_ms: end, life_end_ms: end + PERIOD_LIFE_MS, ...changeArgs(CHANGE) },
    lists: { fields: Object.entries(fields).flat() },
  })
  if (created !== 'created') throw new Error(`${org}: ${String(created)}`)
  await redis.sadd(keys.ORGS, org)
  for (const user of setup.members ?? ['ada']) {
    await redis.hset(keys.members(org), user, '{"email":null,"name":null,"role":"member"}')
  }
}

/** A reservation of this many credits; the strict worst case is the same. */
export function reservation(org: string, credits: number, rest: Partial<Reservation> = {}): Reservation {
  const amount = Math.round(credits * 1_000_000) as Microcredits
  return {
    org,
    user: 'ada',
    source: 'chat',
    model: 'm',
    worstCase: amount,
    strictWorstCase: amount,
    promptPrice: Math.floor(amount / 10) as Microcredits,
    mayEnroll: false,
    ...rest,
  }
}

/** The hold of an admitted reservation; throws if it was refused. */
export function holdOf(result: ReserveResult): Hold {
  if (result.status !== 'reserved') throw new Error(`not reserved: ${result.status}`)
  return result.hold
}

/** Ends the lease of a hold, as if its gateway had been dead for that long. */
export async function endLease(redis: RedisClient, { org, periodNo, day, id, user }: Hold): Promise<void> {
  await redis.zadd(keys.leases(org), 1, keys.lease(periodNo, day, id, user))
}

export function charge(
  credits: number,
  model = 'm',
): { cost: Microcredits; model: string; inputTokens: number; outputTokens: number } {
  return { cost: Math.round(credits * 1_000_000) as Microcredits, model, inputTokens: 10, outputTokens: 5 }
}

/** All amounts of an organization's open period that must agree, in microcredits. */
export async function books(
  redis: RedisClient,
  org: string,
  users: readonly string[],
  periodNo = 1,
): Promise<{
  used: number
  held: number
  usersUsed: number
  usersHeld: number
  openHolds: number
  days: number
  models: number
  leases: number
}> {
  const total = await redis.hmget(keys.total(org, periodNo), 'used', 'held')
  let [usersUsed, usersHeld, openHolds, models] = [0, 0, 0, 0]
  for (const user of users) {
    const hash = await redis.hgetall(keys.user(org, periodNo, user))
    for (const [field, value] of Object.entries(hash)) {
      if (field.startsWith('used:')) usersUsed += Number(value)
      if (field.startsWith('held:')) usersHeld += Number(value)
      if (field.startsWith('o:')) openHolds += Number(value.split(' ')[0])
      if (field.startsWith('m:')) models += Number(value.split(' ')[0])
    }
  }
  // A test may begin before midnight and end after it.
  const dates = [Date.now(), Date.now() - 86_400_000].map(
    (at) => new Date(at).toISOString().slice(0, 10).replaceAll('-', '') as Day,
  )
  const lines = await Promise.all(dates.map((date) => redis.hvals(keys.day(org, date))))
  const days = lines.flat().reduce((sum, line) => sum + Number(line.split(' ')[0]), 0)
  return {
    used: Number(total[0]),
    held: Number(total[1]),
    usersUsed,
    usersHeld,
    openHolds,
    days,
    models,
    leases: await redis.zcard(keys.leases(org)),
  }
}
