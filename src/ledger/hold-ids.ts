/**
 * Ids of holds: `<bucket>.<gateway>.<counter>`. The bucket is the five minutes of server time in which the id was
 * minted, in base 36. How the hold was resolved is stored under its bucket, so any script finds it in one look-up.
 */
import { randomBytes } from 'node:crypto'

export const BUCKET_MS = 300_000

export interface HoldIds {
  mint(serverNow: number): string
}

export function createHoldIds(): HoldIds {
  const gateway = randomBytes(6).toString('base64url')
  let counter = 0
  return {
    mint: (serverNow) =>
      `${Math.floor(serverNow / BUCKET_MS).toString(36)}.${gateway}.${(counter++).toString(36)}`,
  }
}

/** Cache of the last bucket: ids of one batch were mostly minted in the same one. */
let last = { prefix: '.', bucket: Number.NaN }

/** The bucket that an id was minted in. */
export function bucketOf(holdId: string): number {
  if (holdId.startsWith(last.prefix)) return last.bucket
  const prefix = holdId.slice(0, holdId.indexOf('.') + 1)
  if (prefix === '') return Number.NaN
  last = { prefix, bucket: Number.parseInt(prefix, 36) }
  return last.bucket
}
