/** Many reads as one message to the store. */
import type { RedisClient } from './connection.ts'

/** A command and its arguments; on a cluster, all of them are of one organization. */
export type Read = readonly [command: 'hmget' | 'hscan', key: string, ...args: (string | number)[]]

/** The replies in the order of the reads. Rejects with the first that failed, as the connection does. */
export async function pipelined(redis: RedisClient, reads: readonly Read[]): Promise<unknown[]> {
  if (reads.length === 0) return []
  const replies = (await redis.pipeline(reads.map((read) => [...read])).exec()) ?? []
  return replies.map(([error, reply]) => {
    if (error !== null) throw error
    return reply
  })
}
