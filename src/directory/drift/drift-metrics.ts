/** Metrics of the comparison of counters with usage and open holds. */
import { MICROCREDITS_PER_CREDIT } from '../../core/units.ts'
import type { Instruments } from '../../metrics/instruments.ts'
import type { OnDrift } from './check.ts'

export function createDriftMetrics(instruments: Instruments): OnDrift {
  const drift = instruments.counter({
    name: 'tollgate_drift_credits_total',
    help: 'Credits by which counters differed from what usage and open holds come to.',
    scale: MICROCREDITS_PER_CREDIT,
  })
  const checked = instruments.counter({
    name: 'tollgate_drift_checked_users_total',
    help: 'Users whose counters were compared with usage and open holds.',
  })
  return (checkedUsers, difference) => {
    checked.count += checkedUsers
    drift.count += difference
  }
}
