/** What the ledger reports of itself. Called on the hot path: implementations only add numbers up. */
import type { WaitMetrics } from '../store/patience.ts'
import type { CrossingType } from './replies.ts'
import type { ScriptName } from '../store/scripts.ts'

/** `returned`: charged when a lease ran out, and given back since its call was not served. */
export type CreditKind = 'held' | 'charged' | 'freed' | 'expired' | 'returned'

export interface LedgerMetrics extends WaitMetrics {
  script(name: ScriptName, seconds: number, batchSize: number): void
  /** `amount` in microcredits. */
  credits(kind: CreditKind, amount: number): void
  /** A provider reported more than the worst case that was held (C4). */
  holdExceeded(): void
  crossings(type: CrossingType, count: number): void
  /** A script refused a batch because what is stored does not add up. */
  fault(script: ScriptName): void
}
