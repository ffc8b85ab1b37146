/**
 * The sweep finds crossings whose gateway died before it relayed them, and measures the age of the oldest one in an outbox.
 * In each interval one gateway looks through the outboxes, and the others read its result. Each gateway counts the jobs in the
 * queues itself, which is cheaper than to share the count.
 */
import type { Logger } from 'pino'
import type { UnixMs } from '../core/units.ts'
import type { RedisClient } from '../store/connection.ts'
import { lastSweep, oldestInOutbox, registeredOrgs, reportSweep, takeSweep } from '../outbox/outbox.ts'
import { readStoreTime, type StoreClock } from '../store/clock.ts'
import { logRetry } from '../store/faults.ts'
import type { QueueDepth } from './queue.ts'
import type { Relay } from './relay.ts'

export interface SweepOptions {
  readonly redis: RedisClient
  readonly relay: Relay
  readonly depth: Pick<QueueDepth, 'count'>
  readonly everyMs: number
  /** Each sweep sets it by the store, whose time crossings have; this machine's clock may differ. */
  readonly clock: StoreClock
  readonly logger: Logger
}

export interface Sweep {
  /** Age in seconds of the oldest crossing that no queue has, as far as this gateway knows; 0 if there is none. */
  lagSeconds(): number
  stop(): Promise<void>
}

/** Share of the interval by which each wait varies, so that gateways do not all sweep at the same moment. */
const JITTER = 0.1

function earlier(one: UnixMs | null, other: UnixMs | null): UnixMs | null {
  return one === null || (other !== null && other < one) ? other : one
}

/** Logs a failure; the next sweep tries again. */
async function logFailure(logger: Logger, look: Promise<void>, message: string): Promise<void> {
  await look.catch((error: unknown) => logRetry(logger, error, {}, message))
}

export function startSweep({ redis, relay, depth, everyMs, clock, logger }: SweepOptions): Sweep {
  let swept: UnixMs | null = null
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | null = null
  let isStopped = false

  async function sweep(): Promise<void> {
    clock.learn(await readStoreTime(redis))
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
      left.push(...orgs.filter((_org, i) => found[i] !== null))
      oldest = found.reduce(earlier, oldest)
      if (isStopped) return
    }
    swept = oldest
    for (const org of left) relay.wake(org)
    await relay.idle()
    const still = await Promise.all(left.map((org) => oldestInOutbox(redis, org)))
    swept = still.reduce(earlier, null)
    await reportSweep(redis, swept)
  }

  function tick(): void {
    if (running !== null) return
    // A failure of one does not stop the other.
    const looks = [
      logFailure(logger, sweep(), 'the sweep through the outboxes broke off'),
      logFailure(logger, depth.count(), 'the jobs in the queues could not be counted'),
    ]
    running = Promise.all(looks).then(() => {
      running = null
      schedule()
    })
  }
  function schedule(): void {
    if (isStopped) return
    // A sweep that the store's return started leaves the timer of the one before it, which this one replaces.
    clearTimeout(timer)
    timer = setTimeout(tick, everyMs * (1 - JITTER + Math.random() * 2 * JITTER))
    timer.unref()
  }
  // At once, for what the last run of this gateway left behind, and again when the store is back.
  redis.on('ready', tick)
  if (redis.status === 'ready') tick()

  return {
    lagSeconds() {
      const stuck = [...relay.stuck.values(), ...(swept === null ? [] : [swept])]
      return stuck.length === 0 ? 0 : Math.max(0, (clock.now() - Math.min(...stuck)) / 1_000)
    },
    async stop() {
      isStopped = true
      clearTimeout(timer)
      redis.off('ready', tick)
      await running
    },
  }
}
