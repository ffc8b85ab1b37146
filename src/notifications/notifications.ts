/** Composes everything between a crossing in an outbox and its recipients: relay, sweep, queues, workers. */
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { RedisClient } from '../store/connection.ts'
import { createChannelDirectory } from '../directory/channels.ts'
import type { Change } from '../store/changes.ts'
import { createNoticeLog, type Destination, type Redelivery } from '../outbox/notice-log.ts'
import type { StoreClock } from '../store/clock.ts'
import type { Store } from '../store/store.ts'
import type { NotificationMetrics } from './metrics.ts'
import type { Senders } from './channels/channel.ts'
import { createQueueDepth, openQueues, type QueueJobs, type Queues } from './queue.ts'
import { createReceivers } from './receivers.ts'
import { Relay } from './relay.ts'
import type { RetrySettings } from './retry.ts'
import { startSweep } from './sweep.ts'
import { startWorkers, type Workers } from './workers.ts'

export interface NoticesOptions {
  readonly store: { readonly open: Store['open']; readonly isUp: () => boolean }
  readonly settings: Config['notifications']
  /** Set by the store's clock here. */
  readonly clock: StoreClock
  /** The URL of the page, for links in messages. */
  readonly publicUrl: string | null
  readonly senders: Senders
  readonly metrics: NotificationMetrics
  readonly logger: Logger
}

export interface Notices {
  /** Crossings were recorded in the organization's outbox. */
  wake(org: string): void
  lagSeconds(): number
  /** As counted by one of the last sweeps; none if the store has not answered for COUNT_SWEEPS of them. */
  queueJobs(): readonly QueueJobs[]
  /** Redelivers what reached no recipient, or one delivery that failed or was parked. Rejects as the store does. */
  redeliver(org: string, id: string, change: Change, only?: Destination): Promise<Redelivery>
  /** Takes no more deliveries; resolves when those in flight are done, or after `ms`. */
  stopDelivering(ms: number): Promise<void>
  /** Finishes what the relay was woken for, and closes. */
  stop(): Promise<void>
}

const LAST_RELAY_MS = 2_000
/** If no newer count comes, the last one is shown for the time of three sweeps. */
const COUNT_SWEEPS = 3

export function startNotices(options: NoticesOptions): Notices {
  const { store, settings, clock, logger } = options
  const retry: RetrySettings = {
    attempts: settings.attempts,
    backoffMs: settings.backoffSeconds * 1_000,
    maxBackoffMs: settings.maxBackoffSeconds * 1_000,
  }
  const redis = store.open('decide')
  const log = createNoticeLog(redis)
  const queues = openQueues(redis, retry, (error) =>
    logger.debug({ reason: error.message }, 'queue connection'),
  )
  const relay = new Relay({ redis, log, queues, clock, logger })
  const everyMs = settings.sweepSeconds * 1_000
  const depth = createQueueDepth(queues, COUNT_SWEEPS * everyMs)
  const sweep = startSweep({ redis, relay, depth, everyMs, clock, logger })
  const workers = settings.deliver ? openWorkers(options, retry, queues) : null
  return {
    wake: (org) => relay.wake(org),
    lagSeconds: () => sweep.lagSeconds(),
    queueJobs: () => depth.jobs(),
    async redeliver(org, id, change, only) {
      if (workers === null) return 'off'
      const notice = await log.get(org, id)
      if (notice === null) return 'gone'
      const round = await log.redeliver(notice.crossing, change, only)
      if (typeof round !== 'number') return round
      relay.wake(org)
      return 'again'
    },
    stopDelivering: async (ms) => workers?.stop(ms),
    async stop() {
      await sweep.stop()
      await relay.stop(LAST_RELAY_MS)
      await workers?.stop(LAST_RELAY_MS)
      await queues.close()
    },
  }
}

function openWorkers(options: NoticesOptions, retry: RetrySettings, queues: Queues): Workers {
  const { store, settings, publicUrl, senders, metrics, logger } = options
  const redis: RedisClient = store.open('work')
  return startWorkers({
    redis,
    log: createNoticeLog(redis),
    channels: createChannelDirectory(redis),
    queues,
    senders,
    receivers: createReceivers({ perDestination: settings.perDestination, retry }),
    metrics,
    pageUrl: publicUrl === null ? null : publicUrl.replace(/\/+$/, ''),
    retry,
    concurrency: settings.concurrency,
    perSecond: settings.perSecond,
    lockMs: settings.lockSeconds * 1_000,
    storeIsUp: store.isUp,
    logger,
  })
}
