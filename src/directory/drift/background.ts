/**
 * Looks for drift in the background. Once an hour one of the gateways compares a sample of users with their usage and
 * holds, counts the differences, and names them in the log. It repairs nothing (decision 0037).
 */
import type { Logger } from 'pino'
import { toCredits } from '../../core/units.ts'
import type { RedisClient } from '../../store/connection.ts'
import * as keys from '../../store/keys.ts'
import { logRetry } from '../../store/faults.ts'
import { takeTurn } from '../../store/turn.ts'
import { DriftCheck, type DriftStore } from './check.ts'

const HOUR_MS = 3_600_000
/** Spreads the gateways that started together over time. */
const JITTER = 0.1
/** The size of a sample: it costs the store some hundred milliseconds an hour, in pieces of at most one. */
const ORGS = 20
const USERS_EACH = 50

export interface DriftWatch {
  stop(): Promise<void>
}

/** Elects the gateway that checks: true for one gateway per interval. */
export function takeDriftTurn(redis: RedisClient, ms: number): Promise<boolean> {
  return takeTurn(redis, keys.DRIFT_CHECK, ms)
}

/** Checks randomly chosen users of randomly chosen organizations. */
export async function checkSample(store: DriftStore, logger: Pick<Logger, 'warn'>): Promise<void> {
  const { redis } = store
  for (const org of await redis.srandmember(keys.ORGS, ORGS)) {
    const check = await DriftCheck.begin(store, org, null)
    if (check === null) continue
    const users = await redis.zrandmember(keys.top(org, check.frame.periodNo), USERS_EACH)
    await check.users(users)
    await check.totals({ held: false })
    for (const { stored, recomputed, ...which } of check.report().differences) {
      const amounts = { stored: toCredits(stored), recomputed: toCredits(recomputed) }
      logger.warn({ org, ...which, ...amounts }, 'a counter is not what usage and holds come to')
    }
  }
}

/** Starts the checks, the first within an hour. Errors of the store are logged, and the next interval tries again. */
export function watchDrift(store: DriftStore, logger: Logger, everyMs = HOUR_MS): DriftWatch {
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | null = null
  let isStopped = false

  async function look(): Promise<void> {
    if (await takeDriftTurn(store.redis, Math.round(everyMs * (1 - JITTER)))) await checkSample(store, logger)
  }
  function schedule(ms: number): void {
    if (isStopped) return
    timer = setTimeout(() => {
      running = look()
        .catch((error: unknown) => logRetry(logger, error, {}, 'a check for drift broke off'))
        .finally(() => schedule(everyMs * (1 + Math.random() * JITTER)))
    }, ms)
    timer.unref()
  }
  schedule(everyMs * Math.random())

  return {
    async stop() {
      isStopped = true
      clearTimeout(timer)
      await running
    },
  }
}
