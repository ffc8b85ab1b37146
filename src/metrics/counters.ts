/** Every counter, with the label values that can be told beforehand at 0. */
import type { Registry } from 'prom-client'
import { CROSSING_TYPES } from '../core/crossing.ts'
import { UNPRICED_KINDS } from '../core/reports.ts'
import { MICROCREDITS_PER_CREDIT } from '../core/units.ts'
import { ERRORS, type ErrorCode } from '../errors.ts'
import type { CreditKind } from '../ledger/ledger-metrics.ts'
import { DELIVERY_STATES, type DeliveryChannel } from '../outbox/notice-log.ts'
import type { ScriptName } from '../store/scripts.ts'
import { Tally } from './tally.ts'

const CREDIT_KINDS: readonly CreditKind[] = ['held', 'charged', 'freed', 'expired', 'returned']
/** Scripts that check the counters before they write. */
const CHECKING_SCRIPTS: readonly ScriptName[] = ['reserve', 'settle', 'free', 'expire', 'replay']
const CHANNELS: readonly DeliveryChannel[] = ['email', 'webhook', 'slack']

/** Refusals for credits; what is refused for another reason is counted under `tollgate_refusals_total` only. */
export const DENIALS: ReadonlySet<ErrorCode> = new Set([
  'user_credit_limit_reached',
  'request_exceeds_credit_limit',
  'credits_in_flight',
])

function callCounters(registry: Registry) {
  const denials = new Tally().register(
    registry,
    'tollgate_denials_total',
    'Calls refused for credits, by error code.',
    ['code'],
  )
  for (const code of DENIALS) denials.declare(code, { code })
  const refusals = new Tally().register(
    registry,
    'tollgate_refusals_total',
    'Calls that the gateway answered with an error of its own, by error code.',
    ['code'],
  )
  for (const code of Object.keys(ERRORS)) refusals.declare(code, { code })
  return {
    denials,
    refusals,
    requests: new Tally().register(registry, 'tollgate_requests_total', 'Calls by how they ended.', [
      'upstream',
      'family',
      'outcome',
    ]),
  }
}

function creditCounters(registry: Registry) {
  const credits = new Tally().register(
    registry,
    'tollgate_credits_total',
    'Credits by what became of them.',
    ['kind'],
    MICROCREDITS_PER_CREDIT,
  )
  for (const kind of CREDIT_KINDS) credits.declare(kind, { kind })
  const exceeded = new Tally().register(
    registry,
    'tollgate_hold_exceeded_total',
    'Calls that cost more than was held for them.',
    [],
  )
  exceeded.declare('', {})
  const faults = new Tally().register(
    registry,
    'tollgate_ledger_faults_total',
    'Batches that a script refused whole, because the counters in the store do not add up.',
    ['script'],
  )
  for (const script of CHECKING_SCRIPTS) faults.declare(script, { script })
  const unpriced = new Tally().register(
    registry,
    'tollgate_unpriced_usage_total',
    'Usage that providers reported and that has no price of its own, charged as the closest kind.',
    ['kind'],
  )
  for (const kind of UNPRICED_KINDS) unpriced.declare(kind, { kind })
  return { credits, exceeded, faults, unpriced }
}

function driftCounters(registry: Registry) {
  const drift = new Tally().register(
    registry,
    'tollgate_drift_credits_total',
    'Credits by which counters differed from what usage and open holds come to.',
    [],
    MICROCREDITS_PER_CREDIT,
  )
  drift.declare('', {})
  const driftChecked = new Tally().register(
    registry,
    'tollgate_drift_checked_users_total',
    'Users whose counters were compared with usage and open holds.',
    [],
  )
  driftChecked.declare('', {})
  return { drift, driftChecked }
}

function noticeCounters(registry: Registry) {
  const crossings = new Tally().register(
    registry,
    'tollgate_crossings_total',
    'Thresholds and limits crossed.',
    ['type'],
  )
  for (const type of CROSSING_TYPES) crossings.declare(type, { type })
  const notifications = new Tally().register(
    registry,
    'tollgate_notifications_total',
    'Deliveries of notices by the state that they came to.',
    ['channel', 'state'],
  )
  for (const channel of CHANNELS) {
    for (const state of DELIVERY_STATES) notifications.declare(`${channel} ${state}`, { channel, state })
  }
  return { crossings, notifications }
}

export function createCounters(registry: Registry) {
  const reloadFailures = new Tally().register(
    registry,
    'tollgate_config_reload_failures_total',
    'Configurations that were not taken over: the one before is still in force.',
    [],
  )
  reloadFailures.declare('', {})
  const transitions = new Tally().register(
    registry,
    'tollgate_store_transitions_total',
    'How often the store, or a server of it, stopped answering or answered again.',
    ['to'],
  )
  for (const to of ['up', 'down']) transitions.declare(to, { to })
  const storeWaits = new Tally().register(
    registry,
    'tollgate_store_waits_total',
    'Calls that had to wait for a store that did not answer.',
    [],
  )
  storeWaits.declare('', {})
  return {
    ...callCounters(registry),
    ...creditCounters(registry),
    ...noticeCounters(registry),
    ...driftCounters(registry),
    reloadFailures,
    transitions,
    storeWaits,
  }
}
