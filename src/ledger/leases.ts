/** Leases of open holds: ours are renewed while their calls run, those of dead gateways are expired (C6). */
import type { Logger } from 'pino'
import type { RedisClient } from './connection.ts'
import * as keys from './keys.ts'
import type { Hold } from './ledger.ts'
import { runScript } from './scripts.ts'
import type { StoreClock } from './store-clock.ts'

const RENEW_BATCH = 500
const SWEEP_BATCH = 256

export interface LeasesOptions {
  readonly redis: RedisClient
  readonly clock: StoreClock
  readonly leaseMs: number
  readonly logger: Logger
  readonly expire: (org: string, leases: readonly string[]) => Promise<void>
}

export interface Leases {
  opened(hold: Hold): void
  closed(hold: Hold): void
  readonly open: () => number
  /** Expires whatever is overdue in any organization. Rejects when the store does. */
  sweep(): Promise<void>
  stop(): void
}

/** Starts renewing every third of a lease and sweeping once a lease, until `stop`. */
export function createLeases(options: LeasesOptions): Leases {
  const { redis, clock, leaseMs, logger } = options
  const open = new Map<string, Hold>()

  async function renew(): Promise<void> {
    const byOrg = new Map<string, string[]>()
    for (const hold of open.values()) {
      const lease = keys.lease(hold.periodNo, hold.day, hold.id, hold.user)
      const leases = byOrg.get(hold.org)
      if (leases === undefined) byOrg.set(hold.org, [lease])
      else leases.push(lease)
    }
    for (const [org, leases] of byOrg) {
      for (let at = 0; at < leases.length; at += RENEW_BATCH) {
        await runScript(redis, 'renew', [keys.leases(org)], [leaseMs, ...leases.slice(at, at + RENEW_BATCH)])
      }
    }
  }

  async function sweepOrg(org: string): Promise<void> {
    for (;;) {
      const due = await redis.zrangebyscore(keys.leases(org), '-inf', clock.now(), 'LIMIT', 0, SWEEP_BATCH)
      if (due.length === 0) return
      await options.expire(org, due)
      if (due.length < SWEEP_BATCH) return
    }
  }

  async function sweep(): Promise<void> {
    let cursor = '0'
    do {
      const [next, orgs] = await redis.sscan(keys.ORGS, cursor, 'COUNT', 100)
      for (const org of orgs) await sweepOrg(org)
      cursor = next
    } while (cursor !== '0')
  }

  function every(ms: number, what: string, work: () => Promise<void>): NodeJS.Timeout {
    let busy = false
    return setInterval(() => {
      if (busy) return
      busy = true
      work()
        .catch((error: unknown) => logger.warn({ error }, `${what} failed, and is tried again`))
        .finally(() => {
          busy = false
        })
    }, ms).unref()
  }

  const timers = [every(leaseMs / 3, 'renewing leases', renew), every(leaseMs / 2, 'sweeping leases', sweep)]

  return {
    opened: (hold) => open.set(hold.id, hold),
    closed: (hold) => open.delete(hold.id),
    open: () => open.size,
    sweep,
    stop: () => {
      for (const timer of timers) clearInterval(timer)
    },
  }
}
