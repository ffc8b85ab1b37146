/** Deletes all data in the store of a deleted organization. */
import { Cluster, type Redis } from 'ioredis'
import type { RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'

const SCAN_COUNT = 1_000

/**
 * Removes every key with the organization's hash tag except its own hash, including counters of past periods and days.
 * It scans the whole keyspace, a thousand keys at a time: only that finds every key, so that a later organization with
 * the same id starts empty.
 */
export async function purgeOrg(redis: RedisClient, id: string): Promise<void> {
  const own = keys.org(id)
  const match = own.replace(/org$/, '*')
  const nodes = redis instanceof Cluster ? redis.nodes('master') : [redis]
  for (const node of nodes) await purgeNode(node, match, own)
}

async function purgeNode(node: Redis, match: string, keep: string): Promise<void> {
  let cursor = '0'
  do {
    const [next, found] = await node.scan(cursor, 'MATCH', match, 'COUNT', SCAN_COUNT)
    const gone = found.filter((key) => key !== keep)
    if (gone.length > 0) await node.unlink(...gone)
    cursor = next
  } while (cursor !== '0')
}
