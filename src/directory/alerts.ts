/** Organization alerts (O). One script each saves an alert and arms or fires it in the open period. */
import type { OrgAlert, Recipients } from '../core/policy.ts'
import { wholeCredits, type Microcredits, type UnixMs } from '../core/units.ts'
import { storeCall, type RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import { runScript } from '../store/scripts.ts'
import { changeArgs, NO_TAG, tagOf, type Change, type Save, type Tagged } from '../store/changes.ts'
import { armingKeys, inOpenPeriod, noticeAlerts, type SavingStore } from './configure.ts'
import { timedId } from './ids.ts'
import { readOrg, type OrgRecord } from './org-record.ts'
import { readStoreTime } from '../store/clock.ts'
import { pageOf, type Page, type PageRequest } from './page.ts'
import { PERIOD_LIFE_MS } from '../store/lifetimes.ts'

/** The most alerts of an organization (O1). */
export const MOST_ALERTS = 1_000

export interface AlertRecord extends OrgAlert {
  readonly id: string
  /** Rises only with a change of threshold or type: each version fires once per period (N1). */
  readonly version: number
}

export interface AlertStanding extends AlertRecord {
  /** Null for a percentage of an allowance of 0, which no usage can reach (O2). */
  readonly mark: Microcredits | null
  /** When it fired in the current period; null where it has not. */
  readonly firedAt: UnixMs | null
}

export type SaveAlertResult =
  | { readonly status: 'saved'; readonly id: string }
  | { readonly status: 'conflict' | 'no_org' | 'full' }
  | { readonly status: 'not_admins'; readonly users: readonly string[] }

export interface AlertDirectory {
  /** In the order of their creation; null for an unknown organization. */
  listAlerts(org: string, page: PageRequest): Promise<Page<Tagged<AlertStanding>> | null>
  getAlert(org: string, id: string): Promise<Tagged<AlertStanding> | null>
  /** `by` makes the audit log entry from the alert's id. Fires at once if usage is past the mark already (O9). */
  createAlert(org: string, alert: OrgAlert, by: (id: string) => Change): Promise<SaveAlertResult>
  /**
   * `before` is the version that was read. Another threshold or type arms the alert again, and may fire it at once
   * (O8).
   */
  changeAlert(
    org: string,
    before: Tagged<AlertRecord>,
    after: OrgAlert,
    change: Change,
  ): Promise<SaveAlertResult>
  deleteAlert(org: string, id: string, save: Save): Promise<'deleted' | 'conflict' | 'no_org'>
}

type StoredAlert = Omit<AlertRecord, 'id'>

export function createAlertDirectory(store: SavingStore): AlertDirectory {
  const { redis } = store
  return {
    listAlerts: (org, page) => storeCall(() => listAlerts(redis, org, page)),
    getAlert: (org, id) =>
      storeCall(async () => {
        const [record, text] = await Promise.all([readOrg(redis, org), redis.hget(keys.alerts(org), id)])
        if (record === null || text === null) return null
        const fired = await redis.hget(keys.fired(org, record.period.no), id)
        return standingOf(record, id, text, fired)
      }),
    createAlert: (org, alert, by) =>
      storeCall(async () => {
        const id = timedId('alert', await readStoreTime(redis))
        return saveAlert(store, org, { id, ...alert, version: 1 }, { expected: NO_TAG, change: by(id) })
      }),
    changeAlert: (org, before, after, change) =>
      storeCall(() => {
        const isSame = before.type === after.type && before.threshold === after.threshold
        const version = isSame ? before.version : before.version + 1
        return saveAlert(store, org, { id: before.id, ...after, version }, { expected: before.tag, change })
      }),
    deleteAlert: (org, id, save) => storeCall(() => deleteAlert(store, org, id, save)),
  }
}

async function listAlerts(
  redis: RedisClient,
  org: string,
  { limit, after }: PageRequest,
): Promise<Page<Tagged<AlertStanding>> | null> {
  const [record, texts] = await Promise.all([readOrg(redis, org), redis.hgetall(keys.alerts(org))])
  if (record === null) return null
  const ids = Object.keys(texts).filter((id) => after === null || id > after)
  const { items, next } = pageOf(ids.sort(), limit, (id) => id)
  const fired = items.length === 0 ? [] : await redis.hmget(keys.fired(org, record.period.no), ...items)
  return {
    items: items.map((id, index) => standingOf(record, id, texts[id] ?? '', fired[index] ?? null)),
    next,
  }
}

function standingOf(
  record: OrgRecord,
  id: string,
  text: string,
  fired: string | null,
): Tagged<AlertStanding> {
  const { type, threshold, recipients, version } = JSON.parse(text) as StoredAlert
  const percent = (record.allowance / 100) * threshold
  const mark =
    type === 'absolute' ? wholeCredits(threshold) : percent === 0 ? null : (percent as Microcredits)
  const [firedVersion, at] = fired?.split(' ') ?? []
  const firedAt = Number(firedVersion) === version ? (Number(at) as UnixMs) : null
  return { id, type, threshold, recipients, version, mark, firedAt, tag: tagOf(text) }
}

async function saveAlert(
  store: SavingStore,
  org: string,
  { id, type, threshold, recipients, version }: AlertRecord,
  { expected, change }: Save,
): Promise<SaveAlertResult> {
  const text = JSON.stringify({ type, threshold, recipients, version } satisfies StoredAlert)
  const reply = await inOpenPeriod(store, org, ({ no, end }) =>
    runScript(store.redis, 'save-alert', {
      keys: { ...armingKeys(org, no), admins: keys.admins(org) },
      args: {
        tag: expected,
        period_no: no,
        ...changeArgs(change),
        id,
        alert: text,
        life_end_ms: end + PERIOD_LIFE_MS,
        most_alerts: MOST_ALERTS,
      },
      lists: { recipients: namedRecipients(recipients) },
    }),
  )
  if (reply === null) return { status: 'no_org' }
  const [status, ...rest] = reply
  if (status === 'saved') {
    noticeAlerts(store, org, rest[0])
    return { status, id }
  }
  if (status === 'conflict' || status === 'full') return { status }
  return { status: 'not_admins', users: rest }
}

/** The recipients that are named, whom the scripts look up among the admins (O7). */
export function namedRecipients(recipients: Recipients): readonly string[] {
  return recipients === 'all' ? [] : recipients
}

async function deleteAlert(
  store: SavingStore,
  org: string,
  id: string,
  { expected, change }: Save,
): Promise<'deleted' | 'conflict' | 'no_org'> {
  const reply = await inOpenPeriod(store, org, ({ no }) =>
    runScript(store.redis, 'delete-alert', {
      keys: armingKeys(org, no),
      args: { tag: expected, period_no: no, ...changeArgs(change), id },
    }),
  )
  if (reply === null) return 'no_org'
  return reply[0] === 'deleted' ? 'deleted' : 'conflict'
}
