/**
 * The workers of the queues. A job is locked while it runs, and the lock renewed; the job of a worker that died is taken
 * over by another one when its lock is over. So a delivery happens at least once, and a repeat bears the same id.
 */
import { DelayedError, UnrecoverableError, Worker, type Job, type WorkerOptions } from 'bullmq'
import type { Logger } from 'pino'
import type { Crossing } from '../core/crossing.ts'
import type { RedisClient } from '../store/connection.ts'
import { deliver, type DeliverOptions } from './delivery.ts'
import { fanOut, type FanOutOptions } from './fan-out.ts'
import {
  backoff,
  DELIVERIES_QUEUE,
  FAN_OUT_JOB,
  NOTICES_QUEUE,
  QUEUE_PREFIX,
  type DeliveryJob,
  type FanOutJob,
} from './queue.ts'

export interface WorkersOptions extends DeliverOptions, FanOutOptions {
  /** Waits for the store for ever; see ledger/connection.ts. */
  readonly redis: RedisClient
  readonly channels: DeliverOptions['channels'] & FanOutOptions['channels']
  readonly concurrency: number
  /** Most deliveries of all gateways together: a backlog must not take the processor from the calls. */
  readonly perSecond: number
  readonly lockMs: number
  readonly storeIsUp: () => boolean
  readonly logger: Logger
}

export interface Workers {
  /**
   * Takes no further job; resolves when those that run are done, after `ms` (their locks then hand them over), or when there
   * has been nothing to wait for: no job runs, or the store is gone, without which none can say that it is done.
   */
  stop(ms: number): Promise<void>
}

/** Why an attempt failed, for the queue to wait accordingly. */
class DeliveryFailed extends Error {
  override readonly name = 'DeliveryFailed'
  readonly retryAfterMs: number | null
  constructor(message: string, retryAfterMs: number | null) {
    super(message)
    this.retryAfterMs = retryAfterMs
  }
}

/**
 * How long the end of a gateway waits for a store that does not answer, or for connections once no job runs: that of a
 * cluster which is asked to close while it tries to connect again may never say that it has closed.
 */
const PATIENCE_MS = 1_000
const POLL_MS = 50

/** How often a job may be taken over from a worker that died, before it counts as what kills them. */
const MOST_STALLS = 10

/** Begins to take jobs at once. */
export function startWorkers(options: WorkersOptions): Workers {
  const { redis, retries, perSecond, lockMs, logger } = options
  const common: WorkerOptions = {
    connection: redis,
    prefix: QUEUE_PREFIX,
    skipVersionCheck: true,
    concurrency: options.concurrency,
    lockDuration: lockMs,
    stalledInterval: lockMs,
    maxStalledCount: MOST_STALLS,
    limiter: { max: perSecond, duration: 1_000 },
    settings: {
      backoffStrategy: (attemptsMade, _type, error) =>
        backoff(retries, attemptsMade, error instanceof DeliveryFailed ? error.retryAfterMs : null),
    },
  }
  let running = 0
  async function counted(work: Promise<void>): Promise<void> {
    running += 1
    try {
      await work
    } finally {
      running -= 1
    }
  }
  const notices = new Worker<Crossing>(NOTICES_QUEUE, (job) => counted(fanOut(options, job.data)), common)
  const deliveries = new Worker<DeliveryJob | FanOutJob>(
    DELIVERIES_QUEUE,
    (job, token) => counted(process(options, job, token)),
    common,
  )
  deliveries.on('failed', (job, error) => {
    if (job !== undefined && isParkedByQueue(job, error)) void park(options, job, error)
  })
  // A crossing that cannot be fanned out has no delivery whose state would show it.
  notices.on('failed', (job, error) => {
    logger.error({ err: error, notice: job?.id, attempts: job?.attemptsMade }, 'a crossing is not fanned out')
  })
  for (const worker of [notices, deliveries]) {
    worker.on('error', (error) => logger.debug({ reason: error.message }, 'queue connection'))
  }
  let closing: Promise<unknown> | undefined
  return {
    async stop(ms) {
      closing ??= Promise.all([notices.close(), deliveries.close()])
      const patience = waitWhile(() => running > 0 && options.storeIsUp(), ms)
      await Promise.race([closing, patience.over])
      patience.stop()
    },
  }
}

/** Is over after `ms`, or once it has been no use to wait for PATIENCE_MS. */
function waitWhile(isOfUse: () => boolean, ms: number): { over: Promise<void>; stop: () => void } {
  const deadline = Date.now() + ms
  let lastUse = Date.now()
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<void>((resolve) => {
    timer = setInterval(() => {
      if (isOfUse()) lastUse = Date.now()
      if (Date.now() >= Math.min(deadline, lastUse + PATIENCE_MS)) resolve()
    }, POLL_MS)
  })
  return { over, stop: () => clearInterval(timer) }
}

async function process(
  options: WorkersOptions,
  job: Job<DeliveryJob | FanOutJob>,
  token: string | undefined,
): Promise<void> {
  if (isFanOut(job)) return fanOut(options, job.data.crossing)
  if (!isDelivery(job)) return
  const attempt = job.attemptsMade + 1
  const isLast = attempt >= (job.opts.attempts ?? options.retries.attempts)
  const verdict = await deliver(options, job.data, attempt, isLast)
  if (verdict.status === 'done') return
  if (verdict.status === 'later') {
    // Which counts no attempt.
    await job.moveToDelayed(Date.now() + verdict.waitMs, token)
    throw new DelayedError()
  }
  const { org, notice, channel } = job.data
  if (verdict.status === 'parked') {
    options.logger.error({ org, notice, channel, attempt, reason: verdict.error }, 'a delivery is parked')
    throw new UnrecoverableError(verdict.error)
  }
  options.logger.warn({ org, notice, channel, attempt, reason: verdict.error }, 'a delivery failed')
  throw new DeliveryFailed(verdict.error, verdict.retryAfterMs)
}

function isFanOut(job: Job<DeliveryJob | FanOutJob>): job is Job<FanOutJob> {
  return job.name === FAN_OUT_JOB
}

function isDelivery(job: Job<DeliveryJob | FanOutJob>): job is Job<DeliveryJob> {
  return job.name !== FAN_OUT_JOB
}

/** The queue gave the job up by itself: it was taken over too often, or its attempts ended in failures of the store. */
function isParkedByQueue(job: Job<DeliveryJob | FanOutJob>, error: Error): job is Job<DeliveryJob> {
  return isDelivery(job) && job.finishedOn !== undefined && !(error instanceof DeliveryFailed)
}

async function park(options: WorkersOptions, job: Job<DeliveryJob>, error: Error): Promise<void> {
  const { log, logger, metrics } = options
  const { org, notice, channel, round } = job.data
  try {
    const found = await log.find(org, notice, job.data)
    if (found === null || found.delivery.state === 'parked') return
    const attempt = { round, state: 'parked', attempts: job.attemptsMade, error: error.message } as const
    if ((await log.attempted(found.crossing, job.data, attempt)) !== 'logged') return
    metrics.notification(channel, 'parked')
    logger.error({ org, notice, channel, reason: error.message }, 'a delivery is parked')
  } catch (failure) {
    logger.error({ err: failure, org, notice, channel }, 'a parked delivery could not be logged')
  }
}
