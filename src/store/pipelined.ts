/** Many reads as one message to the store. */
import { Cluster } from 'ioredis'
import type { RedisClient } from './connection.ts'

/** A command and its arguments. */
export type Read = readonly [command: 'hmget' | 'hscan', key: string, ...args: (string | number)[]]

/**
 * The replies in the order of the reads. Rejects with the first that failed, as the connection does. On a cluster each goes
 * by itself, all at once: a pipeline is redirected as a whole, and while its slot moves the other node has only a part of
 * the keys, so that the rest would look empty.
 */
export async function pipelined(redis: RedisClient, reads: readonly Read[]): Promise<unknown[]> {
  if (reads.length === 0) return []
  if (redis instanceof Cluster)
    return Promise.all(reads.map(([command, ...args]) => redis.call(command, args)))
  const replies = (await redis.pipeline(reads.map((read) => [...read])).exec()) ?? []
  return replies.map(([error, reply]) => {
    if (error !== null) throw error
    return reply
  })
}
