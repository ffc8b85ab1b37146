/**
 * The fields of an organization's hash in Redis, which the Lua scripts read by the same names. Amounts are whole
 * microcredits, instants Unix milliseconds, switches `0` or `1`, all in plain digits.
 */
export const ORG_FIELDS = [
  'name',
  'allowance',
  'admission', //            strict | straddle
  'auto_enroll', //          whether an app's key may enroll unknown users …
  'max_members', //          … while there are fewer members than this
  'billing', //              JSON of a BillingSchedule
  'billing_next', //         JSON of the schedule that takes over when the current period ends (P4); '' for none
  'period_no',
  'period_start',
  'period_end',
  'revision', //             counts up with every saved change of this hash
  'alert_on', //             the per-user alert (U) …
  'alert_mark',
  'alert_version', //        … rises only with the threshold
  'alert_recipients', //     JSON
  'alert_notify_user',
  'limit_on', //             the per-user limit (L)
  'limit_default',
  'limit_recipients', //     JSON
  'exclude_workflow',
  'exclude_agent_deployment',
  'explanation', //          JSON of an Explanation
  'created_at',
  'memory', //               which buckets of resolved holds were begun, and have forgotten since (lua/include/resolved.lua)
  'deleting', //             all that is left of one that is being deleted, besides created_at: what its log will say
] as const

export type OrgField = (typeof ORG_FIELDS)[number]
