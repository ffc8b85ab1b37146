/**
 * The sweep: finds the crossings whose gateway died before it relayed them, and measures how old the oldest is that waits.
 * With any number of gateways, one looks through the outboxes in each interval, and the others learn what it found.
 */
import type { Logger } from 'pino'
import type { UnixMs } from '../core/units.ts'
import type { RedisClient } from '../ledger/connection.ts'
import { lastSweep, oldestInOutbox, registeredOrgs, reportSweep, takeSweep } from '../ledger/outbox.ts'
import type { Relay } from './relay.ts'

export interface SweepOptions {
  readonly redis: RedisClient
  readonly relay: Relay
  readonly everyMs: number
  readonly logger: Logger
}

export interface Sweep {
  /** Seconds since the oldest crossing was recorded that no queue has, as far as is known here; 0 where there is none. */
  lagSeconds(): number
  stop(): Promise<void>
}

/** How much of the interval may pass between two gateways' turns at most: they do not all look at the same moment. */
const JITTER = 0.1

export function startSweep({ redis, relay, everyMs, logger }: SweepOptions): Sweep {
  let swept: UnixMs | null = null
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | null = null
  let isStopped = false

  async function sweep(): Promise<void> {
    for (const org of relay.stuck.keys()) relay.wake(org)
    if (!(await takeSweep(redis, Math.round(everyMs * (1 - JITTER))))) {
      const known = await lastSweep(redis)
      if (known !== undefined) swept = known
      return
    }
    let oldest: UnixMs | null = null
    const left: string[] = []
    for await (const orgs of registeredOrgs(redis)) {
      const found = await Promise.all(orgs.map((org) => oldestInOutbox(redis, org)))
      orgs.forEach((org, i) => {
        const at = found[i] ?? null
        if (at === null) return
        left.push(org)
        oldest = oldest === null || at < oldest ? at : oldest
      })
      if (isStopped) return
    }
    swept = oldest
    for (const org of left) relay.wake(org)
    await relay.idle()
    const still = await Promise.all(left.map((org) => oldestInOutbox(redis, org)))
    swept = still.reduce((first, at) => (at === null || (first !== null && first < at) ? first : at), null)
    await reportSweep(redis, swept)
  }

  function tick(): void {
    running ??= sweep()
      .catch((error: unknown) => logger.warn({ err: error }, 'the sweep through the outboxes broke off'))
      .finally(() => {
        running = null
        schedule()
      })
  }
  function schedule(): void {
    if (isStopped) return
    // A sweep for a store that came back leaves its predecessor's turn behind, which this one replaces.
    clearTimeout(timer)
    timer = setTimeout(tick, everyMs * (1 - JITTER + Math.random() * 2 * JITTER))
    timer.unref()
  }
  // At once: what the last run of this gateway left behind should not wait for an interval. Again when the store is back.
  redis.on('ready', tick)
  if (redis.status === 'ready') tick()

  return {
    lagSeconds() {
      const stuck = [...relay.stuck.values(), ...(swept === null ? [] : [swept])]
      return stuck.length === 0 ? 0 : Math.max(0, (Date.now() - Math.min(...stuck)) / 1_000)
    },
    async stop() {
      isStopped = true
      clearTimeout(timer)
      redis.off('ready', tick)
      await running
    },
  }
}
