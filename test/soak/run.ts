/**
 * The soak: real gateways under mixed traffic and random faults for as long as one likes. Every few minutes the traffic
 * rests, and everything that was served, charged and told must agree (docs/testing.md).
 */
import { setTimeout as pause } from 'node:timers/promises'
import { openClient } from '../support/ledger.ts'
import { randomOf } from '../support/random.ts'
import type { RedisClient } from '../../src/store/connection.ts'
import * as keys from '../../src/store/keys.ts'
import { createAudit, type Audit } from './audit.ts'
import { createChanges, type Changes } from './changes.ts'
import { createDeliveries, type Deliveries } from './deliveries.ts'
import type { Call } from './fates.ts'
import { strike, strikeAtRandom, waits, type Fault, type FaultOptions, type Happened } from './faults.ts'
import { settle, type Household } from './households.ts'
import { summary } from './summary.ts'
import { createTraffic, type Traffic } from './traffic.ts'
import { watchProcess, type Watch } from './watch.ts'
import { openWorld, type World } from './world.ts'

export interface SoakOptions {
  readonly seed: number
  readonly seconds: number
  /** Calls a second. */
  readonly rate: number
  readonly gateways: number
  /** Longer than anything but a death keeps a gateway from renewing, however busy the machine is. */
  readonly leaseSeconds: number
  /** How long traffic runs until everything is compared. */
  readonly segmentSeconds: number
  /** Of random faults; or these, one after the other. */
  readonly faults: { readonly everySeconds: number } | readonly Fault[]
  readonly mailDownSeconds: number
  readonly households: number
  readonly users: number
  readonly say: (line: string) => void
}

export interface SoakReport {
  readonly violations: readonly string[]
  readonly calls: number
  readonly happened: readonly Happened[]
}

/** What everything else is made of. */
export interface Soak {
  readonly options: SoakOptions
  readonly world: World
  readonly redis: RedisClient
  readonly households: readonly Household[]
  readonly traffic: Traffic
  readonly changes: Changes
  readonly audit: Audit
  readonly deliveries: Deliveries
  readonly watch: Watch
  readonly happened: Happened[]
  readonly violations: string[]
  readonly violate: (what: string) => void
}

const CHANGE_EVERY_MS = 2_500
const POLL_MS = 200
/** For calls under way, leases, retries and mails to come to their end. */
const REST_MS = 120_000
const SAMPLE_MS = 2_000
/** Then it ends: more would teach nothing. */
const MOST_VIOLATIONS = 10

export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const soak = await open(options)
  const { world, redis, watch, violations, traffic, happened } = soak
  const started = Date.now()
  try {
    while (Date.now() < started + options.seconds * 1_000 && violations.length < MOST_VIOLATIONS) {
      const left = started + options.seconds * 1_000 - Date.now()
      await segment(soak, Math.min(left, options.segmentSeconds * 1_000))
      await checkpoint(soak)
      for (const line of summary(soak, started)) options.say(line)
    }
  } finally {
    watch.stop()
    redis.disconnect()
    await world.close()
  }
  return { violations, calls: traffic.count(), happened }
}

async function open(options: SoakOptions): Promise<Soak> {
  const random = randomOf(options.seed)
  const world = await openWorld(options.gateways, options.leaseSeconds)
  const [steady] = world.lives
  if (steady === undefined) throw new Error('a soak needs gateways')
  const redis = await openClient({ url: world.store.url })
  const households = await settle(steady.gateway, options.households, options.users, world.mailbox.hookUrl)
  const happened: Happened[] = []
  const violations: string[] = []
  const violate = (what: string): void => {
    violations.push(what)
    options.say(`VIOLATION: ${what}`)
  }
  const changes = createChanges(world, randomOf(options.seed + 1), households)
  return {
    options,
    world,
    redis,
    households,
    traffic: createTraffic({ world, random, households, perSecond: options.rate, onViolation: violate }),
    changes,
    audit: createAudit({
      redis,
      households,
      happened,
      adjusted: changes.adjusted,
      leaseSeconds: options.leaseSeconds,
    }),
    deliveries: createDeliveries(redis, households, world.mailbox),
    watch: watchProcess(steady.gateway.process.pid ?? 0, SAMPLE_MS),
    happened,
    violations,
    violate,
  }
}

/** Traffic, admins and faults for so long. */
async function segment(soak: Soak, ms: number): Promise<void> {
  const end = new AbortController()
  const { signal } = end
  const timer = setTimeout(() => end.abort(), ms)
  try {
    await Promise.all([soak.traffic.run(signal), administer(soak, signal), disturb(soak, signal)])
  } finally {
    clearTimeout(timer)
  }
}

async function administer({ changes }: Soak, signal: AbortSignal): Promise<void> {
  while (await waits(CHANGE_EVERY_MS, signal)) await changes.change()
}

async function disturb({ options, world, happened, violate }: Soak, signal: AbortSignal): Promise<void> {
  const { faults, seed, mailDownSeconds, seconds } = options
  const random = randomOf(seed + 2 + happened.length)
  const faulty: FaultOptions = { world, random, mailDownMs: mailDownSeconds * 1_000, onViolation: violate }
  if ('everySeconds' in faults) {
    await strikeAtRandom(faulty, { betweenMs: faults.everySeconds * 1_000, signal, happened })
    return
  }
  for (const fault of faults) {
    await waits((seconds * 1_000) / (faults.length + 1) / 2, signal)
    const from = Date.now()
    if (await strike(fault, faulty)) happened.push({ fault, from, to: Date.now() })
  }
}

/** Until nothing is wrong, or for so long; what is wrong then stays so. */
async function untilRight(look: () => Promise<string[]>): Promise<string[]> {
  const deadline = Date.now() + REST_MS
  for (;;) {
    // The store itself may still be on its way back.
    const wrong = await look().catch((error: unknown) => [String(error)])
    if (wrong.length === 0 || Date.now() > deadline) return wrong
    await pause(POLL_MS)
  }
}

/** Everything must agree once nothing is under way any more. */
async function checkpoint(soak: Soak): Promise<void> {
  const { traffic, world, audit, deliveries, violate } = soak
  const calls: Call[] = traffic.take()
  for (const what of await untilRight(() => unrest(soak))) violate(what)
  for (const what of await untilRight(() => audit.compare(calls, world.origin.served))) violate(what)
  for (const what of await untilRight(() => deliveries.check(audit.marks()))) violate(what)
  audit.accept()
  for (const { plan } of calls) world.origin.forget(plan.id)
}

/** What is still open: holds and leases in the store, calls and journals of the gateways. */
async function unrest({ redis, households, world }: Soak): Promise<string[]> {
  const open: string[] = []
  for (const { id } of households) {
    const leases = await redis.zcard(keys.leases(id))
    if (leases > 0) open.push(`${id}: ${leases} holds are open after their leases`)
  }
  for (const [place, { gateway }] of world.lives.entries()) {
    for (const metric of ['tollgate_holds_open', 'tollgate_journal_entries', 'tollgate_streams_open']) {
      const value = await gateway.metric(metric)
      if (value > 0) open.push(`gateway ${place}: ${metric} is ${value} at rest`)
    }
    if ((await gateway.metric('tollgate_store_up')) !== 1)
      open.push(`gateway ${place}: the store is down for it`)
  }
  return open
}
