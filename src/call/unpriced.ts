/**
 * Records usage that has no price of its own (C10): counted each time, logged at most once an hour per upstream, kind
 * and name.
 */
import type { Logger } from 'pino'
import { createLru } from '../core/lru.ts'
import type { Unpriced } from '../core/reports.ts'
import type { CallMetrics } from './call-metrics.ts'

const LOGGED_EVERY_MS = 3_600_000
/** Providers choose the names, so only this many are remembered. */
const REMEMBERED = 1_000
/** A plausible name of a field or service tier; any other text from a provider is not logged. */
const NAME = /^[\w.:-]{1,64}$/

export interface UnpricedUsage {
  note(upstream: string, model: string, unpriced: readonly Unpriced[]): void
}

export interface UnpricedOptions {
  readonly metrics: Pick<CallMetrics, 'unpriced'>
  readonly logger: Pick<Logger, 'warn'>
  /** Milliseconds of a clock that never steps back. */
  readonly now: () => number
}

export function createUnpricedUsage({ metrics, logger, now }: UnpricedOptions): UnpricedUsage {
  const logged = createLru<number>(REMEMBERED)
  return {
    note(upstream, model, unpriced) {
      for (const { kind, name } of unpriced) {
        metrics.unpriced(kind)
        const field = NAME.test(name) ? name : 'other'
        const key = `${upstream} ${kind} ${field}`
        const last = logged.get(key)
        if (last !== undefined && now() - last < LOGGED_EVERY_MS) continue
        logged.set(key, now())
        logger.warn(
          { upstream, model, kind, name: field },
          'a provider reported usage that has no price: it is charged as the closest kind',
        )
      }
    },
  }
}
