/** The queues as an external consumer sees them: by their names, with BullMQ alone. */
import { Queue, type Job } from 'bullmq'
import type { Crossing } from '../../src/core/crossing.ts'
import { connect, type RedisClient, type StoreAddress } from '../../src/store/connection.ts'

export interface WatchedQueue {
  readonly queue: Queue<Crossing>
  readonly redis: RedisClient
  /** Its jobs of an organization, in any state. */
  jobsOf(org: string): Promise<Job<Crossing>[]>
  /** The id of each job that was added so far, repeated if it was added again. */
  added(): Promise<string[]>
  close(): Promise<void>
}

/** Opens the queue of notices, or another one of the same prefix. */
export function watchQueue(address: StoreAddress, name = 'tollgate-notices'): WatchedQueue {
  const redis = connect(address, 'work')
  redis.on('error', () => undefined)
  // All events are kept, so that no repeated event goes unnoticed.
  const queue = new Queue<Crossing>(name, {
    connection: redis,
    prefix: '{tg}',
    streams: { events: { maxLen: 1_000_000 } },
  })
  queue.on('error', () => undefined)
  return {
    queue,
    redis,
    jobsOf: async (org) =>
      (await queue.getJobs(['waiting', 'completed', 'delayed', 'active', 'failed'])).filter(
        ({ data }) => data.org === org,
      ),
    async added() {
      const events = await redis.xrange(`{tg}:${name}:events`, '-', '+')
      const fieldsOf = (flat: readonly string[]): Map<string, string> =>
        new Map(flat.flatMap((field, i) => (i % 2 === 0 ? [[field, flat[i + 1] ?? '']] : [])))
      return events
        .map(([, flat]) => fieldsOf(flat))
        .filter((fields) => fields.get('event') === 'added')
        .map((fields) => fields.get('jobId') ?? '')
    },
    async close() {
      await queue.close()
      redis.disconnect()
    },
  }
}
