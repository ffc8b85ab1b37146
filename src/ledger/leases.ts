/** Leases of open holds: this gateway renews its own while their calls run, and expires those of dead gateways (C6). */
import type { Logger } from 'pino'
import type { RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import { scanned } from '../store/scanning.ts'
import { runScript } from '../store/scripts.ts'
import { readStoreTime, type StoreClock } from '../store/clock.ts'
import { logRetry } from '../store/faults.ts'
import type { OpenHolds } from './open-holds.ts'
import type { Resolving } from './resolving.ts'

const RENEW_BATCH = 500
const SWEEP_BATCH = 256
const SWEEP_ORGS = 100

export interface LeasesOptions {
  readonly redis: RedisClient
  readonly clock: StoreClock
  readonly leaseMs: number
  readonly logger: Logger
  readonly holds: OpenHolds
  readonly resolving: Pick<Resolving, 'expire'>
}

export interface Leases {
  /**
   * Expires the overdue leases of all organizations. Rejects if the organizations cannot be read; a failure within one
   * organization is logged.
   */
  sweep(): Promise<void>
  stop(): void
}

/** Starts renewing every third of a lease and sweeping every half, until `stop`. */
export function createLeases(options: LeasesOptions): Leases {
  const { redis, clock, leaseMs, logger, holds, resolving } = options

  /** A failure in one organization (a shard that is down, a broken key) must not let another's leases expire. */
  async function apart(org: string, what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      logRetry(logger, error, { org }, `${what} failed, and is tried again`)
    }
  }

  async function renewOrg(org: string, due: readonly string[]): Promise<void> {
    for (let at = 0; at < due.length; at += RENEW_BATCH) {
      await runScript(redis, 'renew', {
        keys: { leases: keys.leases(org) },
        args: { lease_ms: leaseMs },
        lists: { leases: due.slice(at, at + RENEW_BATCH) },
      })
    }
  }

  async function renew(): Promise<void> {
    const byOrg = new Map<string, string[]>()
    for (const hold of holds.all()) {
      const lease = keys.lease(hold.periodNo, hold.day, hold.id, hold.user)
      const leases = byOrg.get(hold.org)
      if (leases === undefined) byOrg.set(hold.org, [lease])
      else leases.push(lease)
    }
    await Promise.all(
      Array.from(byOrg, ([org, due]) => apart(org, 'renewing leases', () => renewOrg(org, due))),
    )
  }

  async function sweepOrg(org: string): Promise<void> {
    for (;;) {
      const due = await redis.zrangebyscore(keys.leases(org), '-inf', clock.now(), 'LIMIT', 0, SWEEP_BATCH)
      if (due.length === 0) return
      // The script uses the store's clock: if it expires none of them, this gateway's clock is ahead.
      if ((await resolving.expire(org, due)) === 0 || due.length < SWEEP_BATCH) return
    }
  }

  async function sweep(): Promise<void> {
    // A gateway without calls gets no time from scripts' replies, and the store's clock may have stepped.
    clock.learn(await readStoreTime(redis))
    for await (const orgs of scanned((cursor) => redis.sscan(keys.ORGS, cursor, 'COUNT', SWEEP_ORGS)))
      await Promise.all(orgs.map((org) => apart(org, 'sweeping leases', () => sweepOrg(org))))
  }

  const failed = (what: string) => (error: unknown) =>
    logRetry(logger, error, {}, `${what} failed, and is tried again`)
  const timers = [
    every(leaseMs / 3, renew, failed('renewing leases')),
    every(leaseMs / 2, sweep, failed('sweeping leases')),
  ]

  return {
    sweep,
    stop: () => {
      for (const timer of timers) clearInterval(timer)
    },
  }
}

/** Runs `work` at an interval; skips a turn while the last run is not finished. */
function every(ms: number, work: () => Promise<void>, onError: (error: unknown) => void): NodeJS.Timeout {
  let busy = false
  return setInterval(() => {
    if (busy) return
    busy = true
    work()
      .catch(onError)
      .finally(() => {
        busy = false
      })
  }, ms).unref()
}
