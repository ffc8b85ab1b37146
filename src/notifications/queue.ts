/**
 * The two queues. `tollgate-notices` is public, and other consumers read it (docs/notifications.md): one job `crossing` per
 * crossing, its data the event. `tollgate-deliveries` is private: one job per recipient and channel. Jobs are added and taken by
 * separate connections, because adding one must fail fast and taking one must wait for ever.
 */
import { createHash } from 'node:crypto'
import { Queue, type JobsOptions } from 'bullmq'
import type { Crossing } from '../core/crossing.ts'
import type { RedisClient } from '../store/connection.ts'
import type { Destination } from '../outbox/notice-log.ts'
import type { RetrySettings } from './retry.ts'

export const NOTICES_QUEUE = 'tollgate-notices'
export const DELIVERIES_QUEUE = 'tollgate-deliveries'
/** In a cluster, all keys of the queues are in one slot: that of this tag. */
export const QUEUE_PREFIX = '{tg}'
const CROSSING_JOB = 'crossing'
const DELIVERY_JOB = 'delivery'
const FAN_OUT_JOB = 'fan-out'

/** The notice itself is in the organization's log. */
export interface DeliveryJob extends Destination {
  readonly org: string
  readonly notice: string
  readonly round: number
}

/** Queues deliveries that an admin wants to be made again. */
export interface FanOutJob {
  readonly crossing: Crossing
}

const DAY_SECONDS = 86_400
/** While a job exists, its id cannot be queued again. */
const KEPT: JobsOptions = {
  removeOnComplete: { age: DAY_SECONDS },
  removeOnFail: { age: 7 * DAY_SECONDS },
  stackTraceLimit: 0,
}

/** By BullMQ's names. What BullMQ calls failed is parked here; a delivery that the log calls failed will be retried. */
const STATES = { waiting: 'waiting', delayed: 'delayed', active: 'active', failed: 'parked' } as const

/** How many jobs of a queue are in a state. */
export interface QueueJobs {
  readonly queue: 'notices' | 'deliveries'
  readonly state: (typeof STATES)[keyof typeof STATES]
  readonly jobs: number
}

export interface Queues {
  /** All of them or none; those whose id is there already stay as they are. */
  addCrossings(crossings: readonly Crossing[]): Promise<void>
  addDeliveries(jobs: readonly DeliveryJob[]): Promise<void>
  /** Once per notice and round. */
  addFanOut(crossing: Crossing, round: number): Promise<void>
  /** Each queue's jobs by state; the effort does not grow with their number. */
  countJobs(): Promise<readonly QueueJobs[]>
  close(): Promise<void>
}

/** Jobs added in one step, so that no script of the queue blocks the store for long. */
const CHUNK = 100

/** Opens the queues to add jobs. Adding rejects as the connection does; `onError` gets errors of the connection in between. */
export function openQueues(
  redis: RedisClient,
  retry: RetrySettings,
  onError: (error: Error) => void,
): Queues {
  const options = { connection: redis, prefix: QUEUE_PREFIX, skipVersionCheck: true }
  const notices = new Queue<Crossing>(NOTICES_QUEUE, options)
  const deliveries = new Queue<DeliveryJob | FanOutJob>(DELIVERIES_QUEUE, options)
  for (const queue of [notices, deliveries]) queue.on('error', onError)
  const { attempts } = retry
  // Other consumers may take the crossings, and BullMQ's own backoff is the only one that their workers know.
  const builtIn = { type: 'exponential', delay: retry.backoffMs, jitter: 0.5 }
  const own = { ...KEPT, attempts, backoff: { type: 'custom' } }
  return {
    async addCrossings(crossings) {
      const jobs = crossings.map((data) => ({
        name: CROSSING_JOB,
        data,
        opts: { ...KEPT, attempts, backoff: builtIn, jobId: data.id },
      }))
      if (jobs.length > 0) await notices.addBulk(jobs)
    },
    async addDeliveries(jobs) {
      for (let i = 0; i < jobs.length; i += CHUNK) {
        const chunk = jobs.slice(i, i + CHUNK).map((data) => ({
          name: DELIVERY_JOB,
          data,
          opts: { ...own, jobId: deliveryId(data) },
        }))
        await deliveries.addBulk(chunk)
      }
    },
    async addFanOut(crossing, round) {
      await deliveries.add(FAN_OUT_JOB, { crossing }, { ...own, jobId: `${crossing.id}.again.${round}` })
    },
    async countJobs() {
      const counts = await Promise.all([
        countStates('notices', notices),
        countStates('deliveries', deliveries),
      ])
      return counts.flat()
    },
    async close() {
      await Promise.all([notices.close(), deliveries.close()])
    },
  }
}

async function countStates(
  queue: QueueJobs['queue'],
  of: Pick<Queue, 'getJobCounts'>,
): Promise<readonly QueueJobs[]> {
  const counts = await of.getJobCounts('waiting', 'delayed', 'active', 'failed')
  return Object.entries(STATES).map(([theirs, state]) => ({ queue, state, jobs: counts[theirs] ?? 0 }))
}

/** One job per notice, recipient and channel; another one where an admin has it sent again. */
function deliveryId({ notice, channel, target, round }: DeliveryJob): string {
  const hash = createHash('sha256')
    .update(target ?? '')
    .digest('hex')
    .slice(0, 16)
  return `${notice}.${channel}.${hash}${round === 0 ? '' : `.again.${round}`}`
}

/** The last count of the jobs in the queues, until it is too old to be shown. */
export interface QueueDepth {
  /** Rejects as the store does; the count before it stays for a while. */
  count(): Promise<void>
  /** None where the last count is too old, or there never was one. */
  jobs(): readonly QueueJobs[]
}

/** A count is shown for `validMs`. `now`: milliseconds of a clock that only goes forward. */
export function createQueueDepth(
  queues: Pick<Queues, 'countJobs'>,
  validMs: number,
  now = () => performance.now(),
): QueueDepth {
  let counted: { readonly jobs: readonly QueueJobs[]; readonly atMs: number } | null = null
  return {
    async count() {
      // The age counts from the question: a slow answer is as old as that.
      const atMs = now()
      counted = { jobs: await queues.countJobs(), atMs }
    },
    jobs: () => (counted === null || now() - counted.atMs > validMs ? [] : counted.jobs),
  }
}
