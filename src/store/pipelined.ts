/** Sends many reads as one message to the store. */
import { Cluster } from 'ioredis'
import type { RedisClient } from './connection.ts'

/** A command and its arguments. */
export type Read = readonly [command: 'hmget' | 'hscan', key: string, ...args: (string | number)[]]

/**
 * Resolves to the replies in the order of the reads. Rejects with the first failure, as the connection does. On a
 * cluster each read is sent separately, all at once. A pipeline is redirected as a whole, and while its slot moves, the
 * other node has only some of the keys, so the rest would look empty.
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
