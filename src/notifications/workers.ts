/**
 * The workers of the queues. A worker locks its job and renews the lock while the job runs. If the worker dies, another one takes
 * the job over when the lock expires. So a delivery happens at least once, and a repeat has the same id.
 */
import { DelayedError, UnrecoverableError, Worker, type Job, type WorkerOptions } from 'bullmq'
import type { Logger } from 'pino'
import type { Crossing } from '../core/crossing.ts'
import type { RedisClient } from '../store/connection.ts'
import { deliver, type DeliverOptions } from './delivery.ts'
import { fanOut, type FanOutOptions } from './fan-out.ts'
import { DELIVERIES_QUEUE, NOTICES_QUEUE, QUEUE_PREFIX, type DeliveryJob, type FanOutJob } from './queue.ts'
import { MAX_TAKEOVERS, retryDelayMs } from './retry.ts'

export interface WorkersOptions extends DeliverOptions, FanOutOptions {
  /** Waits for the store for ever; see store/connection.ts. */
  readonly redis: RedisClient
  readonly channels: DeliverOptions['channels'] & FanOutOptions['channels']
  readonly concurrency: number
  /** Deliveries of all gateways together: a backlog must not take the processor from the calls. */
  readonly perSecond: number
  readonly lockMs: number
  readonly storeIsUp: () => boolean
  readonly logger: Logger
}

export interface Workers {
  /**
   * Takes no further job. Resolves when the running jobs are done or after `ms`, when other workers take over what is left; earlier
   * if no job runs, or if the store is down, since no job can finish without it.
   */
  stop(ms: number): Promise<void>
}

/** Tells the queue to retry, and how long the receiver asked it to wait. */
class DeliveryFailed extends Error {
  override readonly name = 'DeliveryFailed'
  readonly retryAfterMs: number | null
  constructor(message: string, retryAfterMs: number | null) {
    super(message)
    this.retryAfterMs = retryAfterMs
  }
}

/**
 * How long `stop` waits for a store that does not answer, or for connections once no job runs: a connection to a cluster that is
 * asked to close while it reconnects may never report that it is closed.
 */
const PATIENCE_MS = 1_000
const POLL_MS = 50

/** Starts to take jobs at once. */
export function startWorkers(options: WorkersOptions): Workers {
  const { redis, retry, perSecond, lockMs, logger } = options
  const common: WorkerOptions = {
    connection: redis,
    prefix: QUEUE_PREFIX,
    skipVersionCheck: true,
    concurrency: options.concurrency,
    lockDuration: lockMs,
    stalledInterval: lockMs,
    maxStalledCount: MAX_TAKEOVERS,
    limiter: { max: perSecond, duration: 1_000 },
    settings: {
      backoffStrategy: (attemptsMade, _type, error) =>
        retryDelayMs(retry, attemptsMade, error instanceof DeliveryFailed ? error.retryAfterMs : null),
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
    if (job === undefined || 'crossing' in job.data) return
    // The queue gave it up by itself: its workers died too often, or its last attempt ended in a failure of the store.
    const isGivenUp = job.finishedOn !== undefined && !(error instanceof DeliveryFailed)
    if (isGivenUp) void park(options, job.data, job.attemptsMade, error)
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
      options.receivers.close()
      closing ??= Promise.all([notices.close(), deliveries.close()])
      const patience = waitWhile(() => running > 0 && options.storeIsUp(), ms)
      await Promise.race([closing, patience.over])
      patience.stop()
    },
  }
}

/** Is over after `ms`, or once `isOfUse` was false for PATIENCE_MS. */
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

/** Runs a job of the deliveries. What it throws tells the queue whether to retry the job or to park it. */
async function process(
  options: WorkersOptions,
  job: Job<DeliveryJob | FanOutJob>,
  token: string | undefined,
): Promise<void> {
  const { data } = job
  if ('crossing' in data) return fanOut(options, data.crossing)
  const attempt = job.attemptsMade + 1
  const isLast = attempt >= (job.opts.attempts ?? options.retry.attempts)
  const after = await deliver(options, data, attempt, isLast)
  const { org, notice, channel } = data
  switch (after.state) {
    case 'sent':
    case 'no_recipients':
    case 'over':
      return
    case 'deferred':
      // The queue counts no attempt.
      await job.moveToDelayed(Date.now() + after.delayMs, token)
      throw new DelayedError()
    case 'parked':
      options.logger.error({ org, notice, channel, attempt, reason: after.error }, 'a delivery is parked')
      throw new UnrecoverableError(after.error)
    case 'failed':
      options.logger.warn({ org, notice, channel, attempt, reason: after.error }, 'a delivery failed')
      throw new DeliveryFailed(after.error, after.retryAfterMs)
  }
}

async function park(
  options: WorkersOptions,
  job: DeliveryJob,
  attempts: number,
  error: Error,
): Promise<void> {
  const { log, logger, metrics } = options
  const { org, notice, channel, round } = job
  try {
    const found = await log.find(org, notice, job)
    if (found === null || found.delivery.state === 'parked') return
    const attempt = { round, state: 'parked', attempts, error: error.message } as const
    if ((await log.attempted(found.crossing, job, attempt)) !== 'logged') return
    metrics.notification(channel, 'parked')
    logger.error({ org, notice, channel, reason: error.message }, 'a delivery is parked')
  } catch (failure) {
    logger.error({ err: failure, org, notice, channel }, 'a parked delivery could not be logged')
  }
}
