/**
 * Saves the fields of an organization's hash: one resource at a time, as a whole, and only on the version that was read
 * (A2).
 */
import type { Recipients } from '../core/policy.ts'
import type { UnixMs } from '../core/units.ts'
import type { RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import type { OrgField } from '../store/org-fields.ts'
import type { CrossingType } from '../ledger/replies.ts'
import { runScript } from '../store/scripts.ts'
import { changeArgs, type Save } from '../store/changes.ts'
import { RESOURCES, type Resource } from './org-record.ts'
import { readStoreTime } from '../store/clock.ts'
import { PERIOD_LIFE_MS } from '../store/lifetimes.ts'

/** Opens the billing period of `now` if the stored one has ended. The ledger implements it. */
export type OpenPeriod = (org: string, now: UnixMs) => Promise<unknown>

/** What a save needs from the store. */
export interface SavingStore {
  readonly redis: RedisClient
  readonly openPeriod: OpenPeriod
  /** Called when a save put crossings into the organization's outbox. */
  readonly crossed?: (org: string, type: CrossingType, count: number) => void
}

export type OrgValues = Partial<Record<OrgField, string>>

export type SaveResult =
  | { readonly status: 'saved' }
  /** Another save came after the version that this change is based on (A2). */
  | { readonly status: 'conflict' }
  | { readonly status: 'no_org' }
  /** These recipients are not admins of the organization (O7). */
  | { readonly status: 'not_admins'; readonly users: readonly string[] }

/** The period may end between two attempts, and the next one opens it; no period is shorter than three attempts. */
const STALE_ATTEMPTS = 3

/**
 * Runs a script that requires the open period to be the current one. If that period has ended, the script answers
 * `stale`: then this opens the next period and runs the script again. Null for an unknown organization.
 */
export async function inOpenPeriod(
  { redis, openPeriod }: SavingStore,
  org: string,
  run: (period: { readonly no: number; readonly end: UnixMs }) => Promise<unknown>,
): Promise<readonly string[] | null> {
  for (let attempt = 1; attempt <= STALE_ATTEMPTS; attempt += 1) {
    const [no, end] = await redis.hmget(keys.org(org), 'period_no', 'period_end')
    if (no === null || no === undefined) return null
    const reply = (await run({ no: Number(no), end: Number(end) as UnixMs })) as readonly string[]
    if (reply[0] !== 'stale') return reply[0] === 'no_org' ? null : reply
    await openPeriod(org, await readStoreTime(redis))
  }
  throw new Error(`the billing period of ${org} keeps ending`)
}

/** Saves the fields of one resource, all or none. Rejects if the connection fails. */
export async function configure(
  store: SavingStore,
  org: string,
  resource: Resource,
  values: OrgValues,
  recipients: Recipients,
  { expected, change }: Save,
): Promise<SaveResult> {
  const fields = RESOURCES[resource]
  const named = recipients === 'all' ? [] : recipients
  const reply = await inOpenPeriod(store, org, ({ no, end }) =>
    runScript(store.redis, 'configure', {
      keys: { ...armingKeys(org, no), admins: keys.admins(org) },
      args: {
        tag: expected,
        period_no: no,
        ...changeArgs(change),
        allowance: values.allowance ?? '',
        life_end_ms: end + PERIOD_LIFE_MS,
      },
      lists: { resource: fields, recipients: named, fields: Object.entries(values).flat() },
    }),
  )
  if (reply === null) return { status: 'no_org' }
  const [status, ...rest] = reply
  if (status === 'saved') noticeAlerts(store, org, rest[0])
  if (status === 'saved' || status === 'conflict') return { status }
  return { status: 'not_admins', users: rest }
}

/** Reports the alerts that a save fired at once; the script's reply has their count. */
export function noticeAlerts({ crossed }: SavingStore, org: string, count: string | undefined): void {
  if (Number(count) > 0) crossed?.(org, 'org.alert.crossed', Number(count))
}

/** The keys of a script that changes which alerts are armed in the open period. */
export function armingKeys(org: string, no: number) {
  return {
    org: keys.org(org),
    audit: keys.audit(org),
    alerts: keys.alerts(org),
    total: keys.total(org, no),
    armed: keys.armed(org, no),
    fired: keys.fired(org, no),
    outbox: keys.outbox(org),
  }
}
