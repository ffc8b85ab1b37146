/** Counts how holds were resolved, from the heads and statuses that the scripts return. */
import type { Charge, Hold } from '../core/hold.ts'
import type { LedgerMetrics } from './ledger-metrics.ts'
import { CROSSING_TYPES, readCrossings } from './replies.ts'

const rest = (status: string, word: string): number => Number(status.slice(word.length + 1))

export function countSettled(metrics: LedgerMetrics, hold: Hold, charge: Charge, status: string): void {
  if (status === 'charged' || status === 'late') {
    metrics.credits('charged', charge.cost)
    metrics.credits('freed', Math.max(0, hold.amount - charge.cost))
    if (charge.cost > hold.amount) metrics.holdExceeded()
  } else if (status.startsWith('corrected ')) metrics.credits('charged', rest(status, 'corrected'))
}

export function countFreed(metrics: LedgerMetrics, hold: Hold, status: string): void {
  if (status === 'freed') metrics.credits('freed', hold.amount)
  else if (status.startsWith('returned ')) metrics.credits('returned', rest(status, 'returned'))
}

/** Returns whether there were any crossings; these are in the outbox then. */
export function countCrossings(metrics: LedgerMetrics, head: unknown): boolean {
  const crossings = readCrossings(head)
  const crossed = CROSSING_TYPES.filter((type) => crossings[type] > 0)
  for (const type of crossed) metrics.crossings(type, crossings[type])
  return crossed.length > 0
}

/** Returns whether the lease is gone: it had expired, or it had no hold and was removed. */
export function countExpired(metrics: LedgerMetrics, reply: string): boolean {
  const [status, cost, freed] = reply.split(' ')
  if (status !== 'expired') return status === 'already'
  metrics.credits('expired', Number(cost))
  metrics.credits('freed', Number(freed))
  return true
}
